"""The stop rule where rows of a device lend one another their variances: runs saved, and what is covered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from benchmark_tables import Table
from paretofleet_analysis.statistics.intervals import log_reach
from paretofleet_analysis.statistics.stopping import RUNS_MAX, RUNS_MIN, device_prior

ROWS, HALF_WIDTH = 40, 0.02
#: Noise between runs, and by which factor (one standard deviation, logarithms are normal) rows differ in it.
CELLS = {
    f"{noise:.1%}, {'alike' if unlike == 1 else f'apart by {unlike}'}": (noise, unlike)
    for noise in (0.02, 0.025, 0.03, 0.04)
    for unlike in (1.0, 1.16, 1.35)
}
COLUMNS = ("noise of rows", "runs alone", "runs", "saved", "covered", "quiet third", "middle", "noisy", "")
HEADING = "The stop rule of a device"


def played(values: np.ndarray, *, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of a device whose rows would have the `values` (N, 20): how many runs each makes (N,), and whether its
    interval holds the truth, 1. Not `shared`: each row by itself.
    """
    logs, ends = np.log(values), np.full(len(values), RUNS_MAX)
    for runs in range(RUNS_MIN, RUNS_MAX):
        reach, _ = intervals(logs, np.minimum(ends, runs), shared=shared)
        ends[(ends == RUNS_MAX) & (np.sinh(reach) <= HALF_WIDTH)] = runs
    reach, there = intervals(logs, ends, shared=shared)
    means = (values * there).sum(axis=1) / ends
    return ends, np.abs(np.log(means)) <= reach


def intervals(logs: np.ndarray, runs: np.ndarray, *, shared: bool) -> tuple[np.ndarray, np.ndarray]:
    """How far the intervals (N,) reach after so many `runs` (N,), and which values (N, 20) are in them."""
    there = np.arange(logs.shape[1]) < runs[:, None]
    means = (logs * there).sum(axis=1) / runs
    variances = (((logs - means[:, None]) * there) ** 2).sum(axis=1) / (runs - 1)
    prior = None
    if shared:
        prior = device_prior([np.exp(row[:n]).tolist() for row, n in zip(logs, runs, strict=True)])
    if prior is None:
        return np.asarray(log_reach(np.sqrt(variances), runs)), there
    moderated, freedom = prior.moderated(variances, runs - 1.0)
    return np.asarray(log_reach(np.sqrt(moderated), runs, freedom=freedom)), there


def add_row(table: Table, name: str, sweeps: int) -> bool:
    """Play the `sweeps` of a cell and add its row; whether a goal is missed by two standard errors."""
    noise, unlike = CELLS[name]
    alone, together, covered, thirds = [], [], [], []
    for seed in range(sweeps):
        rng = np.random.default_rng([seed, 9])
        spreads = noise * unlike ** rng.standard_normal(ROWS)
        values = np.maximum(1 + spreads[:, None] * rng.standard_normal((ROWS, RUNS_MAX)), 0.05)
        alone.append(played(values, shared=False)[0])
        ends, holds = played(values, shared=True)
        together.append(ends)
        covered.append(holds)
        thirds.append(np.argsort(np.argsort(spreads)) * 3 // ROWS)
    runs, before = float(np.mean(together)), float(np.mean(alone))
    hits, third = np.concatenate(covered), np.concatenate(thirds)
    of_thirds = [float(hits[third == k].mean()) for k in range(3)]
    missed = goals_missed(1 - runs / before, float(hits.mean()), of_thirds, len(hits), is_alike=unlike == 1)
    shares = [f"{100 * share:.1f} %" for share in (hits.mean(), *of_thirds)]
    saved = f"{100 * (1 - runs / before):.0f} %"
    table.row(name, f"{before:.2f}", f"{runs:.2f}", saved, *shares, ", ".join(missed) or "-")
    return bool(missed)


def goals_missed(
    saved: float, covered: float, thirds: Sequence[float], rows: int, *, is_alike: bool
) -> list[str]:
    """Which of the goals are missed: 25 % fewer runs, 95 to 97 % covered, 93 % in each third of the noise."""
    error = 2 * np.sqrt(0.05 * 0.95 / rows)
    missed = ["saved"] if saved < 0.25 else []
    if not 0.95 - error <= covered <= 0.97 + error:
        missed.append("covered")
    if not is_alike and min(thirds) < 0.93 - error * np.sqrt(3):
        missed.append("third")
    return missed
