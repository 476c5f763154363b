"""By what factor did the configurations of a device change between two sweeps? By blocks and boots.

The logarithms of a device's runs, in each sweep, are configuration + block + rest. What blocks do to all
configurations does not cancel between sweeps, and drift makes blocks resemble their neighbours. So the error
of a change is that of the rest, shared between configurations, and that of the blocks' mean, from the slowest
movements of the block effects (equal-weighted cosines: Lazarus, Lewis, Stock, Watson 2018, HAR inference:
recommendations for practice, J. Bus. Econ. Stat. 36(4) 541). Runs within a block say nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.special_functions import stdtr, stdtrit
from paretofleet_analysis.statistics.intervals import CONFIDENCE
from paretofleet_analysis.statistics.variance_prior import ROWS_MIN, fit_variance_prior

Floats = npt.NDArray[np.float64]
#: How many of the slowest cosines tell how far the mean of a sweep's blocks may be off.
_COSINES = 3
#: Rounds of the fit of configurations and blocks, where blocks are incomplete.
_ROUNDS = 20
#: A standard error of a logarithm below this is rounding, and no evidence.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Side:
    """Of n configurations of one device in one sweep: `values`, of each block to value (positive); `boots`,
    block to the boot in which it ran; `steps` (n,), the width of the rounding errors, relative.
    """

    values: Sequence[Mapping[int, float]]
    boots: Mapping[int, str]
    steps: Sequence[float]


@dataclass(frozen=True)
class BootSpread:
    """What boots of a fleet do to a mean of logarithms: their `variance` with its degrees of `freedom`; 0
    degrees where no sweep saw two boots.
    """

    variance: float = 0.0
    freedom: int = 0


@dataclass(frozen=True)
class Shift:
    """How many times the value before is the value after: `log_ratio` with its standard `error` and degrees
    of `freedom`; the error is None where nothing is known of it.
    """

    log_ratio: float
    error: float | None
    freedom: float

    @property
    def ratio(self) -> float:
        """The factor itself."""
        return math.exp(self.log_ratio)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the ratio; None without an error."""
        if self.error is None:
            return None
        reach = float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2)) * self.error
        return math.exp(self.log_ratio - reach), math.exp(self.log_ratio + reach)

    def p_value(self, margin: float) -> float | None:
        """That a change of at most the share `margin`, up or down, looks so large; None without an error."""
        if self.error is None:
            return None
        reach, moved = math.log1p(margin), abs(self.log_ratio)
        near, far = (stdtr(self.freedom, -(moved + side * reach) / self.error) for side in (-1, 1))
        return float(near + far)


@dataclass(frozen=True)
class _TwoWay:
    """A side's two-way fit: (n,) `means`, (b,) effects of its blocks in order, (n,) sums of squares of the
    rest with their degrees of `freedom`, and (n,) numbers of blocks.
    """

    means: Floats
    effects: Floats
    squares: Floats
    freedom: Floats
    counts: Floats


def shifts(before: Side, after: Side, boots: BootSpread | None = None) -> list[Shift]:
    """The change of each configuration of a device from `before` to `after`, which hold the same ones.

    `boots`: what reboots do, where `boot_spread` knows. It is left out where a boot is on both sides.

    >>> old = Side([{1: 1.0, 2: 1.02, 3: 0.99}], {1: "x", 2: "x", 3: "x"}, [0.0])
    >>> new = Side([{1: 1.5, 2: 1.47, 3: 1.51}], {1: "y", 2: "y", 3: "y"}, [0.0])
    >>> shift = shifts(old, new)[0]
    >>> round(shift.ratio, 2), shift.p_value(0.02) < 0.01
    (1.49, True)
    """
    fits = _fit(before), _fit(after)
    own, own_freedom = _own_variances(fits, (before, after))
    per_mean = sum(1.0 / np.maximum(fit.counts, 1) for fit in fits)
    of_own = own * per_mean
    common, cosines = _common_variance(fits)
    of_common = common * sum(1.0 / max(len(fit.effects), 1) for fit in fits)
    spread = boots or BootSpread()
    sides = [set(side.boots.values()) for side in (before, after)]
    of_boots = 0.0 if sides[0] & sides[1] else spread.variance * sum(1.0 / max(len(s), 1) for s in sides)
    result = []
    for at, moved in enumerate(fits[1].means - fits[0].means):
        parts = [(of_own[at], own_freedom[at]), (of_common, cosines), (of_boots, spread.freedom)]
        result.append(_shift(float(moved), parts, is_known=cosines > 0))
    return result


