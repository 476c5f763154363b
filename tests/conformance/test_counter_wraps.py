"""Agent and analysis read a counter by one rule: what the agent waits for is what the report will hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from paretofleet_agent.power import stopping
from paretofleet_agent.power.counters import counted_uj
from paretofleet_agent.power.rail_facts import RailFacts
from paretofleet_analysis.runs.power_curve import SensorFacts, power_curve

S = 10**9
RANGE_UJ = 262_143_328_850
#: Of a counter that wraps once a minute under load, and of one that hardly ever does.
RANGES_UJ = [None, 1000, RANGE_UJ]
#: Between readings so far apart whatever a range holds may have been drawn, and between these it may not.
FAR_S, NEAR_S = 60.0, 0.05
FACTS = {"max_power_w": 1000.0, "period_s": 0.001}


def readings_of(values_uj, every_s):
    return [(round(number * every_s * S), value) for number, value in enumerate(values_uj)]


def counted_by_analysis_j(readings, max_range_uj, **facts):
    """Joules that the analysis reads from a counter; None where it started anew."""
    times_ns, values_uj = np.array(readings, dtype=np.int64).T
    sensor = SensorFacts(is_counter=True, max_range_u=max_range_uj, **facts)
    curve = power_curve(times_ns, values_uj, sensor)
    return None if curve is None else curve.value[-1]


@st.composite
def counters(draw):
    """A range or none, and what a counter of it shows: steps of any length, wraps and resets among them."""
    max_range_uj = draw(st.sampled_from(RANGES_UJ))
    top_uj = max_range_uj or RANGE_UJ
    values_uj = draw(st.lists(st.integers(0, top_uj - 1), min_size=2, max_size=6))
    return max_range_uj, values_uj


@given(counters(), st.sampled_from([FAR_S, 1.0, NEAR_S]), st.sampled_from([{}, FACTS, {"period_s": 1.0}]))
@example((1000, [900, 400]), 1.0, {})  # half of the range on: a wrap
@example((1000, [900, 401]), 1.0, {})  # one more: a start anew
@example((1000, [100, 600]), 1.0, {})
@example((1000, [100, 601]), 1.0, {})
@example((1000, [0, 999, 0]), 1.0, {})
@example((None, [5, 4]), 1.0, {})
@example((0, [5, 4]), 1.0, {})
@example((0, [4, 5]), 1.0, {})
@example((RANGE_UJ, [RANGE_UJ - 10**8, 10**6]), NEAR_S, FACTS)  # 101 J with 104 J that can be drawn
@example((RANGE_UJ, [RANGE_UJ - 10**8, 10**7]), NEAR_S, FACTS)  # 110 J
@example((None, [0, 0, 0, 180 * 10**6]), NEAR_S, FACTS)  # three reads long it stood still
def test_both_count_the_same_and_see_the_same_starts_anew(counter, every_s, facts):
    max_range_uj, values_uj = counter
    assume(len(set(values_uj)) > 1)  # of a counter that stands still the analysis has no curve
    readings = readings_of(values_uj, every_s)
    counted = counted_uj(readings, max_range_uj=max_range_uj, **facts)
    if counted is None:
        assert counted_by_analysis_j(readings, max_range_uj, **facts) is None
    else:
        assert counted_by_analysis_j(readings, max_range_uj, **facts) == pytest.approx(
            counted / 1e6, rel=1e-12
        )


@given(
    st.sampled_from(RANGES_UJ[1:]),
    st.integers(0, 10**12),
    st.lists(st.floats(0.001, 0.5), min_size=1, max_size=40),
)
def test_what_was_really_counted_is_found_however_often_the_counter_wraps(max_range_uj, start_uj, shares):
    steps_uj = [int(share * max_range_uj) for share in shares]
    true_uj = np.cumsum([start_uj, *steps_uj])
    readings = readings_of([int(value) % max_range_uj for value in true_uj], FAR_S)
    assert counted_uj(readings, max_range_uj=max_range_uj) == sum(steps_uj)
    assert counted_by_analysis_j(readings, max_range_uj) == pytest.approx(sum(steps_uj) / 1e6, rel=1e-12)


@given(st.sampled_from(RANGES_UJ), st.integers(1, 30))
def test_a_counter_that_starts_anew_in_the_window_decides_nothing_and_has_no_energy(max_range_uj, after):
    """It fell by less than half of its range, or nobody knows its range."""
    step_uj = 3 if max_range_uj == 1000 else 50 * 10**6
    values_uj = [400 + number * step_uj for number in range(after)]
    values_uj += [number * step_uj for number in range(31 - after)]
    assume(values_uj[after] < values_uj[after - 1])
    assert_starts_anew(readings_of(values_uj, 1.0), max_range_uj, period_s=1.0)


@given(st.floats(0.0, 0.995), st.integers(1, 30))
def test_a_counter_may_start_anew_at_any_place_of_its_range(share, after):
    """50 W; only in the last two thousandths of the range may what is left of it have been drawn."""
    first_uj, step_uj = int(share * RANGE_UJ), int(50e6 * NEAR_S)
    values_uj = [first_uj + number * step_uj for number in range(after)]
    values_uj += [number * step_uj for number in range(31 - after)]
    assume(values_uj[after] < values_uj[after - 1])
    assert_starts_anew(readings_of(values_uj, NEAR_S), RANGE_UJ, **FACTS)


def assert_starts_anew(readings, max_range_uj, *, period_s, max_power_w=None):
    times_ns, values_uj = zip(*readings, strict=True)
    rail = RailFacts(
        stream="energy:x/y",
        scope="package",
        kind="counter",
        period_s=max(period_s, NEAR_S),
        own_period_s=period_s,
        window_s=0.0,
        lag_s=0.0,
        quantum=1e-6,
        max_range_uj=max_range_uj,
        max_power_w=max_power_w,
    )
    assert stopping.uncertainty(rail, (times_ns, values_uj), 0, 0, times_ns[-1]) is None
    analysed = counted_by_analysis_j(readings, max_range_uj, period_s=period_s, max_power_w=max_power_w)
    assert analysed is None
