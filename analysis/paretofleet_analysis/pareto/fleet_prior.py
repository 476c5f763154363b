"""What the runs of a fleet say of each configuration's noise: one prior for each group and objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.statistics.variance_prior import VariancePrior, fit_variance_prior

from .samples import Flags, Floats, Ints

#: Configurations from which on those of one device, or of one runtime on it, have a prior of their own.
GROUP_MIN = 8


@dataclass(frozen=True)
class FleetPrior:
    """Of N configurations in G groups of one kind of noise. `group` (N,): whose each is.

    `variances`: for each group a prior of each of the d objectives. `correlation` (G, d, d): how alike the
    objectives of a run are, over the group.
    """

    group: Ints
    variances: tuple[tuple[VariancePrior, ...], ...]
    correlation: Floats

    def moderated(self, variances: Floats, freedom: Floats) -> tuple[Floats, Floats]:
        """(N, d) the `variances` (N, d), of `freedom` (N,) each, drawn towards their group's, and the
        degrees of freedom (N, d) of each then.
        """
        out, total = variances.copy(), np.zeros(variances.shape)
        everyone = np.arange(len(variances))
        for k, column in enumerate(variances.T):
            out[:, k], total[:, k] = self.moderated_column(column, freedom, everyone, k)
        return out, total

    def moderated_column(
        self, variances: Floats, freedom: Floats, members: Ints, k: int
    ) -> tuple[Floats, Floats]:
        """(n,) `variances` (n,) of objective `k` of the configurations `members` (n,), of `freedom` (n,)
        each, drawn towards their group's; their freedom then.
        """
        out, total = variances.copy(), np.zeros(len(variances))
        group = self.group[members]
        for number in np.unique(group):
            of_group = group == number
            out[of_group], total[of_group] = self.variances[number][k].moderated(
                variances[of_group], freedom[of_group]
            )
        return out, total

    def subset(self, chosen: Flags) -> FleetPrior:
        """The same of the configurations that are `chosen` (N,)."""
        return replace(self, group=self.group[chosen])


def fit_fleet_prior(covariance: Floats, freedom: Floats, groups: Sequence[Ints] = ()) -> FleetPrior:
    """The prior of configurations with the `covariance` (N, d, d) of a run, of `freedom` (N,) each.

    `groups`: whole numbers (N,) of what may share its noise, the finest first, such as device and runtime,
    then device. A configuration belongs to the finest that holds enough of them, or else to the fleet.
    """
    group = _large_enough(len(covariance), groups)
    variances = covariance.diagonal(axis1=1, axis2=2)
    alike = correlations(covariance)
    priors, pooled = [], []
    for number in range(int(group.max()) + 1):
        members = group == number
        columns = variances[members].T
        priors.append(tuple(fit_variance_prior(column, freedom[members]) for column in columns))
        pooled.append(np.average(alike[members], axis=0, weights=freedom[members]))
    return FleetPrior(group, tuple(priors), np.array(pooled))


def correlations(covariance: Floats) -> Floats:
    """(N, d, d) the correlation matrices of the `covariance` (N, d, d); 0 with what does not vary."""
    deviations = np.sqrt(covariance.diagonal(axis1=1, axis2=2))
    scale = np.where(deviations > 0, deviations, 1.0)
    out = covariance / scale[:, :, None] / scale[:, None, :]
    unit = np.arange(covariance.shape[1])
    out[:, unit, unit] = 1.0
    return np.asarray(out)


def _large_enough(size: int, groups: Sequence[Ints]) -> Ints:
    """(N,) the finest group that is large enough, numbered from 0; what is left over is one group."""
    chosen = np.full((size, 2), -1)
    for level, numbers in enumerate(groups):
        is_large = np.bincount(numbers, minlength=1)[numbers] >= GROUP_MIN
        taken = is_large & (chosen[:, 0] < 0)
        chosen[taken] = np.column_stack([np.full(size, level), numbers])[taken]
    return np.asarray(np.unique(chosen, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)
