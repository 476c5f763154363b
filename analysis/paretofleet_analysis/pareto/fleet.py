"""The configurations of a ranking with their runs, in one form.

Inside this package every objective is a cost (less is better): columns to be maximised are negated here,
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .samples import Floats, Ints, Samples, join_samples
from .validation import check_directions

#: What looks at pairs of configurations, or simulates them, would take hours and gigabytes beyond this.
PAIRED_MAX = 100_000
#: Numbers that one answer may hold: 2 GiB of them.
NUMBERS_MAX = 250_000_000


@dataclass(frozen=True)
class Fleet:
    """Checked samples of N configurations as `costs` (n, d); configuration i owns rows starts[i]:starts[i +
    1].
    """

    costs: Floats
    starts: Ints

    @classmethod
    def from_samples(cls, samples: Samples, maximize: Sequence[bool]) -> Fleet:
        """Check `samples` (N arrays (m_i, d), a row a run) and turn them into costs; ValueError as
        `join_samples`, and for other than d directions.
        """
        fleet = cls.from_values(samples)
        directions = check_directions(maximize, fleet.dimensions)
        if directions.any():
            fleet.costs[:, directions] *= -1.0
            fleet.costs[:, directions] += 0.0  # -0.0 and 0.0 are one value
        return fleet

    @classmethod
    def from_values(cls, samples: Samples) -> Fleet:
        """The same, with the values as they are."""
        return cls(*join_samples(samples))

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

    def subset(self, kept: Ints) -> Fleet:
        """The fleet of the configurations `kept` (k,), ascending."""
        is_kept = np.zeros(self.size, dtype=np.bool_)
        is_kept[kept] = True
        starts = np.concatenate([[0], np.cumsum(self.runs[kept])])
        return Fleet(self.costs[np.repeat(is_kept, self.runs)], starts)

    def kept_apart(self, fleets: Ints) -> Fleet:
        """The same with two more columns, by which configurations of different `fleets` (N,) never dominate
        one another: the fleet's number and its negative, of which one is worse.
        """
        number = fleets[self.owner].astype(np.float64)
        return Fleet(np.column_stack([self.costs, number, 0.0 - number]), self.starts)

    def worst(self) -> Floats:
        """(N, d) the worst value of each configuration in each objective."""
        return np.maximum.reduceat(self.costs, self.starts[:-1], axis=0)

    def mean_by_configuration(self, values: Floats) -> Floats:
        """Mean over the samples of each configuration of values (n,) or (n, k), always in the same order."""
        sums = np.add.reduceat(values, self.starts[:-1], axis=0)
        return sums / (self.runs if sums.ndim == 1 else self.runs[:, None])


def check_magnitude(fleet: Fleet, most: float) -> None:
    """ValueError naming the first value of `fleet` beyond `most`, or below its inverse and not 0: its
    squares, reciprocals or shares would be no numbers, or wrong ones.
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


def check_size(samples: Samples, question: str) -> None:
    """ValueError where `samples` has more configurations than `question`, a function's name, compares; costs
    nothing.
    """
    if hasattr(samples, "__len__") and len(samples) > PAIRED_MAX:
        raise ValueError(
            f"there are {len(samples):,} configurations and {question} compares at most {PAIRED_MAX:,}; "
            "leave out those whose front_probability is 0"
        )
