"""What a clock's tick and a sensor's step leave unknown: readings that agree are no certainty.

A reading on a grid of `step` is off by up to half of it, a uniform error of variance step^2 / 12. In a mean
these errors average out only as far as the readings themselves move across the grid: with noise of standard
deviation sigma the error that they all share has the variance sum over k of step^2 / (2 pi^2 k^2) exp(-4 pi^2
k^2 sigma^2 / step^2), which is step^2 / 12 without noise and nothing from a step of noise on (Widrow, Kollar,
Liu 1996, Statistical theory of quantization, IEEE Trans. Instrum. Meas. 45(2) 353: the moments of a quantized
variable by its characteristic function).
"""

from __future__ import annotations

import math

import numpy as np

from paretofleet_analysis.special_functions import ndtri

#: Terms of the sum where there is noise; the rest is nothing.
_HARMONICS = np.arange(1, 65)[:, None]
_RATIO_MAX = 10.0
#: Values with more digits than this stand on no grid that anyone can see.
_DIGITS_MAX = 11
#: How far from a multiple of the step a value may be, in steps: units were converted on the way.
_OFF_MAX = 1e-4
#: From so many unlike values on their common divisor is no chance; fewer are taken by their last digit.
_UNLIKE_MIN = 10


def shared_rounding(steps: np.ndarray | float, spreads: np.ndarray | float) -> np.ndarray:
    """The standard error that readings on a grid of `steps` (n,) share, whatever their number.

    `spreads` (n,): the standard deviations of the readings as they were rounded; both in the readings' unit.

    >>> shared_rounding(0.01, np.array([0.0, 0.003, 0.01])).round(6).tolist()
    [0.002887, 0.002096, 0.0]
    """
    steps, spreads = np.broadcast_arrays(np.asarray(steps, dtype=float), np.asarray(spreads, dtype=float))
    # beyond a few steps of noise nothing is shared
    ratios = np.full(steps.size, _RATIO_MAX)
    np.divide(spreads.ravel(), steps.ravel(), out=ratios, where=steps.ravel() * _RATIO_MAX > spreads.ravel())
    # the spread that is seen has the rounding in it (Sheppard's correction)
    noise = np.maximum(ratios**2 - 1.0 / 12.0, 0.0)
    order = 2.0 * np.pi**2 * _HARMONICS**2
    shares = np.where(noise == 0, 1.0 / 12.0, (np.exp(-2.0 * order * noise) / order).sum(axis=0))
    return np.asarray((steps.ravel() * np.sqrt(shares)).reshape(steps.shape))


def rounding_reach(
    steps: np.ndarray | float, spreads: np.ndarray | float, confidence: float = 0.95
) -> np.ndarray:
    """How far the interval of a mean reaches for what its readings share, to either side: at most half a
    step.

    `steps`, `spreads` as for `shared_rounding`; `confidence` of the interval, a share.

    >>> float(rounding_reach(0.01, 0.0))
    0.005
    """
    reach = float(ndtri((1 + confidence) / 2)) * shared_rounding(steps, spreads)
    return np.asarray(np.minimum(reach, np.asarray(steps, dtype=float) / 2))


def width_of_mean(step: float, readings: np.ndarray) -> float:
    """The width of the uniform error that a grid of `step` leaves in the mean of `readings` (n,).

    What they share, and what is left of each one's own.

    >>> width_of_mean(1.0, np.full(100, 7.0)) > 0.99, width_of_mean(1.0, np.arange(100.0)) < 0.11
    (True, True)
    """
    spread = float(readings.std(ddof=1)) if readings.size > 1 else 0.0
    own = 0.0 if spread == 0 else step / math.sqrt(readings.size)
    return min(step, math.hypot(float(shared_rounding(step, spread)) * math.sqrt(12.0), own))


def grid_step(values: np.ndarray) -> float | None:
    """The step of the grid on which finite `values` (n,) stand, as they show it; None where none shows.

    Their last decimal place, or 1 where they are whole; of 10 unlike values or more the largest step of
    which all are multiples, such as a clock's tick of 1/64 s. Values of more than 11 digits show none.

    >>> grid_step(np.array([0.01, 0.01, 0.03])), grid_step(np.array([12.5, 13.0]))
    (0.01, 0.1)
    >>> grid_step(np.arange(1, 20) / 64), grid_step(np.array([2 / 3, 1 / 7]))
    (0.015625, None)
    """
    unlike = np.unique(np.abs(values[values != 0.0]))
    if not unlike.size:
        return None
    most = math.floor(math.log10(unlike[-1]))
    for decimals in range(max(0, -most), max(0, _DIGITS_MAX - most) + 1):
        counts = unlike * 10.0**decimals
        whole = np.rint(counts)
        if (np.abs(counts - whole) <= np.minimum(_OFF_MAX, 1e-12 * counts + 1e-9)).all():
            divisor = int(np.gcd.reduce(whole.astype(np.int64))) if unlike.size >= _UNLIKE_MIN else 1
            return divisor / 10.0**decimals
    return None
