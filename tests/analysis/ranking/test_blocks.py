"""Drift that the runs of a block share costs a pair's verdict almost nothing, once blocks are heeded."""

from __future__ import annotations

import blocks
import pytest


@pytest.mark.parametrize("runs", blocks.RUNS)
def test_drift_of_four_percent_costs_less_than_15_percent_of_the_brier_score(runs):
    calm = blocks.scores(0.0, runs, 150).ignored
    found = blocks.scores(blocks.DRIFT, runs, 150)
    assert found.within <= blocks.LOSS_MAX * calm
    assert found.removed <= blocks.LOSS_MAX * calm
    assert found.ignored > blocks.LOSS_MAX * calm
