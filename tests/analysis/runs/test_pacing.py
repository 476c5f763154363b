"""Values of a run whose items came by the clock: what is waited for, whole periods, what is not kept."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.errors import SampleError
from run_streams import COUNTER, MS, S, counter, marks, summarize

PERIOD = 200 * MS


def paced(*, late_ms=0.0, taken_ms=50, count=40, batch_size=1, parts=None):
    """Streams and facts of a run with a period of 200 ms, measured from 2 s to 6 s: (streams, facts)."""
    due = 1 * S + np.arange(count) * PERIOD
    late, taken = (np.broadcast_to(np.array(each) * MS, count).astype(int) for each in (late_ms, taken_ms))
    streams = {
        "marks": marks(warm_up=1.0, guard_before=1.5, measure=2.0, guard_after=6.0, end=9.0),
        "iterations": {"start_ns": due + late, "duration_ns": taken},
        "power:rapl/package-0": counter(10.0, 9.0),
    }
    facts = {
        "paced": {"items_s": 5.0 * batch_size, "period_ns": PERIOD, "due": parts or [[1 * S, count]]},
        "sensors": [COUNTER],
    }
    return streams, facts


def test_a_latency_counts_from_when_the_item_was_due():
    late = np.zeros(40)
    late[7] = 100
    run = summarize(*paced(late_ms=late), mode="paced")
    assert run["iterations"] == 20
    assert run["batch_latency_mean_s"] == pytest.approx(0.050 + 0.100 / 20)
    assert run["time_per_item_s"] == pytest.approx(0.050)
    assert (run["late_share"], run["lateness_p50_s"], run["lateness_p99_s"]) == (1 / 20, 0.0, None)


def test_energy_and_throughput_are_those_of_whole_periods():
    run = summarize(*paced(), mode="paced")
    assert run["throughput_items_s"] == pytest.approx(5.0)
    assert run["energy_j_per_item"] == pytest.approx(10.0 / 5.0)
    assert run["power_w"] == pytest.approx(10.0)


def test_the_first_item_of_a_batch_waits_for_its_last():
    run = summarize(*paced(batch_size=4), batch_size=4, mode="paced")
    assert run["batch_latency_mean_s"] == pytest.approx(0.050 + 3 / 20.0)
    assert run["throughput_items_s"] == pytest.approx(20.0)
    assert run["energy_j_per_item"] == pytest.approx(10.0 / 20.0)


@pytest.mark.parametrize(
    ("taken_ms", "parts"),
    [(210, None), (50, [[1 * S, 10], [3 * S + 100 * MS, 30]])],
    ids=["slow", "given up"],
)
def test_a_rate_that_is_not_kept_has_no_latency_and_no_energy_of_an_item(taken_ms, parts):
    run = summarize(*paced(taken_ms=taken_ms, parts=parts), mode="paced")
    assert "pace_not_kept" in run["flags"]
    for name in ("batch_latency_mean_s", "energy_j_per_item", "late_share"):
        assert run[name] is None
    assert run["throughput_items_s"] <= 5.0
    assert run["counted"]


def test_iterations_without_a_due_time_are_refused():
    with pytest.raises(SampleError, match="40 iterations were measured and 39 were due"):
        summarize(*paced(parts=[[1 * S, 39]]), mode="paced")
