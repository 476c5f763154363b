"""Statistics of a bench, by the standard library: times in seconds in, JSON-ready values out.

An interval is given only where it exists at 95 %: a quantile's by order statistics needs 6, 29 and 299
effective iterations (median, p90, p99), a mean's needs 3 runs, or 10 batch means of 10 within one run.
"""

from __future__ import annotations

import math
from statistics import NormalDist, mean, stdev
from typing import Any, Sequence

from paretofleet_agent.measure.series import quantile

#: Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
STUDENT_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
#: Effective iterations from which a quantile's interval exists; a quantile itself is printed from as many.
EFFECTIVE_MIN = {"p50": 6, "p90": 29, "p99": 299}
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
RUNS_MIN = 3
BATCHES = 10


def of_run(samples_s: Sequence[float], batch_size: int, window_s: float | None = None) -> dict[str, Any]:
    """The values of one run from its `samples_s`, seconds of each batch of `batch_size` items.

    A quantile is None below the count from which it means anything. With `window_s`, the length of a window
    of throughput mode, there is no latency: its iterations overlap.
    """
    ordered = sorted(samples_s)
    item_s = (mean(samples_s) if window_s is None else window_s / len(samples_s)) / batch_size
    mean_s = item_s * batch_size if window_s is None else None
    values: dict[str, Any] = {"iterations": len(samples_s), "batch_latency_mean_s": mean_s}
    for name, p in QUANTILES.items():
        printed = window_s is None and (name == "p50" or len(ordered) >= EFFECTIVE_MIN[name])
        values[f"batch_latency_{name}_s"] = quantile(ordered, p) if printed else None
    values["time_per_item_s"] = item_s
    values["throughput_items_s"] = 1 / item_s
    return values


def total(
    runs_s: Sequence[Sequence[float]], batch_size: int, windows_s: Sequence[float] | None = None
) -> dict[str, Any]:
    """The values over all runs: the mean over runs of each run's value, with 95 % intervals.

    `runs_s`: of each run the seconds of its batches of `batch_size` items. `windows_s`: in throughput mode
    the length of each run's window; then there are only items.
    """
    spans: Sequence[float | None] = [None] * len(runs_s) if windows_s is None else windows_s
    each = [of_run(samples_s, batch_size, span) for samples_s, span in zip(runs_s, spans)]
    between = len(each) >= RUNS_MIN
    alone = len(each) == 1 and windows_s is None
    values: dict[str, Any] = {"runs": len(each), "intervals_of": _says(between=between, is_single=alone)}
    for name in ("mean", *QUANTILES):
        key = f"batch_latency_{name}_s"
        run_values = [run[key] for run in each]
        is_complete = None not in run_values
        values[key] = mean(run_values) if is_complete else None
        interval = None
        if is_complete and between:
            interval = positive_interval(run_values, mean(run_values))
        elif is_complete and len(each) == 1:
            interval = _within(name, runs_s[0])
        values[f"batch_latency_{name}_interval_s"] = interval
    item_s = mean([run["time_per_item_s"] for run in each])
    values["time_per_item_s"], values["throughput_items_s"] = item_s, 1 / item_s
    if windows_s is not None:
        rates = [run["throughput_items_s"] for run in each]
        values["throughput_interval_items_s"] = (
            positive_interval(rates, values["throughput_items_s"]) if between else None
        )
    return values


def mean_interval(values: Sequence[float]) -> list[float]:
    """Student's 95 % interval of the mean of independent values (two or more)."""
    degrees = len(values) - 1
    t = STUDENT_95[degrees - 1] if degrees <= len(STUDENT_95) else STUDENT_95[-1]
    half = t * stdev(values) / math.sqrt(len(values))
    return [mean(values) - half, mean(values) + half]


def positive_interval(values: Sequence[float], centre: float) -> list[float] | None:
    """The 95 % interval around the `centre` of independent `values` (two or more), by their logarithms.

    Noise of times, rates and energies is multiplicative, so the ends are positive, as in the report. None
    where a value is not positive.
    """
    if min(values) <= 0:
        return None
    low, high = mean_interval([math.log(value) for value in values])
    reach = math.exp((high - low) / 2)
    return [centre / reach, centre * reach]


def quantile_interval(samples: Sequence[float], p: float, effective: float) -> list[float] | None:
    """The 95 % interval of the `p`-quantile by order statistics, free of any distribution; None without one.

    `effective` is the count of independent samples that `samples` are worth; the ranks are taken by the
    normal approximation of the binomial and widened as if there were only so many.
    """
    if 1 - p**effective - (1 - p) ** effective < 0.95:
        return None
    half = NormalDist().inv_cdf(0.975) * math.sqrt(p * (1 - p) / effective)
    ordered = sorted(samples)
    low = math.floor(max(0.0, p - half) * len(ordered))
    high = math.ceil(min(1.0, p + half) * len(ordered))
    return [ordered[min(low, len(ordered) - 1)], ordered[min(high, len(ordered) - 1)]]


def effective_count(samples: Sequence[float]) -> float:
    """N (1 - rho) / (1 + rho) of N `samples`, with their lag-1 autocorrelation rho held in 0 to 0.95."""
    n, centre = len(samples), mean(samples)
    variance = sum((x - centre) ** 2 for x in samples)
    if n < 3 or variance == 0:
        return float(n)
    rho = sum((a - centre) * (b - centre) for a, b in zip(samples, samples[1:])) / variance
    rho = min(max(rho, 0.0), 0.95)
    return n * (1 - rho) / (1 + rho)


def _within(name: str, samples: Sequence[float]) -> list[float] | None:
    """An interval from the iterations of a single run: it knows nothing of the spread between runs."""
    if name == "mean":
        size = len(samples) // BATCHES
        if size < BATCHES:
            return None
        means = [mean(samples[i * size : (i + 1) * size]) for i in range(BATCHES)]
        return positive_interval(means, mean(samples))
    effective = effective_count(samples)
    return (
        quantile_interval(samples, QUANTILES[name], effective) if effective >= EFFECTIVE_MIN[name] else None
    )


def _says(*, between: bool, is_single: bool) -> str:
    if between:
        return "the mean over runs"
    if is_single:
        return "the iterations of this one run; another run may differ by more"
    return f"none: an interval over runs needs {RUNS_MIN} of them"
