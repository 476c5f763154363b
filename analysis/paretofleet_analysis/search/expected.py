"""What the trials of a search lead to expect of members: costs by objective, and whether they fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .members import encode
from .space import Codes, Floats, Space
from .surrogate import Observations, Surrogate, condition, fit
from .trials import Trials, optimiser_costs

#: Length scales are fitted anew after so many trials.
_REFIT = 20
#: Of 0 or 1, has it failed: another run of it could end otherwise.
_FAILURE_VARIANCE = 0.02


@dataclass(frozen=True)
class Expected:
    """A process for each objective, and for failing where anything has failed."""

    space: Space
    costs: tuple[Surrogate, ...]
    failing: Surrogate | None

    def means(self, encoded: Floats) -> tuple[Floats, list[Floats]]:
        """(m, d) the expected costs of `encoded` members (m, w), and their covariances with what was seen."""
        covariances = [process.covariance(encoded) for process in self.costs]
        pairs = zip(self.costs, covariances, strict=True)
        return np.stack([process.mean(each) for process, each in pairs], axis=1), covariances

    def deviations(self, covariances: Sequence[Floats], rows: Codes) -> Floats:
        """(r, d) the standard deviations for `rows` (r,) of the `covariances`."""
        pairs = zip(self.costs, covariances, strict=True)
        return np.stack([process.deviation(each[rows]) for process, each in pairs], axis=1)

    def works(self, encoded: Floats) -> Floats:
        """(m,) how likely `encoded` members (m, w) do not fail, a standard deviation on the safe side."""
        if self.failing is None:
            return np.ones(len(encoded))
        covariance = self.failing.covariance(encoded)
        fails = self.failing.mean(covariance) + self.failing.deviation(covariance)
        return np.asarray(1.0 - np.clip(fails, 0.0, 0.99))


def expected_of(space: Space, trials: Trials, columns: Sequence[int]) -> Expected:
    """What `trials` of the `space` lead to expect in the `columns` (d,) of their costs.

    Trials under way count with what is expected of them, so that a batch does not ask one thing four times.
    """
    done = trials.subset(trials.is_done)
    early = done.subset(np.arange(len(done.codes) // _REFIT * _REFIT or len(done.codes)))
    waiting = encode(space, trials.codes[~trials.is_done])
    costs = []
    for column in columns:
        logs = _fitted(_observed(space, early, column))
        costs.append(_with_waiting(condition(_observed(space, done, column), logs), waiting))
    failing = None
    if done.has_failed.any() and not done.has_failed.all():
        seen = _failures(space, done)
        failing = condition(seen, np.log([*[6.0] * seen.encoded.shape[1], 8.0, 1e-2]))
    return Expected(space, tuple(costs), failing)


def _observed(space: Space, trials: Trials, column: int) -> Observations:
    costs = optimiser_costs(trials, column)
    has_cost = np.isfinite(costs)
    errors = np.nan_to_num(trials.errors[has_cost, column])
    return Observations(encode(space, trials.codes[has_cost]), costs[has_cost], errors**2)


def _failures(space: Space, trials: Trials) -> Observations:
    failed = trials.has_failed.astype(np.float64)
    return Observations(encode(space, trials.codes), failed, np.full(len(failed), _FAILURE_VARIANCE))


def _with_waiting(process: Surrogate, waiting: Floats) -> Surrogate:
    """The `process` as if the encoded members `waiting` (m, w) had been measured as expected."""
    if not len(waiting):
        return process
    seen = process.observations
    believed = Observations(
        np.concatenate([seen.encoded, waiting]),
        np.concatenate([seen.values, process.mean(process.covariance(waiting))]),
        np.concatenate([seen.variances, np.full(len(waiting), np.median(seen.variances))]),
    )
    return condition(believed, process.logs)


def _fitted(seen: Observations) -> Floats:
    """`fit`, remembered: a search asks the same until it has 20 more trials."""
    arrays = (seen.encoded, seen.values, seen.variances)
    logs = _fit_bytes(*(array.tobytes() for array in arrays), seen.encoded.shape[1])
    return np.frombuffer(logs)


@lru_cache(maxsize=64)
def _fit_bytes(encoded: bytes, values: bytes, variances: bytes, width: int) -> bytes:
    return fit(
        Observations(
            np.frombuffer(encoded).reshape(-1, width),
            np.frombuffer(values),
            np.frombuffer(variances),
        )
    ).tobytes()
