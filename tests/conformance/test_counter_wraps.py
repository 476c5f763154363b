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


def counted_by_analysis_j(values_uj, max_range_uj):
    """Joules that the analysis reads from a counter once a second; None after a reset."""
    times_ns = np.arange(len(values_uj)) * S
    sensor = SensorFacts(is_counter=True, max_range_u=max_range_uj, period_s=1.0)
    curve = power_curve(times_ns, np.array(values_uj), sensor)
    return None if curve is None else curve.value[-1]


@st.composite
def counters(draw):
    """A range or none, and what a counter of it shows: steps of any length, wraps and resets among them."""
    max_range_uj = draw(st.sampled_from(RANGES_UJ))
    top_uj = max_range_uj or RANGE_UJ
    values_uj = draw(st.lists(st.integers(0, top_uj - 1), min_size=2, max_size=6))
    return max_range_uj, values_uj


@given(counters())
@example((1000, [900, 400]))  # half of the range on: a wrap
@example((1000, [900, 401]))  # one more: a reset
@example((1000, [100, 600]))
@example((1000, [100, 601]))
@example((1000, [0, 999, 0]))
@example((None, [5, 4]))
def test_both_count_the_same_and_see_the_same_resets(counter):
    max_range_uj, values_uj = counter
    assume(len(set(values_uj)) > 1)  # of a counter that stands still the analysis has no curve
    counted = counted_uj(values_uj, max_range_uj)
    if counted is None:
        assert counted_by_analysis_j(values_uj, max_range_uj) is None
    else:
        assert counted_by_analysis_j(values_uj, max_range_uj) == pytest.approx(counted / 1e6, rel=1e-12)


@given(
    st.sampled_from(RANGES_UJ[1:]),
    st.integers(0, 10**12),
    st.lists(st.floats(0.001, 0.5), min_size=1, max_size=40),
)
def test_what_was_really_counted_is_found_however_often_the_counter_wraps(max_range_uj, start_uj, shares):
    steps_uj = [int(share * max_range_uj) for share in shares]
    true_uj = np.cumsum([start_uj, *steps_uj])
    shown_uj = [int(value) % max_range_uj for value in true_uj]
    assert counted_uj(shown_uj, max_range_uj) == sum(steps_uj)
    assert counted_by_analysis_j(shown_uj, max_range_uj) == pytest.approx(sum(steps_uj) / 1e6, rel=1e-12)


@given(st.sampled_from(RANGES_UJ), st.integers(1, 30))
def test_a_counter_that_starts_anew_in_the_window_decides_nothing_and_has_no_energy(max_range_uj, after):
    """It fell by less than half of its range, or nobody knows its range."""
    step_uj = 3 if max_range_uj == 1000 else 50 * 10**6
    values_uj = [400 + number * step_uj for number in range(after)]
    values_uj += [number * step_uj for number in range(31 - after)]
    assume(values_uj[after] < values_uj[after - 1])
    rail = RailFacts("energy:x/y", "package", "counter", 1.0, 1.0, 0.0, 0.0, 1e-6, max_range_uj)
    samples = ([number * S for number in range(31)], values_uj)
    assert stopping.uncertainty(rail, samples, 0, 0, 30 * S) is None
    assert counted_by_analysis_j(values_uj, max_range_uj) is None
