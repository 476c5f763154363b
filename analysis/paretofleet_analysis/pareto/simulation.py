"""What has no product form, by drawing: the front number, and probabilities under factors that cross groups.

These are the only numbers of this package that are simulated, and each says how exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np
import numpy.typing as npt
import scipy.stats
import scipy.stats.qmc

from .fleet import (
    Flags,
    Fleet,
    Floats,
    Ints,
    Samples,
    Shared,
    check_directions,
    check_size,
    pack,
    pack_values,
)
from .front_probabilities import front_probability
from .kernel import engine
from .kernel.index import pyramid
from .kernel.rank_codes import float_keys
from .validation import check_groups, check_seed, check_spread, check_whole

_SCRAMBLES = 4
#: Two points a scramble; a single one has no share of the integral that it could vary by.
_POINTS_MIN = 8


@dataclass(frozen=True)
class FrontNumbers:
    """`probability` (N, up_to) of front number 1, 2, ..., simulated with `draws` fleets; `standard_error`
    (N, up_to), 0 only for configurations that are surely behind `up_to` others.
    """

    probability: Floats
    standard_error: Floats
    draws: int


@dataclass(frozen=True)
class GainIntegral:
    """`probability` (N,) integrated over gains, and its `standard_error` (N,) over independent scrambles."""

    probability: Floats
    standard_error: Floats


def front_number(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    up_to: int,
    draws: int = 1000,
    seed: int = 1,
    drift: Sequence[float] | None = None,
    groups: npt.ArrayLike | None = None,
) -> FrontNumbers:
    """Simulated probabilities that a configuration is on the 1st, 2nd, ... front (number 1 is the frontier).

    Each draw shows one run of each configuration and peels fronts off with moocore.pareto_rank. `drift`: d
    standard deviations of log factors, one factor per draw, objective and group, shared by the group's
    configurations; `groups`: (N,) whole numbers from 0, one group if None. Configurations that are surely
    behind `up_to` others are left out beforehand, which changes nothing. Errors as for `front_probability`;
    with drift, values must be positive. Source: fronts as in Deb, Pratap, Agarwal, Meyarivan 2002 (NSGA-II).

    >>> found = front_number([[[1.0]], [[2.0], [3.0]]], maximize=[False], up_to=2, draws=100)
    >>> found.probability.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    check_whole("up_to", up_to, 1, "the number of fronts")
    check_whole("draws", draws, 2, "the number of fleets to draw")
    check_seed(seed)
    check_size(samples, "front_number")
    fleet = pack_values(samples)
    signs = np.where(check_directions(maximize, fleet.dimensions), -1.0, 1.0)
    rng = np.random.default_rng(seed)
    factors, member = _factors(fleet, drift, groups, draws, rng)
    kept = np.flatnonzero(_within(fleet, signs, factors, member, up_to))
    hits = np.zeros((fleet.size, up_to))
    for draw in range(draws):
        rows = fleet.costs[fleet.starts[:-1] + rng.integers(fleet.runs)] * factors[draw, member]
        numbers = moocore.pareto_rank(rows[kept] * signs)
        front = numbers < up_to
        hits[kept[front], numbers[front]] += 1
    p = hits / draws
    # what no draw showed, or every one did, counts as half of one, since one more might have shown it
    likely = (hits[kept] + 0.5) / (draws + 1)
    error = np.zeros_like(p)
    error[kept] = np.sqrt(likely * (1 - likely) / draws)
    return FrontNumbers(p, error, draws)


def _factors(
    fleet: Fleet,
    drift: Sequence[float] | None,
    groups: npt.ArrayLike | None,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Floats, Ints]:
    """(draws, G, d): what each draw multiplies the values of each group by; and (N,) whose group is whose."""
    if drift is None:
        return np.ones((draws, 1, fleet.dimensions)), np.zeros(fleet.size, dtype=np.int64)
    each_objective = f"{fleet.dimensions} numbers, one for each objective"
    spread = check_spread("drift", drift, each_objective)
    if len(spread) != fleet.dimensions:
        raise ValueError(f"drift must hold {each_objective}, not {len(spread)}")
    if (fleet.costs <= 0).any():
        row, objective = (int(at[0]) for at in np.nonzero(fleet.costs <= 0))
        raise ValueError(
            f"configuration {int(fleet.owner[row])}, objective {objective} is {fleet.costs[row, objective]}; "
            "drift is a factor and needs positive values"
        )
    member = (
        np.zeros(fleet.size, dtype=np.int64) if groups is None else check_groups("groups", groups, fleet.size)
    )
    with np.errstate(over="ignore"):
        each = np.exp(spread * rng.standard_normal((draws, int(member.max()) + 1, fleet.dimensions)))
        lost = ~np.isfinite(fleet.costs * each.max(axis=0)[member][fleet.owner]) | (
            fleet.costs * each.min(axis=0)[member][fleet.owner] == 0.0
        )
    if lost.any():
        row, objective = (int(at[0]) for at in np.nonzero(lost))
        raise ValueError(
            f"configuration {int(fleet.owner[row])}, objective {objective}: its value times a drift of "
            f"{spread[objective]:g} is too large or too small to compute with; give less or another unit"
        )
    return each, member


