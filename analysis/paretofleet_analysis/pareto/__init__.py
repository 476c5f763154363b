"""The exact stochastic Pareto ranking: probabilities computed from the measured runs, not drawn."""

from __future__ import annotations

from .allocation import next_runs
from .attainment import Estimate, attainment, expected_hypervolume
from .block_effects import BlockCorrection, remove_block_effects
from .calibration import MeanFront, mean_front_probability
from .dominance_probabilities import dominance_probability
from .dominator_distribution import dominator_distribution, rank_interval
from .efficiency import EfficiencySummary, efficiency_summary, efficiency_survival
from .fleet import Shared
from .front_probabilities import front_probability
from .replicates import replicates
from .simulation import FrontNumbers, GainIntegral, front_number, integrate_gains
from .validation import Absolute

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
