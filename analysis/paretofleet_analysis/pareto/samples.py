"""Samples of configurations as they come: checked, and joined to one table of doubles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.statistics.flat_runs import FlatRuns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Samples = Sequence[npt.ArrayLike]

#: Whole numbers beyond this are not all different as doubles.
_WHOLE_MAX = 2**53


def join_samples(samples: Samples) -> tuple[Floats, Ints]:
    """The rows (n, d) of `samples`, N arrays (m_i, d), as doubles of their own; and (N + 1,) where each
    configuration's begin.

    Raises ValueError naming the configuration, the run and the objective for what is empty, ragged, no
    number, NaN or infinite, or has more digits than a double.
    """
    if not hasattr(samples, "__len__") or isinstance(samples, (str, bytes, dict)):
        kind = type(samples).__name__
        raise ValueError(f"samples is of type {kind}; give a list with one array (runs, objectives) each")
    if len(samples) == 0:
        raise ValueError("there are no configurations to rank; samples is empty")
    if isinstance(samples, FlatRuns) and samples.values.shape[1] and samples.counts.all():
        rows = samples.values + 0.0  # -0.0 and 0.0 are one value
        _check_finite(rows, samples.starts)
        return rows, samples.starts
    arrays = [
        a if type(a) is np.ndarray and a.dtype == np.float64 else _as_doubles(i, a)
        for i, a in enumerate(samples)
    ]
    shapes = [a.shape for a in arrays]
    if len({shape[1:] for shape in shapes}) != 1 or len(shapes[0]) != 2 or not all(map(len, arrays)):
        _refuse_shapes(shapes)
    if shapes[0][1] == 0:
        raise ValueError("configuration 0 has no objectives; give at least one column")
    rows = np.concatenate(arrays)
    starts = np.zeros(len(arrays) + 1, dtype=np.int64)
    np.cumsum([len(a) for a in arrays], out=starts[1:])
    _check_finite(rows, starts)
    rows += 0.0  # -0.0 and 0.0 are one value
    return rows, starts


def _check_finite(rows: Floats, starts: Ints) -> None:
    if np.isfinite(rows).all():
        return
    row, objective = (int(at[0]) for at in np.nonzero(~np.isfinite(rows)))
    configuration = int(np.searchsorted(starts, row, side="right")) - 1
    raise ValueError(
        f"configuration {configuration}, run {row - int(starts[configuration])}, objective {objective} is "
        f"{rows[row, objective]}, not a finite number; leave such a run out or fill the objective first"
    )


def _refuse_shapes(shapes: list[tuple[int, ...]]) -> None:
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if len(shape) != 2:
            raise ValueError(f"configuration {i} has an array of shape {shape}; give (runs, objectives)")
        if shape[0] == 0:
            raise ValueError(f"configuration {i} has no runs; leave it out")
        if shape[1] != first[1]:
            raise ValueError(f"configuration {i} has {shape[1]} objectives, configuration 0 has {first[1]}")


def _as_doubles(configuration: int, sample: npt.ArrayLike) -> Floats:
    """A table as doubles; ValueError where that would lose something: a mask, text, a digit."""
    if np.ma.is_masked(sample):
        raise ValueError(
            f"configuration {configuration} has masked values; leave such runs out or fill the values first"
        )
    try:
        given = sample if isinstance(sample, np.ndarray) else np.asarray(sample)
        if given.dtype == object and not isinstance(sample, np.ndarray):
            given = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"configuration {configuration} is no table of numbers: {error}") from error
    if given.dtype.kind not in "fiub":
        raise ValueError(
            f"configuration {configuration} is no table of numbers; samples must be numbers, "
            f"not {given.dtype}"
        )
    doubles = np.asarray(given, dtype=np.float64)
    wide = given.dtype.kind in "iu" and given.dtype.itemsize > 4
    lost = (abs(doubles) >= _WHOLE_MAX) & wide
    if given.dtype.kind == "f" and given.dtype.itemsize > doubles.itemsize:
        lost = (doubles != given) & ~np.isnan(given)
    if lost.any():
        raise ValueError(
            f"configuration {configuration} holds {given[lost][0]}, which has more digits than a double; "
            "subtract what all have in common, or give a larger unit"
        )
    return doubles
