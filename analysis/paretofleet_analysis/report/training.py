"""The columns of a report's row that say what it cost to train its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.statistics.intervals import mean_interval

#: Columns of a cost by the key under which a training has it.
_COSTS = {"s": "training_s", "cpu_s": "training_cpu_s", "energy_j": "training_energy_j"}


def training_columns(training: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the trainings of a model, null for what `training` does not say.

    Its `s`, `cpu_s`, `energy_j` and `images_s` hold a value for each training, in s, s, J and 1/s; a cost
    that one of them lacks is null, and its interval is that of a mean. `epochs` of one training, `samples` of
    one epoch, `source` in words, the `device` that was measured; `compute_tflops_days` that `compute_source`
    published. `grids`: the steps of the grids on which costs stand, by key; what the values show otherwise.

    >>> found = training_columns({"s": [2.0, 4.0], "energy_j": [30.0, None], "epochs": 20})
    >>> found["training_s"], found["training_s_seeds"], found["training_energy_j"]
    (3.0, [2.0, 4.0], None)
    """
    columns: dict[str, Any] = {}
    grids = training.get("grids") or {}
    for key, name in _COSTS.items():
        values = _whole(training.get(key))
        columns[name] = None if values is None else float(np.mean(values))
        estimate = mean_interval(values or (), resolution=grids.get(key))
        columns |= {f"{name}_seeds": values, f"{name}_lo": estimate.lo, f"{name}_hi": estimate.hi}
    rates = _whole(training.get("images_s"))
    columns["training_images_s"] = None if rates is None else float(np.mean(rates))
    for key in ("epochs", "samples", "source", "device", "compute_tflops_days", "compute_source"):
        columns[f"training_{key}"] = training.get(key)
    return columns


def _whole(values: Sequence[float | None] | None) -> list[float] | None:
    """The `values`, None where one is missing: a mean of the others would be of them alone."""
    if not values:
        return None
    given = [float(value) for value in values if value is not None]
    return given if len(given) == len(values) else None
