"""A short form of bench/pareto_cells.py: what is called sure is sure, whatever the runs are like."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto import FrontQuestion, calibrated_front, remove_block_effects
from paretofleet_analysis.pareto.deterministic import nondominated

from .cells import CELLS, OBJECTIVES

COSTS = [False] * OBJECTIVES
FLEETS = 4


@pytest.mark.parametrize("name", CELLS)
def test_what_is_called_sure_is_sure_in_every_cell(name):
    said, true = [], []
    for seed in range(FLEETS):
        campaign = CELLS[name].campaign(seed)
        corrected = remove_block_effects(campaign.runs, blocks=campaign.blocks, devices=campaign.device)
        question = FrontQuestion(COSTS, noise_groups=[campaign.device])
        said.append(calibrated_front(corrected.samples, question).front)
        true.append(nondominated(campaign.means, maximize=COSTS))
    p, is_front = np.concatenate(said), np.concatenate(true)
    for chosen, right in ((p >= 0.95, is_front), (p <= 0.05, ~is_front)):
        allowed = 2 * np.sqrt(0.95 * 0.05 / max(chosen.sum(), 1))
        assert not chosen.any() or right[chosen].mean() >= 0.95 - allowed
