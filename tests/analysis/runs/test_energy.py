"""What energy a run's readings are: oracles that a pencil can check, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.power_curve import SensorFacts, power_curve
from run_streams import (
    COUNTER,
    ITERATIONS,
    SAMPLED,
    S,
    counter,
    iterations,
    marks,
    run_of,
    sampled,
    summarize,
)


def test_seventy_watts_over_half_a_second_are_35_joules():
    for run in (
        run_of(COUNTER, counter(70.0, 3.0)),
        run_of(SAMPLED, sampled(lambda _: 70.0, 3.0), target_kind="cuda"),
    ):
        (entry,) = run["energy"]
        assert entry["energy_j"] == pytest.approx(35.0, rel=1e-6)
        assert run["energy_j_per_item"] == pytest.approx(35.0 / ITERATIONS, rel=1e-6)
        assert run["power_w"] == pytest.approx(70.0, rel=1e-6)
        assert entry["primary"] is True


def test_energy_is_per_item_not_per_batch():
    assert run_of(COUNTER, counter(70.0, 3.0), batch_size=7)["energy_j_per_item"] == pytest.approx(
        35.0 / 7 / ITERATIONS
    )


def test_edges_are_interpolated():
    run = run_of(COUNTER, counter(70.0, 3.0, every_s=0.3))
    assert run["energy"][0]["energy_j"] == pytest.approx(35.0, rel=1e-6)


def test_a_ramp_integrates_to_its_triangle():
    run = run_of(SAMPLED, sampled(lambda t: 10.0 * t, 3.0))
    assert run["energy"][0]["energy_j"] == pytest.approx(10.0 * (1.5**2 - 1.0**2) / 2)


@pytest.mark.parametrize("first_uj", [0, 4_999_000, 4_950_000, 4_930_000])
def test_a_counter_may_wrap_in_the_window(first_uj):
    modulus = 300_000_000
    start = modulus - 100_000_000 + first_uj
    sensor = COUNTER | {"max_range_uj": modulus}
    run = run_of(sensor, counter(70.0, 3.0, first_uj=start, modulus=modulus))
    assert run["energy"][0]["energy_j"] == pytest.approx(35.0, rel=1e-6)


def test_a_counter_that_was_reset_gives_no_energy():
    power = counter(70.0, 3.0, first_uj=5_000_000)
    power["counter_uj"][25:] -= power["counter_uj"][25]
    for max_range in (None, COUNTER["max_range_uj"]):
        run = run_of(COUNTER | {"max_range_uj": max_range}, power)
        assert run["energy_j_per_item"] is None
        assert run["flags"] == ["counter_reset"]


def test_a_counter_that_starts_anew_far_from_the_end_of_its_range_has_not_wrapped():
    """At 62 % of its range: 99 kJ in 50 ms would be 2 MW."""
    power = counter(50.0, 3.0, first_uj=162 * 10**9)
    power["counter_uj"][25:] -= power["counter_uj"][25]
    run = run_of(COUNTER, power)
    assert (run["power_w"], run["flags"]) == (None, ["counter_reset"])


def test_a_range_of_0_is_an_unknown_one():
    run = run_of(COUNTER | {"max_range_uj": 0}, counter(30.0, 3.0, first_uj=52_649_883_221))
    assert run["power_w"] == pytest.approx(30.0)


@pytest.mark.parametrize("from_s", [0.0, 0.9])
def test_a_counter_that_stands_still_is_named(from_s):
    power = counter(30.0, 3.0)
    power["counter_uj"] = np.minimum(power["counter_uj"], round(from_s * 30e6))
    run = run_of(COUNTER, power)
    assert (run["power_w"], run["flags"]) == (None, ["sensor_frozen"])


def test_a_sensor_that_shows_no_power_at_all_is_named():
    run = run_of(SAMPLED | {"kind": "boxcar"}, sampled(lambda _: 0.0, 3.0))
    assert (run["power_w"], run["flags"]) == (None, ["implausible_power"])


def test_pauses_whose_energy_nobody_knows_are_named():
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.5, end=2.5),
        "iterations": iterations(1.0, 10, 0.02, gap_s=0.03),
        COUNTER["stream"]: counter(70.0, 3.0),
    }
    run = summarize(streams, {"sensors": [COUNTER], "phase_spread": {"pause_s": 0.03}})
    assert (run["power_w"], run["flags"]) == (None, ["pauses_unknown"])


def test_an_uncovered_window_gives_no_energy():
    for sensor, power in ((COUNTER, counter(70.0, 1.4)), (SAMPLED, sampled(lambda _: 70.0, 1.4))):
        run = run_of(sensor, power)
        assert run["energy_j_per_item"] is None
        assert run["power_w"] is None
        assert "energy_not_covered" in run["flags"]


def test_a_sampled_window_with_a_hole_gives_no_energy():
    power = sampled(lambda t: 70.0 + t, 3.0)
    kept = (power["t_ns"] < 1.1 * S) | (power["t_ns"] > 1.4 * S)
    run = run_of(SAMPLED, {name: values[kept] for name, values in power.items()})
    assert run["energy_j_per_item"] is None
    assert "energy_not_covered" in run["flags"]


@pytest.mark.parametrize(
    ("most_w", "is_plausible"), [(300.0, False), (66.0, False), (69.0, True), (None, True)]
)
@pytest.mark.parametrize(
    ("sensor", "power"), [(COUNTER, counter(70.0, 3.0)), (SAMPLED, sampled(lambda _: 70.0, 3.0))]
)
def test_a_power_above_what_the_target_can_draw_is_none(sensor, power, most_w, is_plausible):
    """By more than it may be off: 3 % of gain, and what the readings themselves leave open."""
    scale = 1 if most_w != 300.0 else 6
    power = {name: values * (scale if name != "t_ns" else 1) for name, values in power.items()}
    run = run_of(sensor | {"max_power_w": most_w}, power)
    assert (run["energy_j_per_item"] is not None) == is_plausible
    assert (run["power_w"] is not None) == is_plausible
    assert ("implausible_power" in run["flags"]) != is_plausible


def test_no_sensor_no_energy_and_no_flag():
    streams = {"marks": marks(measure=0.0, guard_after=1.0), "iterations": iterations(0.0, 10, 0.1)}
    run = summarize(streams)
    assert run["energy"] == []
    assert run["energy_j_per_item"] is None
    assert run["power_scope"] is None
    assert run["flags"] == []


def test_stale_reads_are_one_reading():
    """A sensor of 100 ms polled every 5 ms: the trapezoid joins refreshes, not stairs."""
    stairs = sampled(lambda t: 10.0 * np.floor(t / 0.1 + 1e-6) * 0.1, 3.0, every_s=0.005)
    curve = power_curve(stairs["t_ns"], stairs["value_uw"], SensorFacts(is_counter=False, period_s=0.1))
    assert curve.t_s.size == 31
    late_j = 10.0 * 0.005 / 2 * 0.5  # each refresh is taken to have come in the middle between two reads
    assert energy_j(curve, 1.0, 1.5) == pytest.approx(10.0 * (1.5**2 - 1.0**2) / 2 + late_j)


def test_a_steady_sensor_still_refreshes():
    flat = sampled(lambda _: 5.0, 3.0, every_s=0.05)
    curve = power_curve(flat["t_ns"], flat["value_uw"], SensorFacts(is_counter=False, period_s=0.4))
    assert curve.t_s.size == 8
    assert energy_j(curve, 0.5, 2.5) == pytest.approx(10.0)


def test_a_lagging_sensor_is_shifted_back():
    late = sampled(lambda t: 10.0 if t < 1.2 else 70.0, 3.0, every_s=0.01)
    run = run_of(SAMPLED | {"lag_s": 0.2, "period_s": 0.01}, late)
    assert run["power_w"] == pytest.approx(70.0, rel=0.01)


def test_idle_power_is_that_with_the_model_loaded_and_the_other_one_stands_beside_it():
    streams = {
        "marks": marks(idle_before=0.0, load=2.0, measure=3.0, guard_after=4.0, idle_after=5.0, end=7.0),
        "iterations": iterations(3.0, 10, 0.1),
        SAMPLED["stream"]: sampled(lambda t: 3.0 if t <= 2 else 10.0 if t < 4.9 else 3.1, 7.0),
    }
    run = summarize(streams, {"sensors": [SAMPLED]})
    assert run["idle_power_w"] == pytest.approx(3.1, rel=0.001)
    (entry,) = run["energy"]
    assert entry["idle_kind"] == "armed_idle"
    assert entry["cold_idle_power_w"] == pytest.approx(3.0, rel=0.001)
    assert "idle_power_drift" not in run["flags"]


def test_the_primary_scope_follows_the_target():
    board = SAMPLED | {"stream": "power:nvml/0", "source": "nvml", "rail": "0", "scope": "gpu-board"}
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.5, end=2.5),
        "iterations": iterations(1.0, 50, 0.01),
        COUNTER["stream"]: counter(70.0, 3.0),
        board["stream"]: sampled(lambda _: 200.0, 3.0),
    }
    facts = {"sensors": [COUNTER, board]}
    cpu, cuda = summarize(streams, facts), summarize(streams, facts, target_kind="cuda")
    assert (cpu["power_scope"], cpu["power_w"]) == ("package", pytest.approx(70.0))
    assert (cuda["power_scope"], cuda["power_w"]) == ("gpu-board", pytest.approx(200.0))
    assert len(cpu["energy"]) == 2
    only_board = summarize(streams, {"sensors": [board]})
    assert only_board["power_scope"] is None
    assert only_board["energy"][0]["power_w"] == pytest.approx(200.0)


def test_two_packages_are_one_target():
    second = COUNTER | {"stream": "power:rapl/package-1", "rail": "package-1"}
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.5, end=2.5),
        "iterations": iterations(1.0, 50, 0.01),
        COUNTER["stream"]: counter(70.0, 3.0),
        second["stream"]: counter(30.0, 3.0),
    }
    run = summarize(streams, {"sensors": [COUNTER, second]})
    assert run["power_w"] == pytest.approx(100.0)
    lost = streams | {second["stream"]: counter(30.0, 1.2)}
    assert summarize(lost, {"sensors": [COUNTER, second]})["power_w"] is None


@pytest.mark.parametrize("primary", [True, False])
def test_two_boards_are_ambiguous(primary):
    boards = [
        SAMPLED | {"stream": f"power:nvml/{k}", "rail": str(k), "scope": "gpu-board", "primary": primary}
        for k in range(2)
    ]
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.5, end=2.5),
        "iterations": iterations(1.0, 50, 0.01),
        **{board["stream"]: sampled(lambda _: 200.0, 3.0) for board in boards},
    }
    run = summarize(streams, {"sensors": boards}, target_kind="cuda")
    assert run["power_w"] is None
    assert "power_ambiguous" in run["flags"]


def test_a_second_board_is_another_target_whose_energy_stands_apart():
    boards = [
        SAMPLED | {"stream": f"power:nvml/{k}", "rail": str(k), "scope": "gpu-board", "target_id": f"GPU-{k}"}
        for k in range(2)
    ]
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.5, end=2.5),
        "iterations": iterations(1.0, 50, 0.01),
        **{board["stream"]: sampled(lambda _, k=k: 100.0 + k, 3.0) for k, board in enumerate(boards)},
    }
    run = summarize(streams, {"sensors": boards, "target_id": "GPU-1"}, target_kind="cuda")
    assert run["power_w"] == pytest.approx(101.0)
    assert [entry["primary"] for entry in run["energy"]] == [False, True]
    assert "power_ambiguous" not in run["flags"]


def test_no_other_rail_speaks_for_one_that_is_missing():
    """Half of two packages is not their sum, and an integral is not the counter of the other runs."""
    lost = SAMPLED | {"stream": "power:rapl/package-1", "rail": "package-1", "missing": "permission denied"}
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.5, end=2.5),
        "iterations": iterations(1.0, 50, 0.01),
        SAMPLED["stream"]: sampled(lambda _: 50.0, 3.0),
    }
    lost |= {"source": SAMPLED["source"], "scope": SAMPLED["scope"], "primary": True}
    run = summarize(streams, {"sensors": [SAMPLED, lost]}, target_kind="cuda")
    assert run["energy_j_per_item"] is None
    assert run["power_w"] is None
    assert run["batch_latency_mean_s"] == pytest.approx(0.01)
    assert [entry["energy_j"] is None for entry in run["energy"]] == [False, True]
    assert [entry["flags"] for entry in run["energy"]] == [["aliasing_possible"], ["sensor_missing"]]
    assert "sensor_missing" in run["flags"]


# Its uncertainty.


def test_uncertainty_is_absent_where_a_term_is_unknown():
    power = counter(70.0, 3.0)
    assert run_of(COUNTER, power)["energy_relative_uncertainty"] is not None
    for unknown in ("period_s", "quantum_j"):
        run = run_of(COUNTER | {unknown: None}, power)
        assert run["energy_relative_uncertainty"] is None
        assert run["energy_j_per_item"] == pytest.approx(35.0 / ITERATIONS)


def test_gain_stays_apart():
    run = run_of(COUNTER, counter(70.0, 3.0))
    assert run["energy_gain_uncertainty"] == 0.03
    assert run["energy_relative_uncertainty"] < 0.01


def test_a_noisy_sensor_in_a_short_window_is_not_converged():
    rng = np.random.default_rng(1)
    run = run_of(SAMPLED, sampled(lambda _: 8.0 + rng.normal(), 3.0))
    assert run["energy_relative_uncertainty"] > 0.02
    assert "energy_not_converged" in run["flags"]


def test_the_uncertainty_covers_the_error_of_noisy_sensors():
    rng = np.random.default_rng(2)
    within = []
    for _ in range(300):
        offset = rng.uniform(0, 0.05)
        power = sampled(lambda _: 8.0 + 0.5 * rng.normal(), 12.0)
        power["t_ns"] = power["t_ns"] + round(offset * S)
        run = run_of(SAMPLED, power, window_s=5.0)
        within.append(abs(run["energy"][0]["energy_j"] / 40.0 - 1) <= run["energy_relative_uncertainty"])
    assert np.mean(within) >= 0.93


@settings(max_examples=60, deadline=None)
@given(
    power_w=st.floats(1, 300),
    window_s=st.floats(0.3, 3),
    every_s=st.sampled_from([0.01, 0.05, 0.1]),
    first_uj=st.integers(0, 10**9),
)
def test_a_steady_counter_gives_power_times_time_wherever_it_wraps(power_w, window_s, every_s, first_uj):
    modulus = 10**10
    readings = counter(power_w, 6.0, every_s, modulus - first_uj, modulus)
    run = run_of(COUNTER | {"max_range_uj": modulus, "period_s": every_s}, readings, window_s=window_s)
    assert run["power_w"] == pytest.approx(power_w, rel=1e-4)
