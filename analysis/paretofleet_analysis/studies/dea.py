"""Data envelopment analysis: how efficient a unit is beside mixtures of the others.

Costs are better when small (latency, energy, memory), gains when large (accuracy, throughput). Each unit is
scored with the weights that favour it most, which is what makes the efficiency relative. Sources: Charnes,
Cooper, Rhodes 1978 (constant returns), Banker, Charnes, Cooper 1984 (variable returns), Andersen, Petersen
1993 (super-efficiency); which of these arXiv 2202.09275 uses is not known, so none is called its method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from paretofleet_analysis.pareto.deterministic import nondominated

from . import envelopment
from .envelopment import Floats, Technology

Returns = Literal["constant", "variable"]
Orientation = Literal["costs", "gains"]


def efficiency(
    costs: Sequence[Sequence[float]] | Floats,
    gains: Sequence[Sequence[float]] | Floats,
    *,
    returns: Returns = "variable",
    orientation: Orientation = "costs",
) -> Floats:
    """(N,) in (0, 1]: the share of its costs with which a mixture of the others does as much.

    `costs` (N, m) and `gains` (N, s) must be positive, at least one column each. With `orientation` "gains"
    it is the share that the unit's gains are of what a mixture of the others reaches at the same costs.
    `returns` "constant" lets mixtures also be scaled, "variable" does not: halving the latency does not halve
    the accuracy.
    ValueError for other values, SolverError where the linear programs come to no end.

    >>> efficiency([[2, 5], [2, 4], [6, 6], [3, 2], [6, 2]], [[1], [2], [3], [1], [2]],
    ...     returns="constant").round(4).tolist()
    [0.5, 1.0, 0.8333, 0.7143, 1.0]
    """
    x, y = _checked(costs, gains, returns, orientation)
    best = _unbeaten(x, y)
    technology = Technology(x[best], y[best], returns == "constant")
    factor = envelopment.radial(technology, x, y, of_costs=orientation == "costs")
    return np.asarray(np.minimum(factor if orientation == "costs" else 1.0 / factor, 1.0))


def efficiency_of_draws(costs: Floats, gains: Floats, *, returns: Returns = "variable") -> Floats:
    """(D, N): `efficiency` by costs in each of D draws, of `costs` (D, N, m) and `gains` (D, N, s).

    Faster than a call for each, since small linear programs cost their start; `returns` and errors as there.

    >>> efficiency_of_draws(np.array([[[2.0], [1.0]]]), np.ones((1, 2, 1))).tolist()
    [[0.5, 1.0]]
    """
    tables = [_checked(x, y, returns, "costs") for x, y in zip(costs, gains, strict=True)]
    best = [np.flatnonzero(_unbeaten(x, y)) for x, y in tables]
    most = max(len(each) for each in best)
    padded = np.array([np.resize(each, most) for each in best])
    count = costs.shape[1]
    technology = Technology(
        np.repeat(np.take_along_axis(costs, padded[:, :, None], axis=1), count, axis=0),
        np.repeat(np.take_along_axis(gains, padded[:, :, None], axis=1), count, axis=0),
        returns == "constant",
    )
    flat = costs.reshape(-1, costs.shape[2]), gains.reshape(-1, gains.shape[2])
    factor = envelopment.radial(technology, *flat, of_costs=True)
    return np.asarray(np.minimum(factor, 1.0).reshape(costs.shape[:2]))


def slacks(
    costs: Sequence[Sequence[float]] | Floats,
    gains: Sequence[Sequence[float]] | Floats,
    *,
    returns: Returns = "variable",
    orientation: Orientation = "costs",
) -> Floats:
    """(N, m + s): what a unit could still save of each cost and add to each gain once it is efficient.

    Shares of the unit's own values, after all its costs (or gains, by `orientation`) were moved by its
    efficiency; `costs`, `gains`, `returns` and errors as for `efficiency`. A unit is strongly efficient
    where its efficiency is 1 and all of these are 0.

    >>> slacks([[2, 5], [2, 4]], [[1], [2]]).round(4).tolist()
    [[0.0, 0.2, 1.0], [0.0, 0.0, 0.0]]
    """
    x, y = _checked(costs, gains, returns, orientation)
    best = _unbeaten(x, y)
    technology = Technology(x[best], y[best], returns == "constant")
    factor = envelopment.radial(technology, x, y, of_costs=orientation == "costs")[:, None]
    moved = (x * factor, y) if orientation == "costs" else (x, y * factor)
    return envelopment.slacks(technology, *moved)


def super_efficiency(
    costs: Sequence[Sequence[float]] | Floats,
    gains: Sequence[Sequence[float]] | Floats,
    *,
    returns: Returns = "constant",
    orientation: Orientation = "costs",
) -> Floats:
    """(N,): the efficiency of a unit beside the others only, above 1 where nothing of them reaches it.

    It orders the units of efficiency 1. NaN where the others reach it at no cost whatever (or at no
    gain), which variable `returns` allow. `costs`, `gains`, `orientation` as for `efficiency`; ValueError
    likewise, and for one unit alone.

    >>> costs = [[2, 5], [2, 4], [6, 6], [3, 2], [6, 2]]
    >>> super_efficiency(costs, [[1], [2], [3], [1], [2]]).round(4).tolist()
    [0.5, 2.0, 0.8333, 0.7143, 2.0]
    """
    x, y = _checked(costs, gains, returns, orientation)
    if len(x) < 2:
        raise ValueError("super-efficiency holds a unit against others; give two units or more")
    chosen = np.flatnonzero(_beaten_by_one_at_most(np.concatenate([x, -y], axis=1)))
    technology = Technology(x[chosen], y[chosen], returns == "constant")
    left_out = np.full(len(x), -1)
    left_out[chosen] = np.arange(len(chosen))
    factor = envelopment.radial(technology, x, y, of_costs=orientation == "costs", left_out=left_out)
    return np.asarray(factor if orientation == "costs" else 1.0 / factor)


def scale_efficiency(
    costs: Sequence[Sequence[float]] | Floats, gains: Sequence[Sequence[float]] | Floats
) -> Floats:
    """(N,) in (0, 1]: what a unit loses by its size alone, its efficiency by constant over variable returns.

    `costs` and `gains` as for `efficiency`.

    >>> scale_efficiency([[1.0], [2.0]], [[1.0], [3.0]]).round(4).tolist()
    [0.6667, 1.0]
    """
    constant = efficiency(costs, gains, returns="constant")
    return np.asarray(np.minimum(constant / efficiency(costs, gains, returns="variable"), 1.0))


def _checked(
    costs: Sequence[Sequence[float]] | Floats,
    gains: Sequence[Sequence[float]] | Floats,
    returns: str,
    orientation: str,
) -> tuple[Floats, Floats]:
    if returns not in ("constant", "variable"):
        raise ValueError(f"returns is {returns!r}; give 'constant' or 'variable'")
    if orientation not in ("costs", "gains"):
        raise ValueError(f"orientation is {orientation!r}; give 'costs' or 'gains'")
    x, y = _table("costs", costs), _table("gains", gains)
    if len(x) != len(y):
        raise ValueError(f"there are costs of {len(x)} units and gains of {len(y)}")
    return x, y


def _table(name: str, values: Sequence[Sequence[float]] | Floats) -> Floats:
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        table = np.empty(0)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"{name} must be a table of numbers, a row for each unit")
    wild = np.argwhere(~np.isfinite(table) | (table <= 0))
    if len(wild):
        unit, column = (int(at) for at in wild[0])
        raise ValueError(
            f"{name}, unit {unit}, column {column} is {table[unit, column]}; an efficiency needs finite "
            "positive values on a ratio scale"
        )
    return table


def _unbeaten(costs: Floats, gains: Floats) -> Floats:
    """Who spans the technology: what one unit dominates adds nothing, and copies add nothing."""
    points = np.concatenate([costs, -gains], axis=1)
    first = np.zeros(len(points), dtype=bool)
    first[np.unique(points, axis=0, return_index=True)[1]] = True
    is_best = nondominated(points, maximize=[False] * points.shape[1])
    return np.asarray(first & is_best)


def _beaten_by_one_at_most(points: Floats) -> Floats:
    """(N,) booleans: units that are unbeaten as soon as one other is left out."""
    counts = np.zeros(len(points), dtype=int)
    for at in range(0, len(points), 256):
        part = points[at : at + 256]
        is_no_worse = (points[:, None] <= part[None]).all(axis=2)
        is_better = (points[:, None] < part[None]).any(axis=2)
        counts[at : at + 256] = (is_no_worse & is_better).sum(axis=0)
    return np.asarray(counts <= 1)