def _within(fleet: Fleet, signs: Floats, factors: Floats, member: Ints, up_to: int) -> Flags:
    """(N,) who may be within the first fronts: not surely behind a chain of `up_to` others in any draw."""
    low = np.minimum.reduceat(fleet.costs, fleet.starts[:-1], axis=0)
    high = np.maximum.reduceat(fleet.costs, fleet.starts[:-1], axis=0)
    least, most = factors.min(axis=0)[member], factors.max(axis=0)[member]
    best = np.where(signs > 0, low * least, -high * most)
    worst = np.where(signs > 0, high * most, -low * least)
    behind = np.ones(fleet.size, dtype=np.bool_)
    each: Ints = np.arange(fleet.size + 1)
    for _ in range(up_to):
        if not behind.any():
            break
        corners = worst[behind]
        levels = pyramid(float_keys(corners[moocore.is_nondominated(corners, keep_weakly=True)], up=True))
        behind = ~engine.engine().surviving(levels, best, each, 1)
    return ~behind


def integrate_gains(
    samples: Samples,
    *,
    maximize: Sequence[bool],
    objective: int,
    groups: npt.ArrayLike,
    spread: Sequence[float],
    margin: Sequence[float] | None = None,
    shared: Shared | None = None,
    points: int = 64,
    seed: int = 1,
    threads: int = 1,
) -> GainIntegral:
    """`front_probability` when one unknown factor per group multiplies one objective: a sensor's gain.

    Such a factor crosses the groups of `shared` and has no product form, so it is integrated over at
    `points` scrambled Sobol points with the exact kernel inside. `groups`: (N,) whole numbers from 0 (a
    device and its source); `spread`: the standard deviation of each group's log gain. A gain cancels
    between configurations of one group. The other arguments, and the errors, are those of
    `front_probability`. Source: Sobol 1967, scrambled as by Matousek 1998.

    >>> same = {"maximize": [False], "objective": 0, "spread": [0.05, 0.05]}
    >>> integrate_gains([[[1.0]], [[1.1]]], groups=[0, 1], **same).probability.round(1).tolist()
    [0.9, 0.1]
    """
    pack(samples, maximize)
    arrays = [np.asarray(x, dtype=np.float64) for x in samples]
    check_seed(seed)
    points = check_whole("points", points, _POINTS_MIN, "how many points the integral takes")
    member = np.asarray(groups)
    sds = check_spread("spread", spread, "a number for each group")
    if member.shape != (len(arrays),) or member.dtype.kind not in "iu":
        raise ValueError(f"groups must hold one whole number for each of the {len(arrays)} configurations")
    if member.min() < 0 or member.max() >= len(sds):
        raise ValueError(
            f"spread must hold a number of at least 0 for each of the groups 0 to {member.max()}"
        )
    if not isinstance(objective, (int, np.integer)) or not 0 <= objective < arrays[0].shape[-1]:
        raise ValueError(f"objective is {objective}; give the column that the gain multiplies")
    per_scramble = round(np.log2(points / _SCRAMBLES))
    found = []
    for child in np.random.SeedSequence(seed).spawn(_SCRAMBLES):
        sobol = scipy.stats.qmc.Sobol(len(sds), rng=np.random.default_rng(child))
        with np.errstate(over="ignore"):
            gains = np.exp(
                sds * scipy.stats.norm.ppf(np.clip(sobol.random_base2(per_scramble), 1e-12, 1 - 1e-12))
            )
        total = np.zeros(len(arrays))
        if not (np.isfinite(gains) & (gains > 0.0)).all():
            raise ValueError(f"spread is {sds.max():g} at most, too large to compute with; give less")
        for gain in gains:
            scaled = [_scaled(x, objective, gain[g]) for x, g in zip(arrays, member, strict=True)]
            total += front_probability(
                scaled, maximize=maximize, margin=margin, shared=shared, threads=threads
            )
        found.append(total / len(gains))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(_SCRAMBLES)
    return GainIntegral(np.mean(found, axis=0), error)


def _scaled(runs: Floats, objective: int, gain: float) -> Floats:
    """The runs with one objective multiplied; ValueError where the product is no number."""
    out = runs.copy()
    with np.errstate(over="ignore"):
        out[:, objective] *= gain
    if not np.isfinite(out).all():
        raise ValueError(
            f"objective {objective} times a gain of {gain:g} is too large to compute with; give another unit"
        )
    return out
