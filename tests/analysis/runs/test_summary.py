"""One run's samples to its values: what counts, and what is null."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.errors import SampleError
from run_streams import (
    COUNTER,
    MS,
    S,
    counter,
    iterations,
    marks,
    run_of,
    summarize,
)


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


def test_steps_of_a_training_are_no_latencies_and_have_a_time_of_their_own():
    streams = {"marks": marks(measure=0.0, guard_after=10.0), "iterations": iterations(0.0, 10, 0.1)}
    run = summarize(streams, mode="training", batch_size=4)
    assert [run[name] for name in ("batch_latency_mean_s", "batch_latency_p50_s")] == [None, None]
    assert run["step_s"] == pytest.approx(0.1)
    assert run["time_per_item_s"] == pytest.approx(0.025)
    assert "step_s" not in summarize(streams, batch_size=4), "nothing else has steps"


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
    assert run["rule_version"] == "6"


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
