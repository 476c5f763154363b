"""Adaptive sweeps: the ranking so far decides what the later blocks hold."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import numpy as np
from paretofleet_analysis.ranking.allocation import RunAllocation, allocate_runs
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.jobs.choose import choose_block
from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.planning.schedule import (
    AddBlock,
    BlockChoice,
    ChooseBlock,
    Done,
    GrantRun,
    PastRun,
    next_run,
)
from paretofleet_collector.service import adaptive, devices, sweeps
from rig import Rig

ALLOCATION = RunAllocation(("batch_latency_p90_s",), ("a", "b", "c"), ("a", "b"), {"a": 2, "b": 1})


def test_a_block_holds_what_gets_runs_and_may_have_them():
    assert choose_block(ALLOCATION, ("a", "b", "c"), 6) == BlockChoice(
        ("a", "b"), 6, "2 of 3 configurations are undecided by batch_latency_p90_s"
    )
    assert choose_block(ALLOCATION, ("b", "c"), 6).configuration_ids == ("b",)


def test_where_all_is_decided_the_device_has_ended():
    said = choose_block(replace(ALLOCATION, undecided=()), ("a", "b", "c"), 6)
    assert said == BlockChoice((), 6, "all 3 configurations are decided by batch_latency_p90_s")


def test_what_is_undecided_goes_on_where_the_runs_would_go_elsewhere():
    assert choose_block(replace(ALLOCATION, runs={"c": 3}), ("a", "c"), 6).configuration_ids == ("a",)
    assert choose_block(ALLOCATION, ("c",), 6).configuration_ids == ()


def measured(name: str, values_s: list[float], top1: float) -> ReportInput:
    """A configuration as the report wants it, with nothing but latencies."""
    measures = ("mean", "p50", "p90")
    made = [
        RunInput(
            run_id=f"{name}-{block}",
            block=block,
            state="sealed",
            environment_id="e" * 16,
            boot_id="boot",
            started_s=float(block),
            summary={
                **{f"batch_latency_{measure}_s": value for measure in measures},
                "time_per_item_s": value,
                "throughput_items_s": 1 / value,
                "iterations": 30,
                "flags": [],
                "counted": True,
                "rule_version": "1",
            },
            facts={},
        )
        for block, value in enumerate(values_s, start=1)
    ]
    fixed = {"options": {}, "batch_size": 1, "threads": 1, "simulated": False, "weights_precision": "fp32"}
    texts = ("variant", "variant_sha256", "device_class", "target", "runtime", "precision", "protocol")
    return ReportInput(
        **dict.fromkeys(texts, "x"), **fixed, sweep="s", device="box", mode="latency", runs=made,
        timing_scope="copy+compute", configuration_id=name, model=name, top1=top1, top1_source="user",
    )  # fmt: skip


def played(truth_s: dict[str, float], top1: dict[str, float], repeats: Repeats) -> Counter[str]:
    """A whole adaptive sweep of one device without a collector: how many runs each configuration got."""
    rng = np.random.default_rng(7)
    history = [
        PastRun(f"{name}-{block}", name, name, 1, block, "pending")
        for name in truth_s
        for block in range(1, repeats.runs_min + 1)
    ]
    choice = None
    for _ in range(1000):
        step = next_run(history, repeats, 0.0, choice)
        if isinstance(step, Done):
            break
        if isinstance(step, GrantRun):
            at = next(i for i, run in enumerate(history) if run.run_id == step.run_id)
            value_s = truth_s[history[at].configuration_id] * float(np.exp(rng.normal(0, 0.04)))
            history[at] = replace(history[at], state="sealed", counted=True, value_s=value_s)
        elif isinstance(step, AddBlock):
            history += [
                PastRun(f"{name}-{step.block}", name, name, 1, step.block, "pending")
                for name in step.configuration_ids
            ]
        elif isinstance(step, ChooseBlock):
            of = {name: [run.value_s for run in history if run.configuration_id == name] for name in truth_s}
            table = build_report([measured(name, values, top1[name]) for name, values in of.items()])
            allocation = allocate_runs(
                table, use="realtime", budget=len(step.configuration_ids), seed=step.block
            )
            choice = choose_block(allocation, step.configuration_ids, step.block)
    return Counter(run.configuration_id for run in history)


def test_a_close_pair_gets_the_runs_and_what_is_clear_none():
    """`close` is 4 % slower than `rival` and no better; five runs of 4 % noise do not tell."""
    truth_s = {"fast": 0.001, "rival": 0.0100, "close": 0.0104, "loser": 0.050}
    top1 = {"fast": 50.0, "rival": 80.0, "close": 80.0, "loser": 60.0}
    counts = played(truth_s, top1, Repeats(5, 12, 0.0001, 1, adaptive="realtime"))
    assert counts["loser"] == 5
    assert counts["rival"] > 5
    assert counts["close"] > 5
    assert counts == played(truth_s, top1, Repeats(5, 12, 0.0001, 1, adaptive="realtime")), "from the seed"


def seconds_of(grant, rng) -> float:
    """Batch sizes 1 and 2 have one throughput, batch size 4 a twentieth of it."""
    size = grant.planned.configuration.batch_size
    return 0.01 * size * (20 if size == 4 else 1) * float(np.exp(rng.normal(0, 0.02)))


def until_chosen(rig: Rig) -> bool:
    """Waits for the blocks that are being chosen; whether there were any."""
    tasks = list(rig.context.choosing.values())
    if tasks:
        rig.do(asyncio.wait(tasks, timeout=120))
    return bool(tasks)


def run_all(rig: Rig, session, seed: int = 3, most: int = 60) -> Counter[int]:
    """Grants, measures and seals until nothing comes any more; runs by batch size."""
    rng = np.random.default_rng(seed)
    counts: Counter[int] = Counter()
    while sum(counts.values()) < most:
        grant = rig.lease(session)
        if grant is None:
            if not until_chosen(rig):
                break
            continue
        counts[grant.planned.configuration.batch_size] += 1
        rig.upload(session, grant, seconds=seconds_of(grant, rng))
        rig.seal()
    return counts


def test_a_collector_lets_the_ranking_choose_and_says_so(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(2, 1, 4), runs_min=3, runs_max=5, adaptive="offline")
    assert rig.sweep(sweep.name).notes == (
        "adaptive: after block 3 a block holds what would settle the ranking for offline use soonest",
    )
    counts = run_all(rig, session)
    assert counts[4] == 3
    assert counts[1] > 3
    ended = rig.sweep(sweep.name)
    assert ended.state == "finished"
    assert ended.notes[1].startswith("box ")
    assert "by throughput_items_s" in ended.notes[1]


def test_a_choice_that_is_stored_survives_the_collector(rig):
    """A restart forgets only that something was being chosen; what was chosen is history."""
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(2, 1), runs_min=3, runs_max=4, adaptive="offline")
    rng = np.random.default_rng(1)
    for _ in range(6):
        grant = rig.lease(session)
        rig.upload(session, grant, seconds=seconds_of(grant, rng))
        rig.seal()
    assert rig.sweep(sweep.name).state == "running", "the last device is between two blocks"
    assert rig.lease(session) is None
    until_chosen(rig)
    notes = rig.sweep(sweep.name).notes
    rig.context.choosing.clear()
    rig.hello(session)
    grant = rig.lease(session)
    assert (grant is not None) == ("undecided" in notes[1])
    assert rig.sweep(sweep.name).notes == notes


def test_a_device_that_is_removed_while_its_block_is_chosen_holds_nobody_up(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2), runs_min=3, runs_max=9, adaptive=True)
    rng = np.random.default_rng(1)
    for _ in range(6):
        grant = rig.lease(session)
        rig.upload(session, grant, seconds=seconds_of(grant, rng))
        rig.seal()
    rig.do(devices.change_device(rig.context, "box", "remove", {}))
    assert rig.sweep(sweep.name).state == "finished"


def test_a_cancelled_sweep_gets_no_block_any_more(rig):
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2), runs_min=3, runs_max=9, adaptive=True)
    rng = np.random.default_rng(1)
    for _ in range(6):
        grant = rig.lease(session)
        rig.upload(session, grant, seconds=seconds_of(grant, rng))
        rig.seal()
    rig.lease(session)
    rig.do(sweeps.cancel(rig.context, sweep.name))
    until_chosen(rig)
    assert rig.sweep(sweep.name).runs == 6
    assert rig.lease(session) is None


def test_where_choosing_keeps_failing_the_device_goes_on_without_and_the_sweep_says_so(rig, monkeypatch):
    tries = []

    async def broken(kind, **_arguments):
        tries.append(kind)
        raise CollectorError("The collector failed inside (ValueError: odd).")

    monkeypatch.setattr(adaptive, "AFTER_DEATH_S", 0.0)
    session = rig.joined()
    sweep = rig.submit(batch_sizes=(1, 2), runs_min=3, runs_max=4, half_width=1e-6, adaptive=True)
    for number in range(6):
        rig.upload(session, rig.lease(session), seconds=0.01 + 0.001 * number)
        rig.seal()
    monkeypatch.setattr(rig.context.worker, "run", broken)
    assert rig.lease(session) is None
    until_chosen(rig)
    assert rig.lease(session) is not None
    assert tries == ["choose"] * adaptive.TRIES_MAX
    assert rig.sweep(sweep.name).notes[1] == (
        "box in block 4: not ranked, so what has not converged goes on: "
        "The collector failed inside (ValueError: odd)."
    )


def test_a_device_that_has_ended_does_not_end_the_sweep_of_one_whose_block_is_chosen(rig):
    sessions = [rig.joined("one"), rig.joined("two")]
    sweep = rig.submit(batch_sizes=(1, 2, 4), runs_min=3, runs_max=4, adaptive="offline")
    rng = np.random.default_rng(1)
    for session in sessions:
        while (grant := rig.lease(session)) is not None:
            rig.upload(session, grant, seconds=seconds_of(grant, rng))
            rig.seal()
    assert rig.sweep(sweep.name).state == "running"
    for session in sessions:
        run_all(rig, session)
    ended = rig.sweep(sweep.name)
    assert ended.state == "finished"
    assert len(ended.notes) == 3, "how it goes, and one sentence for each device"
    by_device = Counter(note.partition(" ")[0] for note in ended.notes[1:])
    assert by_device == {"one": 1, "two": 1}
