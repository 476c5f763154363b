"""Simulated devices: every process and pipe the real one, the numbers known and repeatable."""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_agent import simulate
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.errors import ConfigError
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import PHASES

POWER = "power:sim/VDD_IN"


@pytest.fixture
def limits(kit):
    return dataclasses.replace(
        kit.QUICK,
        warm_up_min_s=1.0,
        warm_up_min_iterations=20,
        iterations_min=30,
        iterations_max=400,
        window_min_s=20.0,
        block_s=1.0,
        idle_s=2.0,
        is_short=False,
    )


def run(kit, device, **wanted):
    samples = kit.Samples()
    lease = kit.lease_of(**{"size_bytes": 5_000_000, **wanted})
    return measure(lease, None, samples, kit.Watch(), device), samples


def phase_of(samples, name):
    times, phases = samples.columns("marks")
    at = phases.index(PHASES.index(name))
    return times[at], times[at + 1]


def inside(samples, stream, name):
    low, high = phase_of(samples, name)
    return [value for t, value in zip(*samples.columns(stream)) if low <= t < high]


def test_a_simulated_run_goes_through_every_phase_on_a_virtual_clock(kit, tx2, limits):
    outcome, samples = run(kit, tx2, limits=limits)
    assert outcome.ok, outcome.message
    assert [PHASES[phase] for phase in samples.columns("marks")[1]] == list(PHASES)
    low, high = phase_of(samples, "measure")
    assert (high - low) / 1e9 >= 20.0
    assert len(inside(samples, POWER, "idle_before")) == 40
    times = samples.columns(POWER)[0]
    cells = [(t - times[0]) // 50_000_000 for t in times]
    assert cells == list(range(len(cells))), "once in every 50 ms, each time elsewhere in it"
    (sensor,) = outcome.facts["sensors"]
    assert (sensor["read_s"], sensor["read_spread"]) == (0.05, True)
    assert (sensor["stream"], sensor["scope"], sensor["kind"], sensor["primary"]) == (
        POWER,
        "module",
        "instant",
        True,
    )
    assert outcome.facts["simulated"] is True
    assert outcome.facts["environment"]["device"] == "sim:jetson-tx2"
    assert outcome.facts["boot_id"].startswith("sim:")


def test_a_jetson_warms_up_for_two_seconds_at_least_and_the_facts_say_so(kit, tx2, limits):
    outcome, samples = run(kit, tx2, limits=limits)
    begin, end = phase_of(samples, "warm_up")
    assert limits.warm_up_min_s == 1.0
    assert outcome.facts["warm_up_min_s"] == 2.0
    assert end - begin >= 2e9


def test_in_throughput_mode_the_facts_say_how_long_each_block_of_the_window_is(kit, tx2, limits):
    outcome, samples = run(kit, tx2, limits=limits, mode="throughput")
    counts = outcome.facts["window_blocks"]
    assert len(counts) > 10
    assert sum(counts) == len(inside(samples, "iterations", "measure"))
    assert "window_blocks" not in run(kit, tx2, limits=limits)[0].facts


def test_the_samples_are_those_of_the_model_and_the_truth_stays_apart(kit, tx2, limits):
    outcome, samples = run(kit, tx2, limits=limits)
    truth = json.loads(tx2.simulation.truth_path.read_text())
    durations = inside(samples, "iterations", "measure")
    assert statistics.mean(durations) / 1e9 == pytest.approx(truth["run_batch_latency_mean_s"], rel=0.01)
    watts = statistics.mean(inside(samples, POWER, "measure")) / 1e6
    assert watts == pytest.approx(truth["run_power_w"] * truth["sensor_gain"], rel=0.01)
    idle = statistics.mean(inside(samples, POWER, "idle_after")) / 1e6
    assert idle == pytest.approx(truth["idle_power_w"] * truth["sensor_gain"], rel=0.03)
    text = json.dumps(outcome.facts)
    assert "truth" not in text
    assert "run_power" not in text


def test_the_same_seed_configuration_and_block_give_the_same_samples(kit, tx2):
    first, again = run(kit, tx2)[1], run(kit, tx2, device_id="another")[1]
    assert first.puts == again.puts
    others = [
        run(kit, tx2, block=2)[1],
        run(kit, tx2, batch_size=4)[1],
        run(kit, probe.probe_device(Path("/"), Simulation("jetson-tx2", seed=2), {}))[1],
    ]
    assert all(other.columns("iterations")[1] != first.columns("iterations")[1] for other in others)


def test_a_batch_beyond_the_memory_of_the_class_is_oom(kit, tx2):
    tx1 = probe.probe_device(Path("/"), Simulation("jetson-tx1"), {})
    ends = {
        (device.simulation.device_class, batch_size): run(
            kit, device, size_bytes=100_000_000, batch_size=batch_size
        )[0].reason
        for device in (tx2, tx1)
        for batch_size in (32, 64, 128)
    }
    assert ends == {
        ("jetson-tx2", 32): "",
        ("jetson-tx2", 64): "",
        ("jetson-tx2", 128): "oom",
        ("jetson-tx1", 32): "",
        ("jetson-tx1", 64): "oom",
        ("jetson-tx1", 128): "oom",
    }


def test_an_unknown_class_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="jetson-tx2"):
        probe.probe_device(Path("/"), Simulation("abacus"), {})


