"""Sweeps with a known truth: blocks in random order, noise by a law, and the product's own stopping rule.

A sweep has `CONFIGURATIONS` configurations; the truth of each is 1. Every block holds, in random order, what
has not stopped. `noise` is the standard deviation of one run's value between runs, relative to the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from paretofleet_analysis.statistics.intervals import log_reach
from paretofleet_analysis.statistics.stopping import RUNS_MAX, RUNS_MIN, half_widths

CONFIGURATIONS = 8
HALF_WIDTH = 0.02
#: Skewness of the law named gamma: 2 / sqrt(shape) = 1, a minimum and an excess over it.
GAMMA_SHAPE = 4.0
#: Correlation of a device's consecutive runs, and of a configuration's own where a sweep has only one.
RUN_CORRELATION, LONE_CORRELATION = 0.5, 0.3
#: Share of the variance that a block gives to all its runs alike.
BLOCK_SHARE = 0.5
BLOCK_CORRELATION = 0.8

#: Laws that are held to 93 to 97 %, and laws that are printed only.
GATED = ("normal", "lognormal", "gamma", "autocorrelated", "drifting")
REPORTED = ("exponential", "autocorrelated-alone", "drift-that-lasts")


@dataclass(frozen=True)
class Played:
    """Values of the runs (sweeps, configurations, blocks), NaN after the stop, and the numbers of runs."""

    values: np.ndarray
    runs: np.ndarray

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Means, and standard deviations of the logarithms, of the runs that took place."""
        return np.nanmean(self.values, axis=2), np.nanstd(np.log(self.values), axis=2, ddof=1)


def play(law: str, noise: float, sweeps: int, seed: int, configurations: int = CONFIGURATIONS) -> Played:
    """Plays sweeps from the first block to the last stop."""
    rng = np.random.default_rng([seed, sum(law.encode()), round(noise * 1e6)])
    if law == "autocorrelated-alone":
        configurations = 1
    shape = (sweeps, configurations, RUNS_MAX)
    values = np.full(shape, np.nan)
    active = np.ones(shape[:2], dtype=bool)
    draws = None if law.startswith("autocorrelated") else _values(law, noise, shape, rng)
    state = rng.standard_normal(sweeps)
    for block in range(RUNS_MAX):
        if draws is None:
            rho = LONE_CORRELATION if configurations == 1 else RUN_CORRELATION
            now, state = _in_order(state, active, rho, rng)
            now = 1 + noise * now
        else:
            now = draws[:, :, block]
        values[:, :, block] = np.where(active, now, np.nan)
        runs = block + 1
        if runs >= RUNS_MIN:
            spread = np.log(values[:, :, :runs]).std(axis=2, ddof=1)
            active &= ~(half_widths(spread, runs) <= HALF_WIDTH)
    return Played(values, np.isfinite(values).sum(axis=2))


def coverage(played: Played) -> float:
    """Percent of the reported 95 % intervals that contain the truth, 1."""
    mean, spread = played.moments()
    return float((np.abs(np.log(mean)) <= log_reach(spread, played.runs)).mean() * 100)


def _values(law: str, noise: float, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Values of mean 1 and standard deviation `noise`."""
    if law == "lognormal":
        variance = np.log1p(noise**2)
        return np.asarray(np.exp(np.sqrt(variance) * rng.standard_normal(shape) - variance / 2))
    return 1 + noise * _standardised(law, shape, rng)


def _standardised(law: str, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of mean 0 and standard deviation 1."""
    if law == "gamma":
        return (rng.gamma(GAMMA_SHAPE, size=shape) - GAMMA_SHAPE) / np.sqrt(GAMMA_SHAPE)
    if law == "exponential":
        return rng.exponential(size=shape) - 1
    own = rng.standard_normal(shape)
    if law == "normal":
        return own
    shared = rng.standard_normal((shape[0], 1, shape[2]))
    if law == "drift-that-lasts":
        for block in range(1, shape[2]):
            fresh = np.sqrt(1 - BLOCK_CORRELATION**2) * shared[:, :, block]
            shared[:, :, block] = BLOCK_CORRELATION * shared[:, :, block - 1] + fresh
    return np.sqrt(1 - BLOCK_SHARE) * own + np.sqrt(BLOCK_SHARE) * shared


def _in_order(
    state: np.ndarray, active: np.ndarray, rho: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One block whose runs each resemble the run before them on the device."""
    rows = np.arange(active.shape[0])
    order = rng.permuted(np.broadcast_to(np.arange(active.shape[1]), active.shape), axis=1)
    now = np.zeros(active.shape)
    for position in range(active.shape[1]):
        column = order[:, position]
        fresh = rho * state + np.sqrt(1 - rho**2) * rng.standard_normal(rows.size)
        state = np.where(active[rows, column], fresh, state)
        now[rows, column] = state
    return now, state
