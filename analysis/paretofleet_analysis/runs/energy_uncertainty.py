"""How far a window's energy may be off: edges, sampling, quantum, time; the sensor's gain stays apart.

Every term is a standard uncertainty relative to the energy. With d the window's length, p the time between
refreshes, P its mean power, E its energy, n its distinct refreshes, rho their lag-one correlation and q the
quantum:

    edge       (p / d) |1 - P_edge / P| / sqrt(12)     P_edge: mean power of the guard bands; 0 when steady
    sampling   s_P / (P sqrt(N_eff))                   N_eff = n (1 - rho) / (1 + rho); 0 for a counter
    quantum    2 q / (E sqrt(12)), or q / (P sqrt(12 N_eff)); without N_eff where s_P is below q / 2
    time       of a counter h / (d sqrt(6)), h the time in which a refresh was seen, and s_g g / (E sqrt(3)),
               s_g how the power varies between refreshes g apart; of power h / (d sqrt(12)) |1 - P_edge / P|;
               of both p / (d sqrt(3)) |1 - P_edge / P| besides, where the sensor's lag is unknown
    U          t(max(N_eff - 1, 4); 0.975) times the root of the sum of squares, at 95 %

`bound` is what edge, quantum and time can add up to at worst. Aliasing is not in it; see `aliasing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from paretofleet_analysis.runs.energy_integral import Readings, joules
from paretofleet_analysis.statistics.correlation import effective_count

#: With fewer effective refreshes than this the t quantile is taken as if there were so many.
FREEDOM_MIN = 4.0
#: A standard deviation needs so many refreshes; a window with fewer borrows so many on either side.
SEEN_MIN, AROUND_REFRESHES = 3, 8
#: A refresh may be this much later than its period says.
JITTER_MAX = 1.5
#: Dynamic energy below this share of the energy is not told apart from idle.
DYNAMIC_SHARE_MIN = 0.2
#: A counter that differs by more from the integral of the power beside it does not agree with it.
MISMATCH_MAX = 0.03


@dataclass(frozen=True)
class Budget:
    """The error budget of a window's energy, all terms relative to it. `relative` is U at 95 %."""

    edge: float
    sampling: float
    quantum: float
    time: float
    effective_refreshes: float
    relative: float
    bound: float


def budget(
    curve: Readings, start_s: float, end_s: float, *, quantum: float | None, edge_w: float | None
) -> Budget | None:
    """The budget of the energy between two times; None where the energy or the quantum is unknown.

    `quantum` in joules (counter) or watts. `edge_w`: mean power of the guard bands; None means unknown, and
    then the worst case, nothing, is assumed.
    """
    energy = joules(curve, start_s, end_s)
    if quantum is None or energy is None or energy <= 0:
        return None
    length = end_s - start_s
    power = energy / length
    inside = curve.inside(start_s, end_s)
    seen = curve.value[inside]
    late = curve.late_s[inside] if seen.size else np.array([curve.spacing_s])
    late_s, latest_s = float(np.sqrt(np.mean(late**2))), float(late.max())
    step = abs(1 - (edge_w or 0.0) / power)
    edge = curve.spacing_s / length * step
    if curve.is_counter:
        n_eff, sampling = float(seen.size), 0.0
        quanta, most_quanta = 2 * quantum / energy, 2 * quantum / energy
        between = _between_refreshes(curve.t_s[inside], seen, late_s) / energy
        time = math.hypot(late_s / length * math.sqrt(2), 2 * between)
        most_time = JITTER_MAX * latest_s / length
    else:
        n_eff = effective_count(seen)
        known = _spread(curve, start_s, end_s)
        spread = power if known is None else known
        sampling = spread / (power * math.sqrt(n_eff))
        # Steps average out only where the power itself moves across them.
        rounded = n_eff if spread > quantum / 2 else 1.0
        quanta, most_quanta = quantum / (power * math.sqrt(rounded)), quantum / (2 * power)
        time, most_time = late_s / length * step, latest_s / length * step
    unknown = curve.unknown_lag_s / length * step
    # Nothing is moved for it, so the error is one-sided: its mean square is p^2 / 3 and not p^2 / 12.
    time, most_time = math.hypot(time, 2 * unknown), most_time + unknown
    terms = (edge / math.sqrt(12), sampling, quanta / math.sqrt(12), time / math.sqrt(12))
    reach = float(stdtrit(max(n_eff - 1, FREEDOM_MIN), 0.975))
    return Budget(
        edge=terms[0],
        sampling=terms[1],
        quantum=terms[2],
        time=terms[3],
        effective_refreshes=n_eff,
        relative=reach * math.hypot(*terms),
        bound=edge + most_quanta + most_time,
    )


def _spread(curve: Readings, start_s: float, end_s: float) -> float | None:
    """Standard deviation of the refreshes in a window, and around it where it holds fewer than three.

    None where there are too few around it, too.
    """
    seen = curve.value[curve.inside(start_s, end_s)]
    if seen.size < SEEN_MIN:
        around_s = AROUND_REFRESHES * curve.spacing_s
        seen = curve.value[curve.inside(start_s - around_s, end_s + around_s)]
    return float(seen.std(ddof=1)) if seen.size >= SEEN_MIN else None


def _between_refreshes(t_s: np.ndarray, counted_j: np.ndarray, late_s: float) -> float:
    """Joules by which a counter may leave the straight line between two refreshes, standard deviation.

    From how the energy between refreshes varies, less what the times' own uncertainty makes of it.
    """
    if t_s.size < 3:
        return 0.0
    power = (counted_j[-1] - counted_j[0]) / (t_s[-1] - t_s[0])
    beside = np.diff(counted_j) - power * np.diff(t_s)
    return math.sqrt(max(float(np.mean(beside**2)) - (power * late_s) ** 2 / 6, 0.0))


def dynamic_joules(
    energy_j: float, relative: float | None, idle_j: float, idle_relative: float | None
) -> tuple[float | None, float | None]:
    """(energy above idle, its relative uncertainty at 95 %); None where it is below 20 % of the energy.

    `idle_j` is the idle power times the window. The uncertainty is None where one of the two is.

    >>> dynamic_joules(100.0, 0.03, 50.0, 0.08)
    (50.0, 0.1)
    >>> dynamic_joules(100.0, 0.01, 90.0, 0.02)
    (None, None)
    """
    dynamic = energy_j - idle_j
    if dynamic < DYNAMIC_SHARE_MIN * energy_j:
        return None, None
    if relative is None or idle_relative is None:
        return dynamic, None
    return dynamic, math.hypot(energy_j * relative, idle_j * idle_relative) / dynamic


def disagree(counted_j: float, integrated_j: float, counted: float | None, integrated: float | None) -> bool:
    """Whether a counter and the integral beside it differ by more than 3 % and than their uncertainty.

    They share the sensor's gain, so only the statistical uncertainties count.
    """
    allowed = max(MISMATCH_MAX, math.hypot(counted or 0.0, integrated or 0.0))
    return abs(counted_j / integrated_j - 1) > allowed
