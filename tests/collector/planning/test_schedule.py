"""The schedule, as properties of a pure function."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.planning.schedule import (
    AddBlock,
    BlockChoice,
    Boot,
    ChooseBlock,
    Done,
    FailRun,
    GrantRun,
    PastRun,
    Reboot,
    SkipRuns,
    Step,
    Wait,
    has_converged,
    next_run,
)

NOW = 100.0


def fresh(configurations: int, blocks: int) -> list[PastRun]:
    return [
        PastRun(f"r{block}-{number}", f"c{number}", "family", 2**number, block, "pending")
        for block in range(1, blocks + 1)
        for number in range(configurations)
    ]


def runs_of(values_s: list[float], environment_id: str = "e", first: int = 1) -> list[PastRun]:
    """Sealed runs of one configuration."""
    return [
        PastRun(
            f"r{at}",
            "c",
            "family",
            1,
            at,
            "sealed",
            counted=True,
            value_s=value,
            environment_id=environment_id,
        )
        for at, value in enumerate(values_s, first)
    ]


def play(history: list[PastRun], repeats: Repeats, outcome) -> tuple[list[PastRun], list[str]]:
    """Runs everything to the end; `outcome(run)` says how a run ends. Returns the history and the order."""
    order: list[str] = []
    for _ in range(10_000):
        step: Step = next_run(history, repeats, NOW)
        if isinstance(step, Done):
            return history, order
        assert not isinstance(step, Wait | FailRun)
        if isinstance(step, SkipRuns):
            history = [
                replace(r, state="skipped", reason=step.reason) if r.run_id in step.run_ids else r
                for r in history
            ]
        elif isinstance(step, AddBlock):
            first = {run.configuration_id: run for run in history}
            history = history + [
                replace(
                    first[one],
                    run_id=f"r{step.block}-{one}",
                    block=step.block,
                    state="pending",
                    counted=None,
                    value_s=None,
                )
                for one in step.configuration_ids
            ]
        elif isinstance(step, GrantRun):
            order.append(step.run_id)
            history = [outcome(run) if run.run_id == step.run_id else run for run in history]
    raise AssertionError("the schedule does not end")


def sealed(run: PastRun, value_s: float = 1.0, counted: bool = True) -> PastRun:
    """Runs of all but one value: what agrees in every digit is never taken as sure."""
    return replace(run, state="sealed", counted=counted, value_s=value_s * (1 + run.block / 7e4))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_the_first_blocks_hold_every_configuration_once_and_in_seeded_order(configurations, blocks, seed):
    repeats = Repeats(blocks, blocks, None, seed)
    _, order = play(fresh(configurations, blocks), repeats, sealed)
    assert len(order) == configurations * blocks
    for block in range(blocks):
        some = order[block * configurations : (block + 1) * configurations]
        assert Counter(some) == Counter(f"r{block + 1}-{number}" for number in range(configurations))
    assert order == play(fresh(configurations, blocks), repeats, sealed)[1]


def test_blocks_and_seeds_have_orders_of_their_own():
    def order_of(seed: int) -> list[list[str]]:
        order = play(fresh(8, 2), Repeats(2, 2, None, seed), sealed)[1]
        numbers = [name.partition("-")[2] for name in order]
        return [numbers[:8], numbers[8:]]

    assert order_of(1)[0] != order_of(1)[1]
    assert order_of(1) != order_of(2)


def test_later_blocks_hold_only_what_has_not_converged_until_the_maximum():
    noise = iter([1.0, 2.0] * 100)

    def outcome(run: PastRun) -> PastRun:
        return sealed(run, next(noise) if run.configuration_id == "c0" else 1.0)

    history, _ = play(fresh(3, 3), Repeats(3, 7, 0.02, 1), outcome)
    counts = Counter(run.configuration_id for run in history)
    assert counts == {"c0": 7, "c1": 3, "c2": 3}
    assert [run.block for run in history if run.configuration_id == "c0"] == [1, 2, 3, 4, 5, 6, 7]


def test_the_first_configuration_stays_in_every_block_to_show_the_drift():
    noise = iter([1.0, 2.0] * 100)

    def outcome(run: PastRun) -> PastRun:
        return sealed(run, next(noise) if run.configuration_id == "c2" else 1.0)

    history, _ = play(fresh(4, 3), Repeats(3, 7, 0.02, 1), outcome)
    counts = Counter(run.configuration_id for run in history)
    assert counts == {"c0": 7, "c1": 3, "c2": 7, "c3": 3}


def test_the_canary_runs_for_no_replacement_and_not_past_the_most_runs():
    history, _ = play(
        fresh(2, 3),
        Repeats(3, 3, None, 1),
        lambda run: sealed(run, counted=(run.configuration_id, run.block) != ("c1", 2)),
    )
    assert Counter(run.configuration_id for run in history) == {"c0": 3, "c1": 4}


def test_where_the_first_configuration_fails_the_next_is_the_canary():
    noise = iter([1.0, 2.0] * 100)

    def outcome(run: PastRun) -> PastRun:
        if run.configuration_id == "c0":
            return replace(run, state="failed", reason="unsupported")
        return sealed(run, next(noise) if run.configuration_id == "c3" else 1.0)

    history, _ = play(fresh(4, 3), Repeats(3, 5, 0.02, 1), outcome)
    tried = Counter(run.configuration_id for run in history if run.state == "sealed")
    assert tried == {"c1": 5, "c2": 3, "c3": 5}


def test_nothing_is_appended_while_a_run_is_being_sealed():
    history = [sealed(run) for run in fresh(1, 2)]
    history[1] = replace(history[1], state="uploaded", counted=None, value_s=None)
    assert next_run(history, Repeats(2, 5, 0.0001, 1), NOW) == Wait()


def test_a_set_aside_run_is_replaced_in_a_new_block():
    history, _ = play(fresh(1, 3), Repeats(3, 3, None, 1), lambda run: sealed(run, counted=run.block > 2))
    assert [(run.block, run.counted) for run in history] == [
        *((1, False), (2, False), (3, True)),
        *((4, True), (5, True)),
    ]


def test_a_run_has_two_replacements_and_no_third():
    history, _ = play(fresh(1, 3), Repeats(3, 3, None, 1), lambda run: sealed(run, counted=False))
    assert len(history) == 3 + 2 * 3
    spoiled = {1, 4, 5}
    history, _ = play(
        fresh(1, 3), Repeats(3, 3, None, 1), lambda run: sealed(run, counted=run.block not in spoiled)
    )
    assert Counter(run.counted for run in history) == {False: 3, True: 2}


def test_replacements_do_not_use_up_the_most_runs():
    noise = iter([1.0, 2.0] * 100)
    history, _ = play(
        fresh(1, 3),
        Repeats(3, 6, 0.02, 1),
        lambda run: sealed(run, next(noise), counted=run.block not in {2, 6}),
    )
    assert Counter(run.counted for run in history) == {True: 6, False: 2}


def test_the_value_of_a_run_never_decides_whether_it_counts():
    history, _ = play(fresh(1, 3), Repeats(3, 3, None, 1), lambda run: sealed(run, 100.0**run.block))
    assert len(history) == 3


def test_after_oom_larger_batches_of_the_same_family_are_skipped():
    other = [PastRun("x", "cx", "other family", 64, 1, "pending")]
    history, order = play(
        fresh(4, 2) + other,
        Repeats(2, 2, None, 3),
        lambda run: (
            replace(run, state="failed", reason="oom")
            if run.batch_size >= 4 and run.family == "family"
            else sealed(run)
        ),
    )
    by_size = defaultdict(Counter)
    for run in history:
        by_size[run.batch_size][run.state, run.reason] += 1
    assert by_size[1] == by_size[2] == {("sealed", None): 2}
    assert by_size[64] == {("sealed", None): 2}
    tried = [name for name in order if name.endswith(("-2", "-3"))]
    assert 1 <= len(tried) <= 2
    assert all(reason == "oom" for size in (4, 8) for _, reason in by_size[size])


def test_a_failure_that_would_come_again_is_not_repeated_in_later_blocks():
    history, order = play(
        fresh(2, 5),
        Repeats(5, 5, None, 1),
        lambda run: (
            replace(run, state="failed", reason="unsupported")
            if run.configuration_id == "c0"
            else sealed(run)
        ),
    )
    assert len(order) == 6
    assert Counter(run.state for run in history if run.configuration_id == "c0") == {
        "failed": 1,
        "skipped": 4,
    }


def test_lost_says_nothing_about_the_configuration():
    history, _ = play(
        fresh(1, 3),
        Repeats(3, 3, None, 1),
        lambda run: replace(run, state="failed", reason="lost") if run.block == 1 else sealed(run),
    )
    assert Counter(run.state for run in history) == {"failed": 1, "sealed": 2}


def test_one_run_at_a_time_and_an_expired_lease_is_given_again_up_to_three_attempts():
    run = replace(fresh(1, 1)[0], state="running", attempt=1, lease_until_unix_s=NOW + 1)
    repeats = Repeats(1, 1, None, 1)
    assert next_run([run], repeats, NOW) == Wait()
    assert next_run([run], repeats, NOW + 1) == GrantRun(run.run_id)
    assert next_run([replace(run, tries=2)], repeats, NOW + 1) == FailRun(run.run_id)


def test_what_is_tried_again_comes_last_in_its_block():
    history = fresh(3, 1)
    repeats = Repeats(1, 1, None, 1)
    first = next_run(history, repeats, NOW)
    again = [replace(run, tries=1) if GrantRun(run.run_id) == first else run for run in history]
    assert play(again, repeats, sealed)[1][-1] == first.run_id


def test_convergence_is_the_report_s_interval_relative_to_the_mean():
    assert not has_converged(runs_of([1.0, 1.0]), 0.5)
    assert has_converged(runs_of([1.0, 1.00001, 0.99999]), 0.001)
    assert not has_converged(runs_of([1.0, 1.0, 1.0]), 0.001), "a clock that shows whole seconds only"
    values = [1.00, 1.01, 0.99, 1.00, 1.02]
    inflated = 1.18 * 2.7764451 * 0.0114018 / 5**0.5 / 1.004
    assert has_converged(runs_of(values), inflated * 1.01)
    assert not has_converged(runs_of(values), inflated * 0.99)
    assert has_converged(runs_of([1.0]), None)


ADAPTIVE = Repeats(3, 6, 0.02, 1, adaptive="realtime")


def test_after_the_first_blocks_an_adaptive_sweep_asks_what_the_next_shall_hold():
    history = [sealed(run) for run in fresh(3, 3)]
    assert next_run(history, ADAPTIVE, NOW) == ChooseBlock(("c0", "c1", "c2"), 4)
    assert next_run(history, ADAPTIVE, NOW, BlockChoice(("c1",), 3, "")) == ChooseBlock(("c0", "c1", "c2"), 4)


def test_a_chosen_block_holds_what_was_chosen_and_the_canary():
    history = [sealed(run) for run in fresh(4, 3)]
    assert next_run(history, ADAPTIVE, NOW, BlockChoice(("c2",), 4, "")) == AddBlock(("c0", "c2"), 4)
    assert next_run(history, ADAPTIVE, NOW, BlockChoice((), 4, "all is decided")) == Done()


def test_where_nothing_can_be_ranked_an_adaptive_block_holds_what_has_not_converged():
    history = [sealed(run, run.block if run.configuration_id == "c1" else 1.0) for run in fresh(2, 3)]
    assert next_run(history, ADAPTIVE, NOW, BlockChoice(None, 4, "")) == AddBlock(("c0", "c1"), 4)


def test_replacements_come_before_anything_is_chosen():
    history = [sealed(run, counted=run.run_id != "r2-1") for run in fresh(2, 3)]
    assert next_run(history, ADAPTIVE, NOW) == AddBlock(("c1",), 4)


def test_what_failed_or_has_the_most_runs_is_not_to_be_chosen():
    history = [
        replace(run, state="failed", reason="unsupported") if run.configuration_id == "c0" else sealed(run)
        for run in fresh(3, 3)
    ]
    history += [sealed(run) for run in fresh(3, 6) if run.configuration_id == "c1" and run.block > 3]
    assert next_run(history, ADAPTIVE, NOW) == ChooseBlock(("c2",), 7)
    assert next_run(history, replace(ADAPTIVE, runs_max=3), NOW) == Done()


SPREAD = Repeats(4, 8, 0.02, 1, boots=2)


def in_boot(run: PastRun, boot: str) -> PastRun:
    return replace(sealed(run), boot_id=boot)


def test_blocks_are_spread_over_boots_where_reboots_are_allowed():
    history = [in_boot(run, "first") if run.block <= 2 else run for run in fresh(2, 4)]
    assert next_run(history, SPREAD, NOW, None, Boot("first", may_reboot=True)) == Reboot(2, 4)
    assert isinstance(next_run(history, SPREAD, NOW, None, Boot("second", may_reboot=True)), GrantRun)
    assert isinstance(next_run(fresh(2, 4), SPREAD, NOW, None, Boot("first", may_reboot=True)), GrantRun)
    one = replace(SPREAD, boots=1)
    assert isinstance(next_run(history, one, NOW, None, Boot("first", may_reboot=True)), GrantRun)


def test_without_the_permission_the_blocks_go_on_within_one_boot():
    history = [in_boot(run, "first") if run.block <= 2 else run for run in fresh(2, 4)]
    assert isinstance(next_run(history, SPREAD, NOW, None, Boot("first")), GrantRun)


def test_a_device_that_does_not_reboot_is_waited_for_ten_minutes():
    history = [in_boot(run, "first") if run.block <= 2 else run for run in fresh(1, 4)]
    boot = Boot("first", may_reboot=True, asked_unix_s=NOW)
    assert next_run(history, SPREAD, NOW + 599, None, boot) == Reboot(2, 4)
    assert isinstance(next_run(history, SPREAD, NOW + 600, None, boot), GrantRun)


def test_a_reboot_that_came_by_itself_counts_and_later_blocks_need_no_more():
    history = [in_boot(run, "first" if run.block == 1 else "second") for run in fresh(1, 4)]
    history += [replace(run, block=5, run_id="later") for run in fresh(1, 1)]
    assert next_run(history, SPREAD, NOW, None, Boot("second", may_reboot=True)) == GrantRun("later")
    three = replace(SPREAD, boots=3)
    assert next_run(history, three, NOW, None, Boot("second", may_reboot=True)) == Reboot(3, 4)


def test_a_boot_within_which_no_block_was_done_is_not_left_for_another():
    """Else a device that may reboot only now, with boots to make up for, would reboot for ever."""
    six = replace(SPREAD, runs_min=6, boots=3)
    history = [in_boot(run, "first") if run.block <= 4 else run for run in fresh(2, 6)]
    boot = Boot("second", may_reboot=True)
    assert isinstance(next_run(history, six, NOW, None, boot), GrantRun)
    history = [in_boot(run, "second") if run.run_id == "r5-0" else run for run in history]
    assert next_run(history, six, NOW, None, boot) == GrantRun("r5-1"), "a block that has begun stays whole"
    history = [
        in_boot(run, "second") if run.block == 5 and run.state == "pending" else run for run in history
    ]
    assert next_run(history, six, NOW, None, boot) == Reboot(1, 6)


def test_blocks_whose_attempts_were_all_lost_call_for_no_reboots():
    lost = [replace(run, state="failed", reason="lost", attempt=3) for run in fresh(1, 2)]
    history = lost + [run for run in fresh(1, 4) if run.block > 2]
    assert isinstance(next_run(history, SPREAD, NOW, None, Boot("now", may_reboot=True)), GrantRun)


def test_runs_of_another_environment_repeat_nothing():
    before = runs_of([1.0, 1.3, 1.0, 1.3], "driver 535")
    assert not has_converged(before, 0.02)
    assert has_converged(before + runs_of([2.0, 2.001, 2.0], "driver 550", 5), 0.02)
    assert not has_converged(runs_of([1.0] * 5, "driver 535") + runs_of([1.0], "driver 550", 6), 0.02)
    repeats = Repeats(runs_min=5, runs_max=20, relative_half_width=0.02, seed=1)
    updated = runs_of([1.0] * 3, "driver 535") + runs_of([1.0] * 2, "driver 550", 4)
    assert next_run(updated, repeats, NOW) == AddBlock(("c",), 6)
