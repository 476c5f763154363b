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

A spread seen by few refreshes is known badly: where a window holds fewer than 10, s_P is the larger of its
own and that of up to 8 refreshes more on either side under the same load, and where all that were seen are
m, fewer than 5, t has m - 1 degrees of freedom.

`bound` is what edge, quantum and time can add up to at worst. Aliasing is not in it; see `aliasing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.power_curve import PowerCurve
from paretofleet_analysis.special_functions import stdtrit
from paretofleet_analysis.statistics.correlation import effective_count

#: With fewer effective refreshes than this the t quantile is taken as if there were so many.
FREEDOM_MIN = 4.0
#: A standard deviation needs so many refreshes.
SEEN_MIN = 3
#: A window with fewer refreshes than the first looks at so many more on either side.
OWN_SPREAD_MIN, AROUND_REFRESHES = 10, 8
#: A refresh may be this much later than its period says.
JITTER_MAX = 1.5
#: Dynamic energy below this share of the energy is not told apart from idle.
DYNAMIC_SHARE_MIN = 0.2
#: A counter that differs by more from the integral of the power beside it does not agree with it.
MISMATCH_MAX = 0.03


@dataclass(frozen=True)
class ErrorBudget:
    """How far a window's energy may be off, all terms relative to it. `relative` is U at 95 %."""

    edge: float
    sampling: float
    quantum: float
    time: float
    effective_refreshes: float
    relative: float
    bound: float


@dataclass(frozen=True)
class _Seen:
    """The refreshes `inside` a window of `length_s` seconds, and those `around` it whose spread counts."""

    curve: PowerCurve
    inside: np.ndarray
    around: np.ndarray
    length_s: float


@dataclass(frozen=True)
class _Terms:
    """What depends on the kind of reading, relative to the energy: uniform errors' widths, and the worst."""

    effective_refreshes: float
    freedom: float
    sampling: float
    quantum: float
    quantum_most: float
    time: float
    time_most: float


def error_budget(
    curve: PowerCurve,
    start_s: float,
    end_s: float,
    *,
    quantum: float | None,
    edge_w: float | None,
    load_s: tuple[float, float] | None = None,
) -> ErrorBudget | None:
    """The error budget of the energy of the `curve` from `start_s` to `end_s`, on its axis.

    `quantum` in joules (counter) or watts. `edge_w`: mean power of the guard bands; None means unknown, and
    then the worst case, nothing, is assumed. `load_s`: from when to when the device did the same, guards
    included; None means unknown. None where the energy or the quantum is unknown.
    """
    energy = energy_j(curve, start_s, end_s)
    if quantum is None or energy is None or energy <= 0:
        return None
    length_s = end_s - start_s
    step = abs(1 - (edge_w or 0.0) / (energy / length_s))
    if curve.is_counter:
        terms = _counter_terms(curve, start_s, end_s, quantum=quantum, energy=energy)
    else:
        inside = curve.inside(start_s, end_s)
        seen = _Seen(curve, inside, _around(curve, inside, start_s, end_s, load_s), length_s)
        terms = _power_terms(seen, quantum=quantum, power=energy / length_s, step=step)
    edge = curve.spacing_s / length_s * step
    unknown = curve.unknown_lag_s / length_s * step
    # Nothing is moved for it, so the error is one-sided: its mean square is p^2 / 3 and not p^2 / 12.
    time, time_most = math.hypot(terms.time, 2 * unknown), terms.time_most + unknown
    widths = (edge / math.sqrt(12), terms.sampling, terms.quantum / math.sqrt(12), time / math.sqrt(12))
    reach = float(stdtrit(terms.freedom, 0.975))
    return ErrorBudget(
        edge=widths[0],
        sampling=widths[1],
        quantum=widths[2],
        time=widths[3],
        effective_refreshes=terms.effective_refreshes,
        relative=reach * math.hypot(*widths),
        bound=edge + terms.quantum_most + time_most,
    )


def _counter_terms(
    curve: PowerCurve, start_s: float, end_s: float, *, quantum: float, energy: float
) -> _Terms:
    inside = curve.inside(start_s, end_s)
    seen, length_s = curve.value[inside], end_s - start_s
    late_s, latest_s = _lateness(curve, inside)
    quanta = 2 * quantum / energy
    between = _between_refreshes(curve.t_s[inside], seen, late_s) / energy
    return _Terms(
        effective_refreshes=float(seen.size),
        freedom=max(seen.size - 1, FREEDOM_MIN),
        sampling=0.0,
        quantum=quanta,
        quantum_most=quanta,
        time=math.hypot(late_s / length_s * math.sqrt(2), 2 * between),
        time_most=JITTER_MAX * latest_s / length_s,
    )


def _power_terms(seen: _Seen, *, quantum: float, power: float, step: float) -> _Terms:
    late_s, latest_s = _lateness(seen.curve, seen.inside)
    values, around = seen.curve.value[seen.inside], seen.curve.value[seen.around]
    count = effective_count(values)
    spreads = [float(each.std(ddof=1)) for each in (values, around) if each.size >= SEEN_MIN]
    spread = max(spreads, default=power)
    freedom = min(around.size - 1, FREEDOM_MIN) if spreads else FREEDOM_MIN
    # Steps average out only where the power itself moves across them.
    rounded = count if spread > quantum / 2 else 1.0
    return _Terms(
        effective_refreshes=count,
        freedom=max(count - 1, freedom),
        sampling=spread / (power * math.sqrt(count)),
        quantum=quantum / (power * math.sqrt(rounded)),
        quantum_most=quantum / (2 * power),
        time=late_s / seen.length_s * step,
        time_most=latest_s / seen.length_s * step,
    )


def _around(
    curve: PowerCurve, inside: np.ndarray, start_s: float, end_s: float, load_s: tuple[float, float] | None
) -> np.ndarray:
    """The refreshes whose spread counts: those `inside` a window, and beside it where these are few.

    Not those beyond the load, unless there are too few for a spread otherwise.
    """
    if inside.sum() >= OWN_SPREAD_MIN:
        return inside
    around_s = AROUND_REFRESHES * curve.spacing_s
    around = curve.inside(start_s - around_s, end_s + around_s)
    if load_s is None:
        return around
    loaded = around & curve.inside(*load_s)
    return loaded if loaded.sum() >= SEEN_MIN else around


def _lateness(curve: PowerCurve, inside: np.ndarray) -> tuple[float, float]:
    """How late the refreshes may have been seen, in seconds: root mean square and most."""
    late_s = curve.late_s[inside] if inside.any() else np.array([curve.spacing_s])
    return float(np.sqrt(np.mean(late_s**2))), float(late_s.max())


def _between_refreshes(t_s: np.ndarray, counted_j: np.ndarray, late_s: float) -> float:
    """Joules by which a counter may leave the straight line between two refreshes, standard deviation.

    From how the energy between refreshes varies, less what the times' own uncertainty makes of it.
    """
    if t_s.size < 3:
        return 0.0
    power = (counted_j[-1] - counted_j[0]) / (t_s[-1] - t_s[0])
    beside = np.diff(counted_j) - power * np.diff(t_s)
    return math.sqrt(max(float(np.mean(beside**2)) - (power * late_s) ** 2 / 6, 0.0))


def dynamic_energy_j(
    energy_j: float, relative: float | None, idle_j: float, idle_relative: float | None
) -> tuple[float | None, float | None]:
    """Joules above idle and their relative uncertainty at 95 %; None where below 20 % of the energy.

    `energy_j`: of the window, joules; `idle_j`: the idle power times the window. `relative` and
    `idle_relative`: their uncertainties at 95 %; that of the difference is None where one of the two is.

    >>> dynamic_energy_j(100.0, 0.03, 50.0, 0.08)
    (50.0, 0.1)
    >>> dynamic_energy_j(100.0, 0.01, 90.0, 0.02)
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

    `counted_j`, `integrated_j`: the two energies, joules; `counted`, `integrated`: the relative uncertainty
    of each at 95 %, None where unknown. They share the sensor's gain, so only these statistical ones count.
    """
    allowed = max(MISMATCH_MAX, math.hypot(counted or 0.0, integrated or 0.0))
    return abs(counted_j / integrated_j - 1) > allowed
