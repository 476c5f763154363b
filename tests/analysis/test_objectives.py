"""What can be ranked by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.objectives import OBJECTIVES, parse_margin
from paretofleet_analysis.report.schema import schema


def test_every_objective_is_a_column_with_that_direction_and_unit():
    for name, known in OBJECTIVES.items():
        metadata = schema().field(name).metadata
        assert metadata[b"direction"].decode() == ("maximize" if known.maximize else "minimize"), name
        assert metadata[b"unit"].decode() == known.unit, name
        assert (f"{name}_runs" in schema().names) == known.is_measured


@given(st.floats(0, 99, allow_nan=False))
def test_a_margin_reads_back(value):
    assert parse_margin(f"{value:.6f}%").value == pytest.approx(value / 100, abs=1e-8)