def test_blocks_are_days_of_the_virtual_clock(kit, tx2):
    starts = [run(kit, tx2, block=block)[0].facts["started_unix_s"] for block in (1, 2, 3)]
    assert [later - start for start, later in zip(starts, starts[1:])] == [86_400.0, 86_400.0]


@given(
    st.integers(min_value=1, max_value=256),
    st.integers(min_value=10**5, max_value=10**9),
    st.integers(min_value=1, max_value=6),
)
def test_larger_batches_take_longer_and_no_energy_comes_from_nothing(batch_size, size_bytes, threads):
    tx2 = simulate.CLASSES["jetson-tx2"]
    wanted = {"variant_sha256": "ab", "precision": "fp32", "batch_size": batch_size}
    seconds, watts = simulate.expected(tx2, wanted, size_bytes, threads)
    longer, _ = simulate.expected(tx2, dict(wanted, batch_size=batch_size + 1), size_bytes, threads)
    assert 0 < seconds < longer
    assert tx2.idle_w < watts < tx2.idle_w + tx2.span_w


def test_a_step_of_training_takes_three_inferences_and_holds_three_times_as_much(kit, tx2, limits):
    facts = {}
    for mode in ("latency", "training"):
        outcome, samples = run(kit, tx2, limits=limits, mode=mode, batch_size=16)
        assert outcome.ok, outcome.message
        base = simulate.device_class("jetson-tx2").memory_base_bytes
        window = inside(samples, "iterations", "measure")
        facts[mode] = (statistics.fmean(window), outcome.facts["memory_peak_bytes"] - base)
    assert facts["training"][0] == pytest.approx(3 * facts["latency"][0], rel=0.1)
    assert facts["training"][1] == pytest.approx(3 * facts["latency"][1])


def test_what_a_configuration_says_is_true_stands_instead_of_the_classs_formula(kit):
    board = simulate.device_class("jetson-tx2")
    plain = kit.lease_of(size_bytes=5_000_000, batch_size=1).configuration
    seconds, watts = simulate.expected(board, plain, 5_000_000, 1)
    timed = simulate.expected(board, {**plain, "simulated": {"item_s": 0.5}}, 5_000_000, 1)
    assert timed == (0.5, watts)
    both = {**plain, "simulated": {"item_s": 0.5, "item_j": 2.0}}
    assert simulate.expected(board, both, 5_000_000, 1) == (0.5, 4.0)
    drawn = simulate.simulate("jetson-tx2", 1, kit.lease_of(size_bytes=5_000_000, **{**plain, **both}), 1)
    assert drawn.truth["batch_latency_mean_s"] == 0.5
    assert drawn.truth["energy_j_per_item"] == 2.0
    assert seconds != 0.5
