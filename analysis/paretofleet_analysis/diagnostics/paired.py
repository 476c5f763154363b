"""Are two configurations of one device different? Within blocks, so that what drifts between them cancels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.report.access import Row, by_block, place
from paretofleet_analysis.special_functions import stdtr, stdtrit
from paretofleet_analysis.statistics.intervals import CONFIDENCE, RUNS_MIN, STOPPING_FACTOR
from paretofleet_analysis.statistics.resolution import grid_step, shared_rounding

#: Of the pairs that are called different, at most this share is expected to be alike.
FALSE_DISCOVERY_RATE = 0.05
#: What the standard error of a difference is multiplied by. The stop sees each configuration's own spread and
#: little of their difference's, so this is far less than `intervals.STOPPING_FACTOR`; with 1, twins are told
#: apart in 5.9 % of pairs and a sweep of 40 has 5.6 % of false discoveries (`bench/aa.py`).
PAIR_FACTOR = 1.05
#: Runs that are looked at after every block end on a pair that is told apart, or alike, but for so little: a
#: look at 5 % would often end on chance. What this covers: `bench/early_stop.py`.
CLEAR_P = 0.001
#: What the error of such a pair is larger by, so that the interval covers what it would without a stop.
WATCHED_WIDENING = STOPPING_FACTOR / PAIR_FACTOR
#: Of a difference that is to be seen with 95 % confidence and 80 % power, (1.96 + 0.84)^2.
_POWER = (1.959964 + 0.841621) ** 2
#: Logarithms of ratios that differ by less are copies of each other.
_COPIES = 1e-14


@dataclass(frozen=True)
class Comparison:
    """How many times `a` is what `b` is, with the ends of the 95 % interval; None where nothing can be said.

    `p_value`: two-sided, that a ratio at least so far from 1 comes of configurations that are alike.
    """

    ratio: float | None
    lo: float | None
    hi: float | None
    p_value: float | None
    blocks: int


def compare(
    a: Mapping[int, float],
    b: Mapping[int, float],
    *,
    widening: float = 1.0,
    resolutions: tuple[float | None, float | None] = (None, None),
) -> Comparison:
    """Compares the runs of two configurations of one device, `a` and `b`, each as block to value (positive).

    `widening`: by what the error of their means is larger because runs resemble the ones before.
    `resolutions`: widths of the uniform errors that a clock's tick or a sensor's step leaves in the values of
    each, in their unit; None takes the grid on which its values stand. Student's t
    of the logarithms of the ratios within the blocks that hold both (Georges, Buytaert, Eeckhout, OOPSLA
    2007, paired), its standard error a little inflated for the stop of the runs, and that of what runs
    share of their rounding. Ratios that are the same in every digit are no evidence: without a step there is
    no interval. Raises ValueError naming the block whose value is not positive and finite.

    >>> result = compare({1: 1.10, 2: 2.20, 3: 4.44, 4: 1.1}, {1: 1.001, 2: 2.001, 3: 4.001, 5: 1.0})
    >>> round(result.ratio, 3), result.blocks, result.p_value < 0.01
    (1.103, 3, True)
    >>> compare({1: 1.0, 2: 1.0}, {1: 2.0, 2: 2.0}).p_value is None
    True
    """
    for side in (a, b):
        for block, value in side.items():
            if not (isinstance(value, (int, float)) and 0 < value < np.inf):
                raise ValueError(f"block {block} has {value!r}; runs are compared by positive finite values")
    shared = sorted(a.keys() & b.keys())
    if not shared:
        return Comparison(None, None, None, None, 0)
    logs = np.array([np.log(a[block]) - np.log(b[block]) for block in shared])
    mean, ratio = logs.mean(), float(np.exp(logs.mean()))
    if logs.size < RUNS_MIN:
        return Comparison(ratio, None, None, None, logs.size)
    sides = zip((a, b), resolutions, strict=True)
    of_runs, of_means = zip(
        *(_rounding(np.array([side[k] for k in shared]), step) for side, step in sides), strict=True
    )
    spread = max(widening * float(logs.std(ddof=1)), math.hypot(*of_runs))
    spread = math.hypot(spread, math.hypot(*of_means) * math.sqrt(logs.size))
    if spread <= _COPIES:
        return Comparison(ratio, None, None, None, logs.size)
    student = stdtrit(logs.size - 1, (1 + CONFIDENCE) / 2)
    reach = PAIR_FACTOR * student * spread / np.sqrt(logs.size)
    p_value = float(p_values(mean, spread, logs.size))
    lo, hi = (float(np.exp(mean + side * reach)) for side in (-1, 1))
    return Comparison(ratio, lo, hi, p_value, logs.size)


def blocks_to_decide(comparison: Comparison, margin: float) -> int | None:
    """Blocks, those made included, after which such a `comparison` would tell two rows apart or call them
    alike; None where it has no interval.

    `margin`: the share within which they are alike. Whichever of the two is nearer is reckoned with, by
    (1.96 + 0.84)^2 s^2 / d^2: s is the spread of the logarithms of the ratios, d their mean's distance from 0
    or from the margin (95 % confidence, 80 % power).

    >>> a = {1: 1.02, 2: 1.0, 3: 0.99, 4: 1.01}
    >>> b = {1: 1.0, 2: 1.01, 3: 1.0, 4: 0.99}
    >>> blocks_to_decide(compare(a, b), 0.02)
    12
    """
    if comparison.ratio is None or comparison.lo is None or comparison.hi is None:
        return None
    student = float(stdtrit(comparison.blocks - 1, (1 + CONFIDENCE) / 2))
    error = math.log(comparison.hi / comparison.lo) / 2 / student
    apart = abs(math.log(comparison.ratio))
    distance = max(apart, math.log1p(margin) - apart)
    return max(comparison.blocks + 1, math.ceil(_POWER * comparison.blocks * (error / distance) ** 2))


def is_clear(comparison: Comparison, margin: float) -> bool:
    """Whether runs that are looked at after every block may end: by their `comparison` the two differ, or
    are alike within the share `margin`, with a probability of an error of `CLEAR_P`.

    Runs that never differ in three blocks are clear, too; they have no interval.

    >>> runs = {1: 1.603, 2: 1.611, 3: 1.618}
    >>> is_clear(compare(runs, {1: 1.001, 2: 1.002, 3: 0.999}), 0.02)
    True
    >>> is_clear(compare(runs, {1: 1.501, 2: 1.602, 3: 1.509}), 0.02)
    False
    """
    if comparison.ratio is None or comparison.blocks < RUNS_MIN:
        return False
    if comparison.lo is None or comparison.hi is None:
        return True
    student = float(stdtrit(comparison.blocks - 1, (1 + CONFIDENCE) / 2))
    error = math.log(comparison.hi / comparison.lo) / 2 / student
    return bool(are_clear(math.log(comparison.ratio), error, comparison.blocks, margin))


def are_clear(
    means: np.ndarray | float, errors: np.ndarray | float, blocks: np.ndarray | int, margin: float
) -> np.ndarray:
    """The same of mean logarithms of ratios, `means`, with their standard `errors`; arrays of one shape, or
    numbers. `blocks`: the number of logarithms in each; `margin` as for `is_clear`.
    """
    reach = stdtrit(np.asarray(blocks) - 1.0, 1 - CLEAR_P / 2) * errors
    apart = np.abs(means)
    return np.asarray((apart > reach) | (apart + reach <= math.log1p(margin)))


def _rounding(values: np.ndarray, step: float | None) -> tuple[float, float]:
    """What rounding leaves unknown of each of positive `values` (m,), and of their mean for all they share:
    standard deviations relative to the mean.
    """
    step = grid_step(values) if step is None else step
    if not step:
        return 0.0, 0.0
    mean = float(values.mean())
    shared = float(shared_rounding(step, values.std(ddof=1)))
    return math.sqrt(max(step**2 / 12.0 - shared**2, 0.0)) / mean, shared / mean


def p_values(means: np.ndarray | float, spreads: np.ndarray | float, blocks: np.ndarray | int) -> np.ndarray:
    """Two-sided p-values of mean logarithms of ratios; arrays of one shape, or numbers.

    `means`: the means of `blocks` logarithms each, `spreads`: their standard deviations.
    """
    means, spreads, blocks = np.asarray(means), np.asarray(spreads), np.asarray(blocks)
    distance = np.abs(means) * np.sqrt(blocks) / PAIR_FACTOR
    t = np.divide(distance, spreads, out=np.where(distance > 0, np.inf, 0.0), where=spreads > 0)
    return np.asarray(2 * stdtr(blocks - 1.0, -t))


def benjamini_hochberg(p_values: Sequence[float | None], rate: float = FALSE_DISCOVERY_RATE) -> list[bool]:
    """Which of many comparisons are discoveries, by Benjamini and Hochberg (1995), step up.

    `p_values`: one of each comparison; None never is one. `rate`: the share of the discoveries that are
    expected to be false.

    >>> benjamini_hochberg([0.001, 0.013, 0.9, None, 0.04])
    [True, True, False, False, False]
    """
    ordered = np.sort([p for p in p_values if p is not None])
    passes = np.flatnonzero(ordered * ordered.size <= rate * np.arange(1, ordered.size + 1))
    limit = ordered[passes[-1]] if passes.size else -1.0
    return [p is not None and bool(p <= limit) for p in p_values]


def compare_with_all(
    reference: Mapping[int, float],
    others: Sequence[Mapping[int, float]],
    rate: float = FALSE_DISCOVERY_RATE,
    *,
    widening: float = 1.0,
    resolutions: Sequence[float | None] | None = None,
) -> list[tuple[Comparison, bool]]:
    """Each of `others` compared with the `reference` of their device, and whether the two differ.

    Each is block to value. `widening` as for `compare`; `resolutions`: of the reference, then of the others.
    Of the pairs that are called different at most `rate`
    are expected to be alike.

    >>> reference = {1: 1.0, 2: 1.01, 3: 0.99, 4: 1.0}
    >>> slow, twin = ({block: f * value for block, value in reference.items()} for f in (1.2, 1.0))
    >>> compared = compare_with_all(reference, [slow, twin])
    >>> [(round(comparison.ratio, 3), differs) for comparison, differs in compared]
    [(1.2, True), (1.0, False)]
    """
    own, *of_others = resolutions or [None] * (len(others) + 1)
    compared = [
        compare(other, reference, widening=widening, resolutions=(step, own))
        for other, step in zip(others, of_others, strict=True)
    ]
    p_values = [comparison.p_value for comparison in compared]
    return list(zip(compared, benjamini_hochberg(p_values, rate), strict=True))


@dataclass(frozen=True)
class Paired:
    """How many times another row's value of an objective is a row's own, within the blocks that hold both.

    `comparison` has the interval; `is_told_apart`: the two differ, with the false discovery rate held at 5 %
    over the rows of the device.
    """

    objective: str
    comparison: Comparison
    is_told_apart: bool


def compare_rows(
    reference: Row, rows: Mapping[int, Row], names: Sequence[str], *, widening: float = 1.0
) -> dict[int, tuple[Paired, ...]]:
    """The row `reference` of a report against those of `rows` that share its blocks, in the measures `names`.

    `widening` as for `compare`. Rows of another device or sweep have no block in common with it and are left
    out.
    """
    shared = {
        key: row for key, row in rows.items() if row is not reference and place(row) == place(reference)
    }
    pairs: dict[int, tuple[Paired, ...]] = dict.fromkeys(shared, ())
    for name in names:
        others = [by_block(row, name) for row in shared.values()]
        steps = [row.get(f"{name}_resolution") for row in (reference, *shared.values())]
        compared = compare_with_all(by_block(reference, name), others, widening=widening, resolutions=steps)
        for key, (comparison, differs) in zip(shared, compared, strict=True):
            pairs[key] = (*pairs[key], Paired(name, comparison, differs))
    return pairs
