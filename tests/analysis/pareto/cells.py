"""Cells of fleets with known truth: the ways in which real runs are unlike a textbook's.

Every fleet has 40 configurations with 3 costs, 72 % of them on the frontier (`shell_means`): hard to tell
apart. A run's noise is relative and of mean 0, so a configuration's true mean is what the cell says it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .fleets import shell_means

SIZE, OBJECTIVES = 40, 3


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
    """A kind of fleet: how many `runs`, their `noise`, its `law` (rng, N, m) to (N, m, 3), and the rest.

    `after` changes a campaign's factors (N, m, 3) and says which runs (N, m) there are; `spread` (rng, N) is
    by how much the rows' noises differ; `twins`: how many rows repeat another's true means.
    """

    runs: int
    noise: float
    law: Callable[..., np.ndarray] | None = None
    alike: float = 0.36
    after: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    spread: Callable[[np.random.Generator], np.ndarray] | None = None
    twins: int = 0
    devices: int = 1
    tick: float = 0.0
    options: dict[str, float] = field(default_factory=dict)

    def campaign(self, seed: int) -> Campaign:
        """The fleet of that `seed` and its runs."""
        rng = np.random.default_rng([seed, self.runs, round(1000 * self.noise)])
        means = shell_means(rng, SIZE, OBJECTIVES, 0.13)
        means[: self.twins] = means[self.twins : 2 * self.twins]
        deviations = self.noise * (np.ones(SIZE) if self.spread is None else self.spread(rng))
        scores = (self.law or normal)(rng, self.alike, self.runs)
        factors = np.maximum(1 + deviations[:, None, None] * scores, 0.05)
        here = np.ones((SIZE, self.runs), dtype=bool)
        if self.after is not None:
            factors, here = self.after(rng, factors)
        values = means[:, None] * factors
        if self.tick:
            step = self.tick * np.median(means)
            values = np.maximum(np.floor(values / step + rng.random((SIZE, 1, 1))), 1.0) * step
        device = np.arange(SIZE) * self.devices // SIZE
        runs = [x[kept] for x, kept in zip(values, here, strict=True)]
        return Campaign(means, runs, [np.flatnonzero(kept) for kept in here], deviations, self.alike, device)


def joined(alike: float, draw: Callable[[tuple[int, ...]], np.ndarray], runs: int) -> np.ndarray:
    """A part that a run's objectives have in common and a part of each, both drawn by `draw`."""
    common, own = draw((SIZE, runs, 1)), draw((SIZE, runs, OBJECTIVES))
    return np.sqrt(alike) * common + np.sqrt(1 - alike) * own


def normal(rng, alike, runs):
    return joined(alike, rng.standard_normal, runs)


def student(rng, alike, runs):
    """Student's t with 3 degrees of freedom: now and then a run far off."""
    return joined(alike, lambda shape: rng.standard_t(3, shape) / np.sqrt(3), runs)


def skewed(rng, alike, runs):
    """Gamma of shape 2: a floor, and a tail of slow runs."""
    return joined(alike, lambda shape: (rng.gamma(2.0, size=shape) - 2) / np.sqrt(2), runs)


def bimodal(rng, alike, runs):
    """Two modes, 1.9 deviations apart, that a run falls into at random."""
    return joined(
        alike,
        lambda shape: 0.95 * rng.choice([-1.0, 1.0], shape) + 0.312 * rng.standard_normal(shape),
        runs,
    )


def resembling(rng, alike, runs):
    """Each run resembles the one before it of its configuration by 0.6."""
    fresh = normal(rng, alike, runs)
    out = fresh.copy()
    for k in range(1, runs):
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
    "unlike noise": Cell(5, 0.05, spread=lambda rng: np.exp(0.8 * rng.standard_normal(SIZE))),
    "twins": Cell(5, 0.05, twins=10),
    "two devices": Cell(5, 0.05, spread=lambda _: np.repeat([0.2, 2.0], SIZE // 2), devices=2),
}
