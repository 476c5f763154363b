"""What the configurations of a group have in common, such as the accuracy of one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .samples import Floats, Ints
from .validation import check_directions, check_margin


@dataclass(frozen=True)
class Shared:
    """What the configurations of a group have in common, such as the accuracy of one model.

    `groups`: (N,) the group of each configuration, 0 to G-1. `values`: one array per group, (v_g,) or (v_g,
    s): the equally probable values of the shared scalar or vector. `maximize`: one direction, or s of them.
    `margin`: as for the samples, one tolerance per shared component; None is 0.
    """

    groups: npt.ArrayLike
    values: Sequence[npt.ArrayLike]
    maximize: bool | Sequence[bool]
    margin: Sequence[float] | None = None


@dataclass(frozen=True)
class SharedCosts:
    """A checked `Shared` as costs: `costs` (V, s), group g owns rows starts[g]:starts[g+1]; `groups`
    (N,).
    """

    groups: Ints
    costs: Floats
    starts: Ints
    margin: list[float] | None

    @classmethod
    def from_shared(cls, shared: Shared, size: int) -> SharedCosts:
        """Check `shared` against `size` configurations; ValueError names the group or the configuration."""
        groups = _check_members(shared, size)
        values = [_shared_values(g, v) for g, v in enumerate(shared.values)]
        columns = [v[:, None] if v.ndim == 1 else v for v in values]
        for g, v in enumerate(columns):
            _check_shape(g, v, first=columns[0], given=values[g].shape)
            if not np.isfinite(v).all():
                raise ValueError(
                    f"the shared values of group {g} hold {v[~np.isfinite(v)][0]}, not a finite number"
                )
        costs = np.concatenate(columns)
        components = costs.shape[1]
        directions = check_directions(shared.maximize, components, "shared components")
        costs[:, directions] *= -1.0
        costs += 0.0
        starts = np.concatenate([[0], np.cumsum([len(v) for v in columns])]).astype(np.int64)
        margin = shared.margin
        if margin is not None:
            margin = check_margin(margin, components, "shared components")
        return cls(groups, costs, starts, margin)

    def subset(self, kept: Ints) -> SharedCosts:
        """The same of the configurations `kept` (k,), ascending."""
        return SharedCosts(self.groups[kept], self.costs, self.starts, self.margin)

    @property
    def margins(self) -> list[float]:
        """(s,) the margins; 0 where there are none."""
        return [0.0] * self.costs.shape[1] if self.margin is None else self.margin

    def best(self) -> Floats:
        """(G, s) the best value of each group in each component."""
        return np.minimum.reduceat(self.costs, self.starts[:-1], axis=0)

    def worst(self) -> Floats:
        """(G, s) the worst value of each group in each component."""
        return np.maximum.reduceat(self.costs, self.starts[:-1], axis=0)


def _check_members(shared: Shared, size: int) -> Ints:
    try:
        groups = np.asarray(shared.groups)
    except ValueError:
        groups = np.empty(0)
    if groups.shape != (size,) or groups.dtype.kind not in "iu":
        raise ValueError(f"shared.groups must hold one whole number for each of the {size} configurations")
    wrong = np.flatnonzero((groups < 0) | (groups >= len(shared.values)))
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(
            f"configuration {i} is in group {groups[i]}, but shared.values has {len(shared.values)} groups"
        )
    return groups.astype(np.int64)


def _shared_values(group: int, values: npt.ArrayLike) -> Floats:
    if np.ma.is_masked(values):
        raise ValueError(f"the shared values of group {group} are masked in part; leave those out")
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the shared values of group {group} are no table of numbers: {error}") from error


def _check_shape(group: int, values: Floats, *, first: Floats, given: tuple[int, ...]) -> None:
    is_table = values.ndim == 2 and first.ndim == 2
    if not is_table or values.size == 0 or values.shape[1] != first.shape[1]:
        raise ValueError(f"the shared values of group {group} have shape {given}; give (v,) or (v, s)")
