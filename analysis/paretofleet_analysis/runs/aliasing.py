"""Whether a sensor that looks only a part of the time always looks at the same part of an iteration.

Then the energy may be off by up to half of the power's swing, however long the window is. The test needs no
power: the times of the refreshes and of the iterations say where in its iteration each refresh looked.
"""

from __future__ import annotations

import math

import numpy as np

#: Harmonics of an iteration's power that are looked at; the higher ones carry little of it.
HARMONICS = 4
#: A harmonic that the sensor's own averaging weakens below this does no harm.
STRENGTH_MIN = 0.1
#: Chance alone keeps the mean direction of n phases below this over sqrt(n), 9999 times of 10000.
CHANCE = 3.0


def phases(times_s: np.ndarray, starts_s: np.ndarray) -> np.ndarray:
    """Where in its iteration each of `times_s` lies, from 0 to 1.

    `starts_s`: starts of the iterations in order; times outside of them are left out.

    >>> phases(np.array([0.25, 1.5, 9.0]), np.array([0.0, 1.0, 2.0]))
    array([0.25, 0.5 ])
    """
    place = np.searchsorted(starts_s, times_s, side="right") - 1
    inside = (place >= 0) & (place < starts_s.size - 1)
    place = place[inside]
    return np.asarray((times_s[inside] - starts_s[place]) / (starts_s[place + 1] - starts_s[place]))


def is_possible(
    times_s: np.ndarray,
    starts_s: np.ndarray,
    *,
    window_s: float,
    spacing_s: float,
    rhythm_s: float | None = None,
) -> bool:
    """Whether refreshes at `times_s`, each over `window_s`, hit the iterations' phases unevenly.

    `starts_s`: starts of the iterations in order. `spacing_s`: the time between refreshes; a sensor without a
    gap between its windows cannot alias. `rhythm_s`: the period of a sensor that refreshes by itself, with
    which the times are freed of the delay of our reads; None where a read makes the refresh.
    """
    if window_s >= spacing_s or times_s.size < 3 or starts_s.size < 3:
        return False
    refreshed = phases(times_s if rhythm_s is None else on_grid(times_s, rhythm_s), starts_s)
    if refreshed.size < 3:
        return False
    turn = window_s / float(np.median(np.diff(starts_s)))
    for harmonic in range(1, HARMONICS + 1):
        together = abs(np.exp(2j * math.pi * harmonic * refreshed).mean())
        seen = together * abs(np.sinc(harmonic * turn))
        if together > CHANCE / math.sqrt(refreshed.size) and seen > STRENGTH_MIN:
            return True
    return False


def on_grid(times_s: np.ndarray, period_s: float) -> np.ndarray:
    """Times of refreshes, `times_s`, as their rhythm of `period_s` seconds gives them; unchanged without one.

    A refresh is seen by the next read, which blurs its time; the line through all of them does not.
    """
    number = np.round((times_s - times_s[0]) / period_s)
    if number[-1] < 2:
        return times_s
    slope, begin = np.polyfit(number, times_s, 1)
    fitted = begin + slope * number
    return fitted if np.abs(fitted - times_s).max() <= period_s / 2 else times_s
