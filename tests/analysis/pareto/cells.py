"""Cells of fleets with known truth: the ways in which real runs are unlike a textbook's.

Unless told otherwise a fleet has 40 configurations with 3 costs, 72 % of them on the frontier
(`shell_means`): hard to tell apart. A run's noise is relative and of mean 0, so a configuration's true mean
is what the cell says it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from paretofleet_analysis.statistics.stopping import RUNS_MIN, device_prior, is_precise

from .fleets import shell_means

SIZE, OBJECTIVES = 40, 3
#: Half the length of the interval at which runs stop, relative to the mean.
HALF_WIDTH = 0.02


@dataclass(frozen=True)
class Campaign:
    """Of N configurations the true `means` (N, 3), the `runs` (m_i, 3) with the `blocks` (m_i,) of each, the
    true `deviations` (N,) of a run, relative, how `alike` the objectives of a run are, and whose `device`
    (N,) each is.
    """

    means: np.ndarray
    runs: list[np.ndarray]
    blocks: list[np.ndarray]
    deviations: np.ndarray
    alike: float
    device: np.ndarray


@dataclass(frozen=True)
class Cell:
    """A kind of fleet: how many `runs`, their `noise`, its `law` (rng, alike, (N, m)) to (N, m, 3), the rest.

    `after` changes a campaign's factors (N, m, 3) and says which runs (N, m) there are; `spread` (rng, N) is
    by how much the rows' noises differ; `twins`: how many rows repeat another's true means; `stops`: whether
    a row's runs end when its interval is narrow.
    """

    runs: int
    noise: float
    law: Callable[..., np.ndarray] | None = None
    alike: float = 0.36
    after: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    spread: Callable[[np.random.Generator, int], np.ndarray] | None = None
    twins: int = 0
    devices: int = 1
    tick: float = 0.0
    stops: bool = False

    def campaign(self, seed: int, size: int = SIZE) -> Campaign:
        """The fleet of that `seed` and `size`, and its runs."""
        rng = np.random.default_rng([seed, self.runs, round(1000 * self.noise)])
        means = shell_means(rng, size, OBJECTIVES, 0.13)
        means[: self.twins] = means[self.twins : 2 * self.twins]
        deviations = self.noise * (np.ones(size) if self.spread is None else self.spread(rng, size))
        scores = (self.law or normal)(rng, self.alike, (size, self.runs))
        factors = np.maximum(1 + deviations[:, None, None] * scores, 0.05)
        here = np.ones((size, self.runs), dtype=bool)
        if self.after is not None:
            factors, here = self.after(rng, factors)
        values = means[:, None] * factors
        if self.tick:
            step = self.tick * np.median(means)
            values = np.maximum(np.floor(values / step + rng.random((size, 1, 1))), 1.0) * step
        if self.stops:
            here &= np.arange(self.runs) < stopped(values[..., 0])[:, None]
        device = np.arange(size) * self.devices // size
        runs = [x[kept] for x, kept in zip(values, here, strict=True)]
        return Campaign(means, runs, [np.flatnonzero(kept) for kept in here], deviations, self.alike, device)


def stopped(latencies: np.ndarray) -> np.ndarray:
    """(N,) after how many runs each row ends that has those `latencies` (N, m), all rows of one device."""
    size, most = latencies.shape
    ends = np.full(size, most)
    for runs in range(RUNS_MIN, most):
        made = [row[: min(end, runs)].tolist() for row, end in zip(latencies, ends, strict=True)]
        prior = device_prior(made)
        for i in np.flatnonzero(ends == most):
            if is_precise(made[i], HALF_WIDTH, prior):
                ends[i] = runs
    return ends


def joined(alike: float, draw: Callable[[tuple[int, ...]], np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """A part that a run's objectives have in common and a part of each, both drawn by `draw`, for `shape`
    (N, m).
    """
    common, own = draw((*shape, 1)), draw((*shape, OBJECTIVES))
    return np.sqrt(alike) * common + np.sqrt(1 - alike) * own


def normal(rng, alike, shape):
    return joined(alike, rng.standard_normal, shape)


def student(rng, alike, shape):
    """Student's t with 3 degrees of freedom: now and then a run far off."""
    return joined(alike, lambda size: rng.standard_t(3, size) / np.sqrt(3), shape)


