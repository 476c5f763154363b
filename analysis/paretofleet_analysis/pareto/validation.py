"""Checks of the arguments that are single numbers, or lists of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class Absolute(float):
    """A margin in the units of its objective. A plain number is a share of the value: 0.02 is 2 %."""


def check_whole(name: str, value: int, least: int, what: str) -> int:
    """`value` as an int; ValueError "give `what`" unless it is a whole number of at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}; give {what}, a whole number of {least} or more")
    return int(value)


def check_seed(seed: int) -> int:
    """The seed; ValueError unless it is a whole number of at least 0."""
    return check_whole("seed", seed, 0, "the number that makes the draws repeatable")


def check_threads(threads: int) -> int:
    """How many threads; ValueError unless it is a whole number of at least 1."""
    return check_whole("threads", threads, 1, "how many threads may work")


def check_margin(margin: Sequence[float], dimensions: int, what: str = "objectives") -> list[float]:
    """The margins, one per objective; ValueError unless each is a finite number of at least 0 (relative:
    below 1). Arrays are refused: they forget which of their numbers were `Absolute`.
    """
    if isinstance(margin, np.ndarray):  # ValueError as all of them
        raise ValueError("margin is an array, which forgets what is Absolute(); give a list")  # noqa: TRY004
    if isinstance(margin, str) or not hasattr(margin, "__len__"):
        raise ValueError(f"margin is {margin!r}; give a list with one number for each of {dimensions} {what}")
    if len(margin) != dimensions:
        raise ValueError(f"margin has {len(margin)} values for {dimensions} {what}; give one for each")
    for k, value in enumerate(margin):
        limit = np.inf if isinstance(value, Absolute) else 1.0
        if not isinstance(value, (int, float, np.integer, np.floating)) or not 0.0 <= value < limit:
            raise ValueError(f"the margin of objective {k} is {value}; give a share below 1 or Absolute()")
    return list(margin)


def check_groups(name: str, groups: npt.ArrayLike, size: int) -> npt.NDArray[np.int64]:
    """(N,) whose group is whose; ValueError unless they are whole numbers from 0 to N - 1."""
    found = np.asarray(groups)
    if found.shape != (size,) or found.dtype.kind not in "iu" or found.min() < 0:
        raise ValueError(f"{name} must hold one whole number from 0 for each of the {size} configurations")
    if found.max() >= size:
        i = int(found.argmax())
        raise ValueError(
            f"configuration {i} has number {found[i]} in {name}; number them from 0 to at most {size - 1}"
        )
    return found.astype(np.int64)


def check_spread(name: str, spread: Sequence[float], what: str) -> npt.NDArray[np.float64]:
    """Standard deviations of log factors; ValueError unless they are a list of finite numbers from 0."""
    try:
        found = np.asarray(spread, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(1, np.nan)
    if found.ndim != 1 or not np.isfinite(found).all() or (found < 0).any():
        raise ValueError(f"{name} must hold {what}, each a finite number of at least 0")
    return found
