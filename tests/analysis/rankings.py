"""Rankings as tests look at them, and small fleets that several of them rank."""

from __future__ import annotations

import numpy as np
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.report.rows import build_report

COSTS = [False, False]
MARGINS = [Margin(0.02), Margin(0.02)]
MODELS = {
    "resnet50": (76.1, 0.040),
    "mobilenet_v2": (71.9, 0.010),
    "resnet18": (69.8, 0.020),
    "squeezenet1_1": (58.2, 0.009),
    "alexnet": (56.5, 0.012),
}


def by_model(ranking):
    return {row.identity["model"]: row for row in ranking.rows}


def verdicts(ranking):
    return {row.identity["model"]: row.verdict for row in ranking.rows}


def reasons(ranking):
    return {found.reason: len(found.rows) for found in ranking.exclusions}


def noisy(seed, size, noise=0.03, runs=6):
    """Two costs that trade, with noise, of `size` configurations."""
    rng = np.random.default_rng(seed)
    means = np.exp(rng.standard_normal((size, 1)) * [1.0, -1.0] + 0.3 * rng.exponential(size=(size, 1)))
    return [mean * np.exp(noise * rng.standard_normal((runs, 2))) for mean in means]


def drifting(configuration, drift, models=("a", "b", "c", "d")):
    """Latencies 1 % apart with own noise of 0.1 %, all of a block slower or faster by the drift."""
    rng = np.random.default_rng(2)
    factors = np.exp(drift * np.array([0.0, 1.0, -1.0, 2.0, 0.5]))
    rows = []
    for k, name in enumerate(models):
        values = 0.01 * (1 + k / 100) * factors * np.exp(0.001 * rng.standard_normal(5))
        rows.append(configuration(name, list(values), top1=70.0 + k))
    return build_report(rows)
