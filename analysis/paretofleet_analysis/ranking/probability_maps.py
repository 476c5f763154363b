"""From what the kernel says of runs to what is said of a row: the calibration's map, and one more run."""

from __future__ import annotations

import numpy as np

from paretofleet_analysis.special_functions import logit

#: Fewer runs keep `next_run_probability` between 0.05 and 0.95.
RUNS_TO_FORETELL = 9
_LOGIT_MAX = 12.0


def interpolate_calibration(before: np.ndarray, after: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Probabilities `p` (n,) through the map that took `before` (N,) to `after` (N,), by lines of logits.

    Below and above those the map goes on at a slope of one.

    >>> before, after = np.array([0.2, 0.8]), np.array([0.3, 0.7])
    >>> interpolate_calibration(before, after, np.array([0.2, 0.5, 0.8])).round(3).tolist()
    [0.3, 0.5, 0.7]
    """
    x, places = np.unique(_logit(before), return_index=True)
    y = _logit(after)[places]
    ends = np.array([-2.0, 2.0]) * _LOGIT_MAX
    x, y = (
        np.concatenate([[ends[0]], x, [ends[1]]]),
        np.concatenate([[y[0] + ends[0] - x[0]], y, [y[-1] + ends[1] - x[-1]]]),
    )
    return np.asarray(1 / (1 + np.exp(-np.interp(_logit(p), x, y))))


def _logit(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(logit(p), -_LOGIT_MAX, _LOGIT_MAX))


def next_run_probability(front: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """What numbers of `runs` (N,) with shares `front` (N,) on the frontier say of one more, never 0 or 1.

    Half a run is added for and half a run against: m runs that were all on the frontier do not promise the
    next. `(m p + 1/2) / (m + 1)` (Krichevsky and Trofimov 1981) stays between 0.08 and 0.92 for five runs.

    >>> next_run_probability(np.array([0.0, 1.0]), np.array([5, 5])).round(3).tolist()
    [0.083, 0.917]
    >>> next_run_probability(np.array([1.0, 1.0]), RUNS_TO_FORETELL - np.array([1, 0])).round(3).tolist()
    [0.944, 0.95]
    """
    return np.asarray((runs * front + 0.5) / (runs + 1))
