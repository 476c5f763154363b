"""One run's samples to its values: what counts, what is null, what energy is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.power_curve import SensorFacts, power_curve
from paretofleet_analysis.runs.sample_schemas import PHASES
from paretofleet_analysis.runs.summary import summarize_run
from paretofleet_analysis.statistics.intervals import quantile, quantile_interval

MS = 10**6
S = 10**9
ITERATIONS = 47
COUNTER = {
    "stream": "power:rapl/package-0",
    "source": "rapl",
    "rail": "package-0",
    "scope": "package",
    "kind": "counter",
    "schema": "energy/1",
    "max_range_uj": 262_143_328_850,
    "period_s": 0.001,
    "lag_s": None,
    "quantum_w": None,
    "quantum_j": 61e-6,
    "gain_relative_uncertainty": 0.03,
    "primary": True,
}
SAMPLED = COUNTER | {
    "stream": "power:ina3221/VDD_IN",
    "source": "ina3221",
    "rail": "VDD_IN",
    "scope": "module",
    "kind": "instant",
    "schema": "power/1",
    "max_range_uj": None,
    "period_s": 0.05,
    "quantum_w": 0.152,
    "quantum_j": None,
}


def marks(**starts_s):
    """A mark at the start of each named phase."""
    items = sorted(starts_s.items(), key=lambda item: item[1])
    return {
        "t_ns": np.array([round(at * S) for _, at in items]),
        "phase": np.array([PHASES.index(name) for name, _ in items]),
    }


def iterations(first_s, count, each_s, gap_s=0.0):
    starts = round(first_s * S) + np.arange(count) * round((each_s + gap_s) * S)
    return {"start_ns": starts, "duration_ns": np.full(count, round(each_s * S))}


def counter(power_w, end_s, every_s=0.05, first_uj=0, modulus=None):
    times = np.round(np.arange(0, end_s + 1e-9, every_s) * S).astype(np.int64)
    values = first_uj + np.round(times / S * power_w * 1e6).astype(np.int64)
    return {"t_ns": times, "counter_uj": values % modulus if modulus else values}


def sampled(power_of_t, end_s, every_s=0.05):
    times = np.round(np.arange(0, end_s + 1e-9, every_s) * S).astype(np.int64)
    values = np.array([round(power_of_t(t / S) * 1e6) for t in times])
    return {"t_ns": times, "value_uw": values}


def summarize(streams, facts=None, batch_size=1, mode="latency", target_kind="cpu"):
    return summarize_run(streams, facts or {}, batch_size=batch_size, mode=mode, target_kind=target_kind)


def run_of(sensor, power, window_s=0.5, batch_size=1, **more):
    """A run in [1 s, 1 s + window], a sensor over everything; its iterations do not keep step with it."""
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.0 + window_s, end=2.0 + window_s),
        "iterations": iterations(1.0, ITERATIONS, window_s / ITERATIONS),
        sensor["stream"]: power,
    }
    return summarize(streams, {"sensors": [sensor]}, batch_size=batch_size, **more)


# What counts.


def test_only_iterations_of_the_measured_phase_count():
    streams = {
        "marks": marks(load=0.0, warm_up=1.0, guard_before=2.0, measure=3.0, guard_after=4.0, end=5.0),
        "iterations": {
            "start_ns": np.array([1.5, 2.5, 3.0, 3.5, 4.0, 4.5]) * S,
            "duration_ns": np.array([100, 100, 10, 30, 100, 100]) * MS,
        },
    }
    run = summarize(streams, batch_size=4)
    assert run["iterations"] == 2
    assert run["batch_latency_mean_s"] == pytest.approx(0.020)
    assert run["time_per_item_s"] == pytest.approx(0.005)
    assert run["throughput_items_s"] == pytest.approx(8 / 0.53)


def test_marks_that_repeat_a_phase_extend_it():
    streams = {
        "marks": {"t_ns": np.array([0, 1, 2, 3]) * S, "phase": np.array([2, 4, 4, 5])},
        "iterations": iterations(1.0, 20, 0.1),
    }
    assert summarize(streams)["iterations"] == 20


def test_gaps_between_blocks_lower_throughput_and_not_latency():
    streams = {
        "marks": marks(measure=0.0, guard_after=10.0),
        "iterations": iterations(0.0, 10, 0.1, gap_s=0.1),
    }
    run = summarize(streams)
    assert run["time_per_item_s"] == pytest.approx(0.1)
    assert run["throughput_items_s"] == pytest.approx(10 / 1.9)


def test_throughput_mode_has_no_latency():
    streams = {"marks": marks(measure=0.0, guard_after=10.0), "iterations": iterations(0.0, 10, 0.1)}
    run = summarize(streams, mode="throughput", batch_size=2)
    assert run["batch_latency_mean_s"] is None
    assert run["batch_latency_p50_s"] is None
    assert run["time_per_item_s"] == pytest.approx(0.05)
    assert run["throughput_items_s"] == pytest.approx(20)


def queued(step_ns):
    """Blocks of a device that takes 30 iterations at once: quick until full; the last waits for all."""
    starts, durations = [], []
    for each in step_ns:
        begin = starts[-1] + durations[-1] + MS // 3 if starts else 0
        handed = np.concatenate([np.full(30, MS // 50), np.full(70, each), [30 * each]])
        starts += list(begin + np.concatenate([[0], np.cumsum(handed)[:-1]]))
        durations += list(handed)
    return {
        "marks": marks(measure=0.0, guard_after=1000.0),
        "iterations": {"start_ns": np.array(starts), "duration_ns": np.array(durations)},
    }


def test_throughput_mode_is_steady_where_its_blocks_are_whatever_handing_over_takes():
    def flags(step_ns, **facts):
        return summarize(queued(step_ns), facts, mode="throughput")["flags"]

    blocks = {"window_blocks": [101] * 20}
    assert flags([2 * MS] * 20, **blocks) == []
    assert flags([2 * MS] * 10 + [3 * MS] * 10, **blocks) == ["slowing"]
    assert flags([2 * MS] * 10 + [3 * MS] * 10) == [], "without the blocks nothing is known"
    assert flags([2 * MS, 3 * MS], window_blocks=[101] * 2) == [], "two blocks tell nothing"


@pytest.mark.parametrize(
    ("count", "present"), [(5, ""), (6, "50"), (28, "50"), (29, "50 90"), (298, "50 90"), (299, "50 90 99")]
)
def test_percentiles_need_enough_iterations(count, present):
    streams = {"marks": marks(measure=0.0, guard_after=100.0), "iterations": iterations(0.0, count, 0.01)}
    run = summarize(streams)
    found = " ".join(p for p in ("50", "90", "99") if run[f"batch_latency_p{p}_s"] is not None)
    assert found == present


def test_a_run_without_measured_iterations_has_no_values_and_does_not_count():
    run = summarize({"marks": marks(warm_up=0.0, end=1.0), "iterations": iterations(0.0, 5, 0.1)})
    assert run["iterations"] == 0
    assert run["counted"] is False
    assert run["flags"] == ["no_measured_iterations"]
    assert run["throughput_items_s"] is None
    assert summarize({})["iterations"] == 0


def test_facts_pass_through():
    streams = {"marks": marks(measure=0.0, guard_after=1.0), "iterations": iterations(0.0, 10, 0.1)}
    facts = {
        "load_ns": 250 * MS,
        "first_inference_ns": 90 * MS,
        "memory_peak_bytes": 123,
        "device_memory_bytes": 456,
        "flags": ["short_protocol"],
        "counted": False,
    }
    run = summarize(streams, facts)
    assert (run["load_s"], run["first_inference_s"], run["memory_peak_bytes"]) == (0.25, 0.09, 123)
    assert run["device_memory_bytes"] == 456
    assert run["flags"] == ["short_protocol"]
    assert run["counted"] is False
    assert run["rule_version"] == "4"


def test_the_summary_is_json():
    run = run_of(COUNTER, counter(70.0, 3.0))
    assert json.loads(json.dumps(run, allow_nan=False)) == run


def test_contradictions_are_named():
    with pytest.raises(SampleError, match="stream iterations has no column duration_ns"):
        summarize({"marks": marks(measure=0), "iterations": {"start_ns": np.array([1])}})
    with pytest.raises(SampleError, match="columns of 2 and 1 values"):
        summarize({"marks": {"t_ns": np.array([1, 2]), "phase": np.array([4])}})
    with pytest.raises(SampleError, match="phase 9"):
        summarize({"marks": {"t_ns": np.array([1, 2]), "phase": np.array([4, 9])}})
    bad = {"start_ns": np.array([1]), "duration_ns": np.array([-1])}
    with pytest.raises(SampleError, match="negative duration"):
        summarize({"marks": marks(measure=0.0, end=1.0), "iterations": bad})


# Energy: oracles that a pencil can check.


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
        assert "energy_not_covered" in run["flags"]


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
    assert "energy_not_covered" in run["flags"]


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


# Properties.


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


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 10), min_size=6, max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(durations_s, random):
    starts = np.round(np.cumsum([0.0, *durations_s[:-1]]) * S).astype(np.int64)
    durations = np.round(np.array(durations_s) * S).astype(np.int64)
    order = list(range(len(starts)))
    random.shuffle(order)
    bounds = marks(measure=0.0, guard_after=10_000.0)
    one = summarize({"marks": bounds, "iterations": {"start_ns": starts, "duration_ns": durations}})
    two = summarize(
        {"marks": bounds, "iterations": {"start_ns": starts[order], "duration_ns": durations[order]}}
    )
    assert one["throughput_items_s"] == two["throughput_items_s"]
    assert one["batch_latency_p50_s"] == two["batch_latency_p50_s"]
    assert one["batch_latency_mean_s"] == pytest.approx(two["batch_latency_mean_s"], rel=1e-12)


@pytest.mark.parametrize(("n", "q"), [(6, 0.5), (20, 0.5), (29, 0.9), (100, 0.9), (299, 0.99)])
def test_the_interval_of_a_quantile_covers_as_often_as_it_says(n, q):
    rng = np.random.default_rng(3)
    truth = -np.log(1 - q)
    covered = 0
    for _ in range(600):
        lo, hi = quantile_interval(rng.exponential(size=n), q)
        covered += lo <= truth <= hi
    assert covered / 600 >= 0.93


def test_a_quantile_is_the_textbooks():
    assert quantile(np.array([3.0, 1.0, 2.0, 4.0, 5.0, 6.0]), 0.5) == 3.5
