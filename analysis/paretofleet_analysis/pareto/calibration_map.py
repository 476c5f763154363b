"""The map from probabilities that are too sure of themselves to calibrated ones, and its fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize

from .samples import Floats

#: Beyond this a probability from a few hundred replicates says no more than "sure".
_SURE = 0.002
#: How strongly the map is held at the identity, per simulated row.
_STIFFNESS = 0.03
#: A fleet differs from those simulated after it in ways unknown; dismissals are drawn in by this much.
_CAUTION = 0.85


@dataclass(frozen=True)
class CalibrationMap:
    """logit p -> shift + slope * logit p, with a slope for each sign; with `exact` nothing changes."""

    shift: float = 0.0
    slope_above: float = 1.0
    slope_below: float = 1.0
    exact: bool = False

    def __call__(self, p: Floats) -> Floats:
        """Calibrated probabilities (n,), no surer than replicates can be."""
        if self.exact:
            return p
        z = _logit(p)
        mapped = self.shift + self.slope_above * np.maximum(z, 0.0) + self.slope_below * np.minimum(z, 0.0)
        return np.asarray(1.0 / (1.0 + np.exp(-mapped)))


def fit_map(predicted: Floats, outcomes: Floats) -> CalibrationMap:
    """The map that makes `predicted` probabilities (n,) most like the `outcomes` (n,), between 0 and 1."""
    z = _logit(predicted)
    features = np.stack([np.ones_like(z), np.maximum(z, 0.0), np.minimum(z, 0.0)])
    identity = np.array([0.0, 1.0, 1.0])

    def loss(weights: Floats) -> tuple[float, Floats]:
        mapped = weights @ features
        off = weights - identity
        value = np.mean(np.logaddexp(0.0, mapped) - outcomes * mapped) + _STIFFNESS * off @ off
        slope = features @ (1.0 / (1.0 + np.exp(-mapped)) - outcomes) / len(outcomes) + 2 * _STIFFNESS * off
        return float(value), slope

    shift, above, below = scipy.optimize.minimize(loss, identity, jac=True, method="BFGS").x
    # never surer than the kernel: what the simulated fleets lack can only be less separable
    return CalibrationMap(
        float(shift), float(np.clip(above, 0.0, 1.0)), float(np.clip(below, 0.0, 1.0)) * _CAUTION
    )


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, _SURE, 1.0 - _SURE)
    return np.asarray(np.log(clipped / (1.0 - clipped)))
