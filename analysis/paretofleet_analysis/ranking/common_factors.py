"""What is unknown but common to configurations: a sensor's gain, and how a device's blocks drifted at large.

Either is one factor for all configurations of a device, so it cancels inside the device and not across
devices. It has no product form and is integrated over outside of the exact ranking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri, stdtrit
from scipy.stats import qmc

from paretofleet_analysis.ranking.verdicts import SURE

#: A gain's uncertainty is taken as half the width of its 95 % interval.
_SIGMAS = 1.959964
#: Points of each of the two halves of the quadrature, up to so many configurations and beyond.
_HALF, _HALF_OF_MANY, _SMALL = 16, 4, 300


@dataclass(frozen=True)
class Factors:
    """Common factors of N configurations. `device` (N,): whole numbers.

    `loadings`: for each unknown the (N, d) logarithms by which one standard deviation of it moves each
    objective of each configuration, 0 for those that it does not concern.
    """

    device: np.ndarray
    loadings: tuple[np.ndarray, ...]
    seed: int

    def of(self, chosen: np.ndarray) -> Factors:
        """The same of some configurations."""
        return replace(self, device=self.device[chosen], loadings=tuple(one[chosen] for one in self.loadings))

    def draws(self, size: int) -> Iterator[list[np.ndarray]]:
        """Two independent halves of a scrambled Sobol quadrature: lists of factors (N, d)."""
        count = _HALF if size <= _SMALL else _HALF_OF_MANY
        for half in range(2):
            sobol = qmc.Sobol(len(self.loadings), seed=np.random.default_rng([self.seed, 7, half]))
            normal = ndtri(np.clip(sobol.random(count), 1e-9, 1 - 1e-9))
            yield [np.exp(sum(z * one for z, one in zip(row, self.loadings, strict=True))) for row in normal]


def common_factors(
    devices: Sequence[str],
    gains: Sequence[tuple[str, float | None] | None],
    *,
    of_power: Sequence[bool],
    drifts: Mapping[str, np.ndarray],
    seed: int,
    unknown: Mapping[str, np.ndarray] | None = None,
) -> Factors | None:
    """The factors of N configurations, or None where everything cancels (one device, one sensor).

    `gains`: of each configuration its sensor and that sensor's 95 % relative uncertainty, None where it is
    not known; None where no objective is of power. A sensor has one gain whatever its configurations say of
    it: the most uncertain counts. `of_power` (d,): which objectives the gain moves. `drifts`: by device the
    (blocks, d) logarithms of what each block did to all; their mean is unknown by its standard error, which
    reaches as far as Student's where verdicts are given, since few blocks know their own spread badly.
    `unknown`: by device the (d,) logarithms of one standard deviation of more that all have in common.

    >>> gains = [("a rapl", 0.02), ("a rapl", None), ("b rapl", 0.02)]
    >>> found = common_factors(["a", "a", "b"], gains, of_power=[True], drifts={}, seed=1)
    >>> [one.ravel().round(2).tolist() for one in found.loadings]
    [[0.01, 0.01, 0.0], [0.0, 0.0, 0.01]]
    """
    names = sorted(set(devices))
    number = {name: k for k, name in enumerate(names)}
    device = np.array([number[name] for name in devices])
    loadings = []
    if len(names) > 1:
        for name in names:
            effects = drifts.get(name, np.zeros((0, 0)))
            count = len(effects)
            reach = float(stdtrit(count - 1, SURE) / ndtri(SURE)) if count > 1 else 0.0
            for effect in effects if count > 1 else ():
                share = reach * effect / np.sqrt(count * (count - 1))
                if np.abs(share).max() > 0:
                    loadings.append(np.where((device == number[name])[:, None], share, 0.0))
            if unknown is not None and name in unknown:
                loadings.append(np.where((device == number[name])[:, None], unknown[name], 0.0))
    sensors = sorted({gain[0] for gain in gains if gain is not None})
    for sensor in sensors if len(sensors) > 1 else ():
        mine = np.array([gain is not None and gain[0] == sensor for gain in gains])
        known = max((gain[1] or 0.0 for gain in gains if gain is not None and gain[0] == sensor), default=0.0)
        moved = np.asarray(of_power, dtype=float) * known / _SIGMAS
        if moved.any():
            loadings.append(np.where(mine[:, None], moved, 0.0))
    return Factors(device, tuple(loadings), seed) if loadings else None