def boot_spread(sides: Sequence[Side]) -> BootSpread:
    """What reboots do to all configurations of a device, from those `sides` that saw several boots.

    The variance of the boots' means beyond what their blocks explain; pooled.
    """
    squares = explained = 0.0
    freedom = 0
    for side in sides:
        names = sorted(set(side.boots.values()))
        if len(names) < 2:
            continue
        effects = dict(zip(_blocks(side), _fit(side).effects, strict=True))
        groups = [[effects[block] for block in effects if side.boots.get(block) == name] for name in names]
        groups = [group for group in groups if group]
        means = np.array([np.mean(group) for group in groups])
        within = [np.var(group, ddof=1) / len(group) for group in groups if len(group) > 1]
        squares += float(((means - means.mean()) ** 2).sum())
        explained += (len(groups) - 1) * float(np.mean(within)) if within else 0.0
        freedom += len(groups) - 1
    return BootSpread(max(0.0, squares - explained) / freedom, freedom) if freedom else BootSpread()


def _shift(moved: float, parts: Sequence[tuple[float, float]], *, is_known: bool) -> Shift:
    """A change with the variances of its `parts` put together (Satterthwaite 1946)."""
    variance = sum(part for part, _ in parts)
    if not is_known or variance <= _NOTHING**2:
        return Shift(moved, None, 0.0)
    inverse = sum(part**2 / freedom for part, freedom in parts if part > 0 and freedom > 0)
    return Shift(moved, math.sqrt(variance), variance**2 / inverse if inverse > 0 else math.inf)


def _blocks(side: Side) -> list[int]:
    return sorted({block for values in side.values for block in values})


def _fit(side: Side) -> _TwoWay:
    """Means of configurations and effects of blocks by turns, until both agree."""
    blocks = _blocks(side)
    logs = np.full((len(side.values), len(blocks)), np.nan)
    for row, values in zip(logs, side.values, strict=True):
        for at, block in enumerate(blocks):
            if block in values:
                row[at] = math.log(values[block])
    here = np.isfinite(logs)
    counts = here.sum(axis=1).astype(float)
    filled, in_block = np.where(here, logs, 0.0), np.maximum(here.sum(axis=0), 1)
    effects = np.zeros(len(blocks))
    for _ in range(_ROUNDS):
        means = np.where(here, filled - effects, 0.0).sum(axis=1) / np.maximum(counts, 1)
        effects = np.where(here, filled - means[:, None], 0.0).sum(axis=0) / in_block
        effects -= effects.mean() if len(effects) else 0.0
    rest = np.where(here, filled - means[:, None] - effects, 0.0)
    repeated = max(int((counts > 1).sum()), 1)
    freedom = np.maximum(counts - 1, 0.0) * (1.0 - 1.0 / repeated)
    return _TwoWay(means, effects, (rest**2).sum(axis=1), freedom, counts)


def _own_variances(fits: Sequence[_TwoWay], sides: Sequence[Side]) -> tuple[Floats, Floats]:
    """(n,) what the rest of a configuration adds to the variance of a run beyond what it did to the block
    effects, and its degrees of freedom; shared between configurations where they are enough.
    """
    squares = np.sum([fit.squares for fit in fits], axis=0)
    freedom = np.sum([fit.freedom for fit in fits], axis=0)
    variances = np.divide(squares, freedom, out=np.zeros(len(squares)), where=freedom > 0)
    total = np.asarray(freedom, dtype=float)
    if len(variances) >= ROWS_MIN:
        prior = fit_variance_prior(variances, total)
        if prior.freedom > 0:
            variances, total = prior.moderated(variances, total)
    steps = np.max([np.asarray(side.steps, dtype=float) for side in sides], axis=0)
    floor = steps**2 / 12.0
    share = 1.0 - 1.0 / max(len(variances), 1)
    return np.maximum(variances * share, floor), total


def _common_variance(fits: Sequence[_TwoWay]) -> tuple[float, int]:
    """The variance of a block's effect as its slowest movements show it, and how many they are."""
    weights: list[float] = []
    for fit in fits:
        count = len(fit.effects)
        times = (np.arange(count) + 0.5) / max(count, 1)
        weights += [
            math.sqrt(2.0 / count) * float(fit.effects @ np.cos(math.pi * order * times))
            for order in range(1, min(_COSINES, count - 1) + 1)
        ]
    return (float(np.mean(np.square(weights))) if weights else 0.0), len(weights)
