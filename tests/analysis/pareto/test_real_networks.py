"""The passes of real networks on real processors: the exact probabilities are those of long simulations."""

from __future__ import annotations

import csv
from pathlib import Path

import moocore
import numpy as np
from paretofleet_analysis.pareto import Shared, front_probability

#: Depth stands for quality here, which the timings lack; it is uncertain by 3 % to exercise the sharing.
LAYERS = {
    "alexnet": 8,
    "vgg16": 16,
    "resnet-18": 18,
    "vgg19": 19,
    "googlenet-v1": 22,
    "resnet-34": 34,
    "resnet-50": 50,
    "resnet-101": 101,
    "resnet-152": 152,
    "resnet-200": 200,
}


def measured_networks() -> dict[tuple[str, str], np.ndarray]:
    """The passes of real networks on four graphics cards and a processor, the first (cold) one left out."""
    runs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with (Path(__file__).parent / "data" / "cnn_benchmarks_passes.csv").open() as file:
        for row in csv.DictReader(file):
            if row["pass"] != "1":  # noqa: S105
                key = (row["setup"], row["model"])
                runs.setdefault(key, []).append((float(row["forward_s"]), float(row["backward_s"])))
    return {key: np.array(values) for key, values in runs.items()}


def test_real_networks_agree_with_a_long_simulation():
    networks = measured_networks()
    assert {model for _, model in networks} == set(LAYERS)
    names = list(LAYERS)
    groups = np.array([names.index(model) for _, model in networks])
    values = [LAYERS[name] * np.array([0.97, 1.0, 1.03]) for name in names]
    samples = list(networks.values())
    p = front_probability(
        samples, maximize=[False, False], shared=Shared(groups=groups, values=values, maximize=True)
    )
    rng = np.random.default_rng(3)
    draws, hits = 5000, np.zeros(len(samples))
    for _ in range(draws):
        layers = np.array([rng.choice(v) for v in values])
        world = np.array(
            [(*x[rng.integers(len(x))], -layers[g]) for x, g in zip(samples, groups, strict=True)]
        )
        hits += moocore.is_nondominated(world, keep_weakly=True)
    assert ((p > 0.02) & (p < 0.98)).sum() >= 5
    assert (np.abs(hits / draws - p) <= 4.5 * np.sqrt(p * (1 - p) / draws) + 1e-8).all()
