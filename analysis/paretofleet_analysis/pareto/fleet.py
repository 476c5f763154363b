"""What enters the exact ranking: samples of configurations, shared vectors, margins; checked and brought to
one form.

Inside this package every objective is a cost (less is better): columns to be maximised are negated here,
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .validation import Absolute, check_margin

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Samples = Sequence[npt.ArrayLike]

#: Whole numbers beyond this are not all different as doubles.
_WHOLE_MAX = 2**53
#: What looks at pairs of configurations, or simulates them, would take hours and gigabytes beyond this.
PAIRED_MAX = 100_000
#: Numbers that one answer may hold: 2 GiB of them.
NUMBERS_MAX = 250_000_000


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
class Fleet:
    """Checked samples of N configurations as `costs` (n, d); configuration i owns rows starts[i]:starts[i +
    1].
    """

    costs: Floats
    starts: Ints

    @property
    def size(self) -> int:
        """The number of configurations."""
        return len(self.starts) - 1

    @property
    def dimensions(self) -> int:
        """The number of objectives."""
        return int(self.costs.shape[1])

    @property
    def runs(self) -> Ints:
        """(N,) the number of samples of each configuration."""
        return np.diff(self.starts)

    @property
    def owner(self) -> Ints:
        """(n,) the configuration of each sample."""
        return np.repeat(np.arange(self.size), self.runs)

    def worst(self) -> Floats:
        """(N, d) the worst value of each configuration in each objective."""
        return np.maximum.reduceat(self.costs, self.starts[:-1], axis=0)

    def kept_apart(self, fleets: Ints) -> Fleet:
        """The same with two more columns, by which configurations of different `fleets` (N,) never dominate
        one another: the fleet's number and its negative, of which one is worse.
        """
        number = fleets[self.owner].astype(np.float64)
        return Fleet(np.column_stack([self.costs, number, 0.0 - number]), self.starts)

    def mean_by_configuration(self, values: Floats) -> Floats:
        """Mean over the samples of each configuration of values (n,) or (n, k), always in the same order."""
        sums = np.add.reduceat(values, self.starts[:-1], axis=0)
        return sums / (self.runs if sums.ndim == 1 else self.runs[:, None])


def check_directions(
    maximize: Sequence[bool] | npt.ArrayLike, dimensions: int, what: str = "objectives"
) -> Flags:
    """The directions as d booleans; ValueError when they are not d or are not booleans."""
    flags = np.atleast_1d(np.asarray(maximize))
    if flags.dtype != np.bool_:
        raise ValueError(
            f"maximize must hold one boolean for each of the {dimensions} {what}, not {maximize!r}"
        )
    if len(flags) != dimensions or flags.ndim != 1:
        raise ValueError(f"maximize has {flags.size} directions for {dimensions} {what}; give one for each")
    return np.asarray(flags, dtype=np.bool_)


def check_finite(costs: Floats, starts: Ints) -> None:
    """ValueError naming the configuration, the run and the objective of the first NaN or infinity."""
    if np.isfinite(costs).all():
        return
    row, objective = (int(at[0]) for at in np.nonzero(~np.isfinite(costs)))
    configuration = int(np.searchsorted(starts, row, side="right")) - 1
    raise ValueError(
        f"configuration {configuration}, run {row - int(starts[configuration])}, objective {objective} is "
        f"{costs[row, objective]}, not a finite number; leave such a run out or fill the objective first"
    )


def check_magnitude(fleet: Fleet, most: float) -> None:
    """ValueError naming the first value beyond `most`, or below its inverse and not 0: its squares,
    reciprocals or shares would be no numbers, or wrong ones.
    """
    sizes = np.abs(fleet.costs)
    wrong = (sizes > most) | ((sizes < 1.0 / most) & (sizes > 0.0))
    if wrong.any():
        row, objective = (int(at[0]) for at in np.nonzero(wrong))
        value = fleet.costs[row, objective]
        raise ValueError(
            f"configuration {int(fleet.owner[row])}, objective {objective} is {value:g}, too "
            f"{'large' if abs(value) > most else 'small'} to compute with; give it in another unit"
        )


def check_size(samples: Samples, what: str) -> None:
    """ValueError where there are more configurations than `what` compares; costs nothing."""
    if hasattr(samples, "__len__") and len(samples) > PAIRED_MAX:
        raise ValueError(
            f"there are {len(samples):,} configurations and {what} compares at most {PAIRED_MAX:,}; leave "
            "out those whose front_probability is 0"
        )


def pack(samples: Samples, maximize: Sequence[bool]) -> Fleet:
    """Check `samples` (N arrays (m_i, d), a row a run) and turn them into costs.

    Raises ValueError naming the configuration and the objective for empty, ragged, NaN or infinite input.
    """
    fleet = pack_values(samples)
    directions = check_directions(maximize, fleet.dimensions)
    if directions.any():
        fleet.costs[:, directions] *= -1.0
        fleet.costs[:, directions] += 0.0  # -0.0 and 0.0 are one value
    return fleet


def pack_values(samples: Samples) -> Fleet:
    """The same, with the values as they are."""
    if not hasattr(samples, "__len__") or isinstance(samples, (str, bytes, dict)):
        kind = type(samples).__name__
        raise ValueError(f"samples is of type {kind}; give a list with one array (runs, objectives) each")
    if len(samples) == 0:
        raise ValueError("there are no configurations to rank; samples is empty")
    arrays = [
        a if type(a) is np.ndarray and a.dtype == np.float64 else _as_array(i, a)
        for i, a in enumerate(samples)
    ]
    shapes = [a.shape for a in arrays]
    if len({shape[1:] for shape in shapes}) != 1 or len(shapes[0]) != 2 or not all(map(len, arrays)):
        _refuse_shapes(shapes)
    if shapes[0][1] == 0:
        raise ValueError("configuration 0 has no objectives; give at least one column")
    costs = np.concatenate(arrays)
    starts = np.zeros(len(arrays) + 1, dtype=np.int64)
    np.cumsum([len(a) for a in arrays], out=starts[1:])
    check_finite(costs, starts)
    costs += 0.0
    return Fleet(costs, starts)


def _refuse_shapes(shapes: list[tuple[int, ...]]) -> None:
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if len(shape) != 2:
            raise ValueError(f"configuration {i} has an array of shape {shape}; give (runs, objectives)")
        if shape[0] == 0:
            raise ValueError(f"configuration {i} has no runs; leave it out")
        if shape[1] != first[1]:
            raise ValueError(f"configuration {i} has {shape[1]} objectives, configuration 0 has {first[1]}")


def _as_array(configuration: int, sample: npt.ArrayLike) -> Floats:
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


def better_than(costs: Floats, margin: float) -> Floats:
    """(n,) for costs (n,) of one objective the values below which another is better by more than `margin`."""
    return costs - (margin if isinstance(margin, Absolute) else margin * np.abs(costs))


@dataclass(frozen=True)
class SharedCosts:
    """A checked `Shared` as costs: `costs` (V, s), group g owns rows starts[g]:starts[g+1]; `groups`
    (N,).
    """

    groups: Ints
    costs: Floats
    starts: Ints
    margin: list[float] | None


def _shared_values(group: int, values: npt.ArrayLike) -> Floats:
    if np.ma.is_masked(values):
        raise ValueError(f"the shared values of group {group} are masked in part; leave those out")
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the shared values of group {group} are no table of numbers: {error}") from error


def pack_shared(shared: Shared, size: int) -> SharedCosts:
    """Check `shared` against `size` configurations; ValueError names the group or the configuration."""
    try:
        groups = np.asarray(shared.groups)
    except ValueError:
        groups = np.empty(0)
    if groups.shape != (size,) or groups.dtype.kind not in "iu":
        raise ValueError(f"shared.groups must hold one whole number for each of the {size} configurations")
    values = [_shared_values(g, v) for g, v in enumerate(shared.values)]
    wrong = np.flatnonzero((groups < 0) | (groups >= len(values)))
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(
            f"configuration {i} is in group {groups[i]}, but shared.values has {len(values)} groups"
        )
    columns = [v[:, None] if v.ndim == 1 else v for v in values]
    for g, v in enumerate(columns):
        if (
            v.ndim != 2
            or columns[0].ndim != 2
            or v.shape[0] == 0
            or v.shape[1] != columns[0].shape[1]
            or v.shape[1] == 0
        ):
            raise ValueError(
                f"the shared values of group {g} have shape {values[g].shape}; give (v,) or (v, s)"
            )
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
    margin = None if shared.margin is None else check_margin(shared.margin, components, "shared components")
    return SharedCosts(groups.astype(np.int64), costs, starts, margin)