def skewed(rng, alike, shape):
    """Gamma of shape 2: a floor, and a tail of slow runs."""
    return joined(alike, lambda size: (rng.gamma(2.0, size=size) - 2) / np.sqrt(2), shape)


def bimodal(rng, alike, shape):
    """Two modes, 1.9 deviations apart, that a run falls into at random."""
    return joined(
        alike,
        lambda size: 0.95 * rng.choice([-1.0, 1.0], size) + 0.312 * rng.standard_normal(size),
        shape,
    )


def resembling(rng, alike, shape):
    """Each run resembles the one before it of its configuration by 0.6."""
    fresh = normal(rng, alike, shape)
    out = fresh.copy()
    for k in range(1, shape[1]):
        out[:, k] = 0.6 * out[:, k - 1] + 0.8 * fresh[:, k]
    return out


def contaminated(rng, factors):
    """3 % of the runs are 20 % slower and hungrier; no row more often than another."""
    hit = rng.random(factors.shape[:2]) < 0.03
    return factors * np.where(hit, 1.2, 1.0)[..., None] / 1.006, np.ones(hit.shape, dtype=bool)


def all_there(factors):
    return factors, np.ones(factors.shape[:2], dtype=bool)


def steps(rng, factors):
    """From some block on everything is 5 % slower."""
    late = np.arange(factors.shape[1]) >= rng.integers(1, factors.shape[1])
    return all_there(factors * np.where(late, 1.05, 1.0)[None, :, None])


def ramp(_rng, factors):
    """Each block is 1.5 % slower than the one before."""
    return all_there(factors * 1.015 ** np.arange(factors.shape[1])[None, :, None])


def late_failures(rng, factors):
    """A ramp, and configurations that stop for good after their third run."""
    there = np.ones(factors.shape[:2], dtype=bool)
    last = rng.integers(3, factors.shape[1] + 1, len(factors))
    there &= np.arange(factors.shape[1]) < np.where(rng.random(len(factors)) < 0.3, last, 99)[:, None]
    return ramp(rng, factors)[0], there


def throttled(rng, factors):
    """Blocks in which a hot device slows its rows down, each by a share of its own."""
    hot = (rng.random(factors.shape[1]) < 0.3)[None, :, None]
    return all_there(factors * np.where(hot, 1 + 0.04 * rng.random((len(factors), 1, 1)), 1.0))


def unlike(rng, size):
    """Noises that differ by a factor of 2.2, one standard deviation."""
    return np.exp(0.8 * rng.standard_normal(size))


def halves(_rng, size):
    """A quiet half and one ten times as noisy."""
    return np.repeat([0.2, 2.0], [size // 2, size - size // 2])


CELLS = {
    **{f"normal 5 %, {m} runs": Cell(m, 0.05) for m in (3, 5, 10, 20)},
    "normal 1 %": Cell(5, 0.01),
    "normal 20 %": Cell(10, 0.20),
    "t3": Cell(5, 0.05, student),
    "skewed": Cell(5, 0.05, skewed),
    "contaminated": Cell(8, 0.02, after=contaminated),
    "bimodal": Cell(5, 0.05, bimodal),
    "correlated 0.9": Cell(5, 0.05, alike=0.9),
    "autocorrelated 0.6": Cell(8, 0.05, resembling),
    "steps": Cell(5, 0.02, after=steps),
    "ramp": Cell(5, 0.02, after=ramp),
    "late failures": Cell(6, 0.02, after=late_failures),
    "throttled": Cell(8, 0.02, after=throttled),
    "ticks": Cell(5, 0.01, tick=0.02),
    "unlike noise": Cell(5, 0.05, spread=unlike),
    "twins": Cell(5, 0.05, twins=10),
    "stop rule": Cell(20, 0.03, spread=lambda rng, size: np.exp(0.3 * rng.standard_normal(size)), stops=True),
    "two devices": Cell(5, 0.05, spread=halves, devices=2),
}
