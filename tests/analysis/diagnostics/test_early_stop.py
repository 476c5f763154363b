"""Runs that are looked at after every block, and end once a pair is clear: what is then said holds."""

from __future__ import annotations

import early_stop
import numpy as np
import pytest
from paretofleet_analysis.diagnostics.paired import CLEAR_P, are_clear, compare, is_clear, p_values


@pytest.mark.parametrize("law", early_stop.LAWS)
@pytest.mark.parametrize("difference", [0.0, 1.0, 2.0, 8.0])
def test_intervals_cover_and_twins_stay_together_whenever_runs_end(law: str, difference: float) -> None:
    cell = early_stop.measure(law, 0.02, difference, pairs=4000)
    assert cell.covered > 0.935
    assert difference or cell.apart < 0.06


def test_what_is_far_apart_ends_after_few_blocks() -> None:
    near, far = (
        early_stop.measure("normal", 0.02, difference, pairs=500).blocks for difference in (1.0, 20.0)
    )
    assert far < 4
    assert near > 12


def test_clear_is_a_p_value_below_the_limit_or_an_interval_within_the_margin() -> None:
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.02, 0.05, 0.2):
        logs = shift + 0.01 * rng.standard_normal(5)
        ones = dict.fromkeys(range(5), 1.0)
        found = compare(dict(enumerate(np.exp(logs).tolist())), ones, resolutions=(0.0, 0.0))
        p = float(p_values(logs.mean(), logs.std(ddof=1), 5))
        assert is_clear(found, 0.0) == (p < CLEAR_P)
    assert are_clear(0.001, 0.0005, 10, 0.02)
    assert not are_clear(0.001, 0.005, 10, 0.02)
