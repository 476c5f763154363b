"""The exact stochastic Pareto ranking: probabilities computed from the measured runs, not drawn."""

from __future__ import annotations

from .allocation import next_runs
from .attainment_function import IntegralEstimate, attainment, expected_hypervolume
from .block_effects import BlockCorrection, remove_block_effects
from .calibration import FrontQuestion, MeanFront, calibrated_front, mean_front_probability
from .dominance_probabilities import dominance_probability, expected_dominators
from .dominators import dominator_distribution, rank_interval
from .efficiency import efficiency_survival
from .front_probabilities import front_probability
from .replicate_draws import replicates
from .shared_costs import Shared
from .shrinkage import EfficiencyIntervals, efficiency_intervals
from .validation import Absolute

__all__ = [
    "Absolute",
    "BlockCorrection",
    "EfficiencyIntervals",
    "FrontQuestion",
    "IntegralEstimate",
    "MeanFront",
    "Shared",
    "attainment",
    "calibrated_front",
    "dominance_probability",
    "dominator_distribution",
    "efficiency_intervals",
    "efficiency_survival",
    "expected_dominators",
    "expected_hypervolume",
    "front_probability",
    "mean_front_probability",
    "next_runs",
    "rank_interval",
    "remove_block_effects",
    "replicates",
]
