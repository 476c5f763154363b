"""Checks of the arguments that are single numbers, or lists of them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .samples import Flags, Ints

#: More threads than this are a slip; more than a machine has CPUs are of no use.
_THREADS_MAX = 256


class Absolute(float):
    """A margin in the units of its objective. A plain number is a share of the value: 0.02 is 2 %."""


def check_whole(name: str, value: int, least: int, meaning: str) -> int:
    """The `value` of argument `name` as an int; ValueError that asks for its `meaning` unless it is a whole
    number of at least `least`.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}; give {meaning}, a whole number of {least} or more")
    return int(value)


def check_seed(seed: int) -> int:
    """The `seed`; ValueError unless it is a whole number of at least 0."""
    return check_whole("seed", seed, 0, "the number that makes the draws repeatable")


def check_threads(threads: int) -> int:
    """How many `threads`; ValueError unless it is a whole number from 1 to 256, or to the machine's CPUs."""
    most = max(_THREADS_MAX, os.cpu_count() or 1)
    if check_whole("threads", threads, 1, "how many threads may work") > most:
        raise ValueError(f"threads is {threads:,}; give at most {most}")
    return threads


def check_directions(
    maximize: bool | Sequence[bool] | npt.ArrayLike, dimensions: int, columns: str = "objectives"
) -> Flags:
    """The directions `maximize` as booleans (d,); ValueError, which calls them by `columns`, unless they are
    as many booleans as `dimensions`.
    """
    flags = np.atleast_1d(np.asarray(maximize))
    if flags.dtype != np.bool_:
        raise ValueError(
            f"maximize must hold one boolean for each of the {dimensions} {columns}, not {maximize!r}"
        )
    if len(flags) != dimensions or flags.ndim != 1:
        raise ValueError(
            f"maximize has {flags.size} directions for {dimensions} {columns}; give one for each"
        )
    return np.asarray(flags, dtype=np.bool_)


def check_margin(margin: Sequence[float], dimensions: int, columns: str = "objectives") -> list[float]:
    """The tolerances `margin`, as many as `dimensions`; ValueError, which calls them by `columns`, unless
    each is a finite number of at least 0 (relative: below 1). Arrays are refused: they forget which of
    their numbers were `Absolute`.
    """
    if isinstance(margin, np.ndarray):  # ValueError as all of them
        raise ValueError("margin is an array, which forgets what is Absolute(); give a list")  # noqa: TRY004
    if isinstance(margin, str) or not hasattr(margin, "__len__"):
        raise ValueError(
            f"margin is {margin!r}; give a list with one number for each of {dimensions} {columns}"
        )
    if len(margin) != dimensions:
        raise ValueError(f"margin has {len(margin)} values for {dimensions} {columns}; give one for each")
    for k, value in enumerate(margin):
        limit = np.inf if isinstance(value, Absolute) else 1.0
        if not isinstance(value, (int, float, np.integer, np.floating)) or not 0.0 <= value < limit:
            raise ValueError(f"the margin of objective {k} is {value}; give a share below 1 or Absolute()")
    return list(margin)


def check_groups(name: str, groups: npt.ArrayLike, size: int) -> Ints:
    """(N,) the `groups` of argument `name`; ValueError unless they are `size` whole numbers below it."""
    numbers = np.asarray(groups)
    if numbers.shape != (size,) or numbers.dtype.kind not in "iu" or numbers.min() < 0:
        raise ValueError(f"{name} must hold one whole number from 0 for each of the {size} configurations")
    if numbers.max() >= size:
        i = int(numbers.argmax())
        raise ValueError(
            f"configuration {i} has number {numbers[i]} in {name}; number them from 0 to at most {size - 1}"
        )
    return numbers.astype(np.int64)


def check_admitted(admitted: Sequence[npt.ArrayLike], runs: Ints) -> Flags:
    """(n,) the flags `admitted` of all runs; ValueError unless they are as many booleans for each
    configuration as it has `runs` (N,).
    """
    if len(admitted) != len(runs):
        raise ValueError(f"admitted has {len(admitted)} arrays for {len(runs)} configurations; give one each")
    arrays = [np.asarray(flags) for flags in admitted]
    for i, flags in enumerate(arrays):
        if flags.dtype != np.bool_ or flags.shape != (runs[i],):
            raise ValueError(
                f"admitted must hold one boolean for each of the {runs[i]} runs of configuration {i}"
            )
    return np.concatenate(arrays)
