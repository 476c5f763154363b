"""Where the variance of a configuration's time is: between processes or within them, and what to do about it.

Kalibera and Jones, "Rigorous benchmarking in reasonable time" (ISMM 2013), for two levels: 2 is the process,
1 the iteration. The variance of the upper level is the corrected one: the variance of the process means less
what the iterations in them contribute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Levels:
    """Variances in the square of the values' unit.

    `s1`: mean variance within processes (S1 squared); `s2`: variance of the process means (S2 squared);
    `t2`: between processes alone (T2 squared, at least 0). They are from so many `processes` of so many
    `iterations`, the harmonic mean.
    """

    s1: float
    s2: float
    t2: float
    processes: int
    iterations: float

    def iterations_per_process(self, start_cost_s: float, iteration_cost_s: float) -> int | None:
        """The number of iterations in a process that buys the narrowest interval for its time.

        ceil(sqrt(c2 / c1 * T1 squared / T2 squared)) with c2 the cost of a process (start and warm-up) and c1
        that of an iteration. None where processes do not differ: then more of them add nothing.
        """
        if self.t2 == 0:
            return None
        return max(1, math.ceil(math.sqrt(start_cost_s / iteration_cost_s * self.s1 / self.t2)))


def levels(processes: Sequence[np.ndarray]) -> Levels | None:
    """The levels of a configuration, given the iterations of each process; None below 2 processes with 2.

    >>> found = levels([np.array([1.0, 3.0]), np.array([4.0, 6.0]), np.array([7.0, 9.0])])
    >>> found.s1, found.s2, found.t2
    (2.0, 9.0, 8.0)
    >>> found.iterations_per_process(start_cost_s=16.0, iteration_cost_s=1.0)
    2
    """
    usable = [np.asarray(one, dtype=float) for one in processes if len(one) > 1]
    if len(usable) < 2:
        return None
    s1 = float(np.mean([one.var(ddof=1) for one in usable]))
    s2 = float(np.var([one.mean() for one in usable], ddof=1))
    iterations = len(usable) / sum(1 / one.size for one in usable)
    return Levels(s1, s2, max(0.0, s2 - s1 / iterations), len(usable), iterations)
