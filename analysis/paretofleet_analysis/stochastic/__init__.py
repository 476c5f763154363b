"""The exact stochastic Pareto ranking: probabilities computed from the measured runs, not drawn."""

from __future__ import annotations

from .allocation import next_runs
from .arguments import Absolute
from .attainment import Estimate, attainment, expected_hypervolume
from .blocks import BlockCorrection, remove_block_effects
from .calibration import MeanFront, mean_front_probability
from .dominators import dominator_distribution, rank_interval
from .efficiency import EfficiencySummary, efficiency_summary, efficiency_survival
from .front import front_probability
from .montecarlo import FrontNumbers, GainIntegral, front_number, integrate_gains
from .pairwise import dominance_probability
from .replicates import replicates
from .samples import Shared

__all__ = [
    "Absolute",
    "BlockCorrection",
    "EfficiencySummary",
    "Estimate",
    "FrontNumbers",
    "GainIntegral",
    "MeanFront",
    "Shared",
    "attainment",
    "dominance_probability",
    "dominator_distribution",
    "efficiency_summary",
    "efficiency_survival",
    "expected_hypervolume",
    "front_number",
    "front_probability",
    "integrate_gains",
    "mean_front_probability",
    "next_runs",
    "rank_interval",
    "remove_block_effects",
    "replicates",
]
