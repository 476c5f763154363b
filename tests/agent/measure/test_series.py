"""A series of iterations grows block by block."""

from __future__ import annotations

import pytest
from paretofleet_agent.measure.series import Series, quantile


def test_a_series_lasts_from_its_first_start_to_its_last_end():
    first = Series().extended([100, 300], [150, 200])
    both = first.extended([1000], [500])
    assert (first.n, first.blocks) == (2, ((2, 400),))
    assert (both.n, both.blocks, both.elapsed_s) == (3, ((2, 400), (1, 500)), pytest.approx(1.4e-6))
    assert both.extended([], []) == both
    assert Series().elapsed_s == 0.0


def test_a_quantile_lies_between_its_neighbours():
    assert [quantile([1, 2, 4], p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == [1, 1.5, 2, 3, 4]
