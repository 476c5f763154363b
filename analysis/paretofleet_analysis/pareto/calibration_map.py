"""The map from probabilities that are too sure of themselves to calibrated ones, and its fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .samples import Floats

#: Beyond this a probability from a few hundred replicates says no more than "sure".
_SURE = 0.002
#: How strongly the map is held at the identity, per simulated row.
_STIFFNESS = 0.03
#: A fleet differs from those simulated after it in ways unknown; dismissals are drawn in by this much.
_CAUTION = 0.85
#: The fit ends where a step moves no weight by more than this, or after so many steps.
_SETTLED, _STEPS_MAX = 1e-10, 50


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
    """The map that makes `predicted` probabilities (n,) most like the `outcomes` (n,), between 0 and 1.

    By Newton's steps: the loss is convex, so that wherever they settle is its least value, to all digits.
    """
    z = _logit(predicted)
    features = np.stack([np.ones_like(z), np.maximum(z, 0.0), np.minimum(z, 0.0)])
    shift, above, below = least_loss(features, outcomes, np.array([0.0, 1.0, 1.0])).tolist()
    # never surer than the kernel: what the simulated fleets lack can only be less separable
    return CalibrationMap(shift, min(max(above, 0.0), 1.0), min(max(below, 0.0), 1.0) * _CAUTION)


def least_loss(features: Floats, outcomes: Floats, identity: Floats) -> Floats:
    """The weights (3,) of the `features` (3, n) at which the logistic loss of the `outcomes` (n,) is least,
    held at the `identity` (3,).
    """

    def loss(weights: Floats) -> float:
        mapped, off = weights @ features, weights - identity
        return float(np.mean(np.logaddexp(0.0, mapped) - outcomes * mapped) + _STIFFNESS * off @ off)

    weights, least, count = identity, loss(identity), len(outcomes)
    for _ in range(_STEPS_MAX):
        said = 1.0 / (1.0 + np.exp(-(weights @ features)))
        slope = features @ (said - outcomes) / count + 2 * _STIFFNESS * (weights - identity)
        bend = (features * (said * (1.0 - said))) @ features.T / count + 2 * _STIFFNESS * np.eye(len(weights))
        step = np.linalg.solve(bend, slope)
        # a whole step may go too far where the loss bends little
        while np.abs(step).max() > _SETTLED and (after := loss(weights - step)) > least:
            step /= 2.0
        if np.abs(step).max() <= _SETTLED:
            break
        weights, least = weights - step, after
    return weights


def _logit(p: Floats) -> Floats:
    clipped = np.clip(p, _SURE, 1.0 - _SURE)
    return np.asarray(np.log(clipped / (1.0 - clipped)))
