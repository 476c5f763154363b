"""What is unknown but common to configurations: a sensor's gain, and how a device's blocks drifted at large.

Either is one factor for all configurations of a device, so it cancels inside the device and not across
devices. It has no product form and is integrated over outside of the exact ranking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.ranking.verdicts import SURE
from paretofleet_analysis.special_functions import ndtri, stdtrit
from paretofleet_analysis.statistics.sobol import scrambled_sobol

#: A gain's uncertainty is taken as half the width of its 95 % interval.
_SIGMAS = 1.959964
#: Points of each of the two halves of the quadrature, up to so many configurations and beyond.
_HALF, _HALF_OF_MANY, _SMALL = 16, 4, 300

#: A sensor's name and the 95 % relative uncertainty of its gain, None where that is not known.
Gain = tuple[str, float | None]


@dataclass(frozen=True)
class Factors:
    """Common factors of N configurations. `device` (N,): whole numbers.

    `loadings`: for each unknown the (N, d) logarithms by which one standard deviation of it moves each
    objective of each configuration, 0 for those that it does not concern.
    """

    device: np.ndarray
    loadings: tuple[np.ndarray, ...]
    seed: int

    def subset(self, chosen: np.ndarray) -> Factors:
        """The same of the configurations numbered in `chosen`."""
        return replace(self, device=self.device[chosen], loadings=tuple(x[chosen] for x in self.loadings))

    def draws(self, size: int) -> Iterator[list[np.ndarray]]:
        """Two independent halves of a scrambled Sobol quadrature: lists of factors (N, d)."""
        count = _HALF if size <= _SMALL else _HALF_OF_MANY
        for half in range(2):
            points = scrambled_sobol(count, len(self.loadings), np.random.default_rng([self.seed, 7, half]))
            normal = ndtri(np.clip(points, 1e-9, 1 - 1e-9))
            yield [np.exp(sum(z * x for z, x in zip(row, self.loadings, strict=True))) for row in normal]


def common_factors(
    devices: Sequence[str],
    gains: Sequence[Gain | None],
    *,
    of_power: Sequence[bool],
    drifts: Mapping[str, np.ndarray],
    seed: int,
    unidentified_drift: Mapping[str, np.ndarray] | None = None,
) -> Factors | None:
    """The factors of N configurations, or None where everything cancels (one device, one sensor).

    `devices` (N,): what drifts together. `gains` (N,): of each configuration its sensor and that sensor's
    gain; None where no objective is of power. A sensor has one gain whatever its configurations say of it:
    the most uncertain counts. `of_power` (d,): which objectives the gain moves. `drifts`: by device the
    (blocks, d) logarithms of what each block did to all; their mean is unknown by its standard error, which
    reaches as far as Student's where verdicts are given, since few blocks know their own spread badly.
    `unidentified_drift`: by device the (d,) logarithms of one standard deviation of more that all have in
    common. `seed` is that of the quadrature.

    >>> gains = [("a rapl", 0.02), ("a rapl", None), ("b rapl", 0.02)]
    >>> found = common_factors(["a", "a", "b"], gains, of_power=[True], drifts={}, seed=1)
    >>> [loading.ravel().round(2).tolist() for loading in found.loadings]
    [[0.01, 0.01, 0.0], [0.0, 0.0, 0.01]]
    """
    names = sorted(set(devices))
    number = {name: k for k, name in enumerate(names)}
    device = np.array([number[name] for name in devices])
    loadings = []
    if len(names) > 1:
        for name in names:
            moves = _drift_loadings(drifts[name]) if name in drifts else []
            if unidentified_drift is not None and name in unidentified_drift:
                moves.append(unidentified_drift[name])
            loadings += [np.where((device == number[name])[:, None], move, 0.0) for move in moves]
    loadings += _gain_loadings(gains, np.asarray(of_power, dtype=float))
    return Factors(device, tuple(loadings), seed) if loadings else None


def _drift_loadings(effects: np.ndarray) -> list[np.ndarray]:
    """What the mean of a device's (blocks, d) effects is unknown by: a (d,) share of each block."""
    count = len(effects)
    if count < 2:
        return []
    reach = float(stdtrit(count - 1, SURE) / ndtri(SURE))
    shares = [reach * effect / np.sqrt(count * (count - 1)) for effect in effects]
    return [share for share in shares if np.abs(share).max() > 0]


def _gain_loadings(gains: Sequence[Gain | None], of_power: np.ndarray) -> list[np.ndarray]:
    """A loading (N, d) for each sensor whose gain is not certain; one sensor's gain cancels."""
    sensors = sorted({gain[0] for gain in gains if gain is not None})
    if len(sensors) < 2:
        return []
    loadings = []
    for sensor in sensors:
        is_of_sensor = np.array([gain is not None and gain[0] == sensor for gain in gains])
        uncertainty = max(gain[1] or 0.0 for gain in gains if gain is not None and gain[0] == sensor)
        move = of_power * uncertainty / _SIGMAS
        if move.any():
            loadings.append(np.where(is_of_sensor[:, None], move, 0.0))
    return loadings
