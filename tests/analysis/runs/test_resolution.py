"""The step of a run's own values: the tick of its clock by its samples, and its sensors' steps."""

from __future__ import annotations

import numpy as np
import pytest
from run_streams import COUNTER, MS, SAMPLED, S, counter, marks, run_of, sampled, summarize


def run_by_clock(tick_ns, count=40, each_s=0.01234567, batch_size=1):
    """A run whose starts and durations a clock of that tick has shown."""
    rng = np.random.default_rng(1)
    durations = np.round(each_s * S * np.exp(0.05 * rng.standard_normal(count)))
    starts = np.concatenate([[0.0], np.cumsum(durations)])
    shown = (starts // tick_ns * tick_ns).astype(np.int64)
    streams = {
        "marks": marks(measure=0.0, guard_after=10.0),
        "iterations": {"start_ns": shown[:-1], "duration_ns": np.diff(shown)},
    }
    return summarize(streams, {"load_ns": 250 * MS}, batch_size=batch_size)


@pytest.mark.parametrize("tick_ns", [1, 100, 1000, 250_000])
def test_the_clock_s_tick_is_seen_in_the_samples_own_grid(tick_ns):
    run = run_by_clock(tick_ns)
    assert run["resolution"]["batch_latency_p50_s"] == tick_ns / 1e9
    assert run["resolution"]["batch_latency_p90_s"] == tick_ns / 1e9
    assert run["resolution"]["load_s"] == tick_ns / 1e9
    assert "first_inference_s" not in run["resolution"], "what is absent has no step"


def test_a_mean_of_iterations_is_finer_than_the_tick_where_they_differ():
    run = run_by_clock(250_000)
    assert 0.0 < run["resolution"]["batch_latency_mean_s"] < 250e-6 / 4
    assert run["resolution"]["time_per_item_s"] == run["resolution"]["batch_latency_mean_s"]
    batched = run_by_clock(250_000, batch_size=8)["resolution"]
    assert batched["time_per_item_s"] == pytest.approx(batched["batch_latency_mean_s"] / 8)


def test_iterations_that_all_look_alike_leave_their_mean_as_unknown_as_one_of_them():
    streams = {
        "marks": marks(measure=0.0, guard_after=10.0),
        "iterations": {"start_ns": np.arange(30) * 20 * MS, "duration_ns": np.full(30, 15 * MS)},
    }
    assert summarize(streams)["resolution"]["batch_latency_mean_s"] == pytest.approx(5 * MS / S)


def test_a_sensor_s_step_is_the_energy_s():
    run = run_of(COUNTER, counter(70.0, 3.0))
    # a counter is read twice, each time off by up to half a quantum
    assert run["resolution"]["energy_j_per_item"] == pytest.approx(2 * 61e-6 / run["iterations"], rel=0.01)
    run = run_of(SAMPLED, sampled(lambda _: 5.0, 3.0), window_s=1.0)
    assert run["resolution"]["power_w"] == pytest.approx(0.152, rel=0.01), "all readings share one rounding"


def test_a_sensor_whose_step_nobody_knows_has_none():
    run = run_of(COUNTER | {"quantum_j": None}, counter(70.0, 3.0))
    assert run["resolution"]["energy_j_per_item"] is None
    assert run["energy_j_per_item"] is not None
