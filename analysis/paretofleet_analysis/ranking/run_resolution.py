"""How coarse the runs' values are, and what that takes from their means: readings that agree prove little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking.row_table import column_of
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.statistics.flat_runs import FlatRuns, flat, mapped
from paretofleet_analysis.statistics.moments import moments
from paretofleet_analysis.statistics.resolution import grid_step, shared_rounding

#: Rounding that spreads runs by less than this share changes nothing, and they stay as they are.
_MORE_MIN = 1e-4


def resolutions(
    rows: Sequence[Row], runs: Sequence[np.ndarray], names: Sequence[str]
) -> tuple[np.ndarray, dict[str, float]]:
    """(N, d) widths of the uniform errors in the runs' values of `rows`, in the objectives `names`; 0 where
    none shows. And by name of an objective the step that its values showed, where no column has it.

    `runs`: N arrays (m_i, d) of positive values. What the model fixes has no error. A column
    `NAME_resolution` goes before what the values of all rows without it show.
    """
    widths, shown = np.zeros((len(rows), len(names))), {}
    for k, name in enumerate(names):
        if not OBJECTIVES[name].is_measured:
            continue
        stated = column_of(rows, f"{name}_resolution")
        silent = [i for i, width in enumerate(stated) if width is None]
        widths[:, k] = [0.0 if width is None else width for width in stated]
        step = grid_step(_of(runs, silent, k)) if silent else None
        if step is not None:
            widths[silent, k], shown[name] = step, step
    return widths, shown


def _of(runs: Sequence[np.ndarray], rows: Sequence[int], k: int) -> np.ndarray:
    """(n,) the values in column `k` of all `runs` of those `rows`."""
    if isinstance(runs, FlatRuns):
        return np.asarray(runs.values[runs.lines(np.array(rows)), k])
    return np.concatenate([runs[i][:, k] for i in rows])


@dataclass(frozen=True)
class Rounding:
    """Of N rows and d columns, relative to the means: (N, d) standard deviations `single`, what rounding does
    to each run by itself, and `shared`, what the runs as measured have in common of it.
    """

    single: np.ndarray
    shared: np.ndarray

    def columns(self, start: int, stop: int | None = None) -> Rounding:
        """The same of the columns from `start` to before `stop`, counted from 0."""
        return Rounding(self.single[:, start:stop], self.shared[:, start:stop])


def rounding(runs: Sequence[np.ndarray], widths: np.ndarray) -> Rounding:
    """What the `widths` (N, d) of the errors in (m_i, d) `runs`, as measured, leave unknown."""
    if not widths.any():
        return Rounding(np.zeros(widths.shape), np.zeros(widths.shape))
    seen = moments(runs)
    shared = shared_rounding(widths, seen.spreads)
    own = np.sqrt(np.maximum(widths**2 / 12.0 - shared**2, 0.0))
    return Rounding(own / seen.means, shared / seen.means)


def with_rounding(runs: Sequence[np.ndarray], unknown: Rounding) -> Sequence[np.ndarray]:
    """The (m_i, d) `runs` spread around their means, which stay, so that the mean of each row is as unsure as
    what is `unknown` of it besides.

    Runs that vary less than their rounding do so by chance.
    """
    seen = moments(mapped(np.log, runs))
    counts = seen.counts[:, None]
    due = np.sqrt(np.maximum(seen.spreads, unknown.single) ** 2 + counts * unknown.shared**2)
    concerned = (due > (1 + _MORE_MIN) * seen.spreads) & (due > 0) & (counts > 1)
    if not concerned.any():
        return runs
    out = list(runs)
    for i, k in np.argwhere(concerned):
        values = np.array(out[i])
        logs, count = np.log(values[:, k]), len(values)
        # contrasts of the columns are orthogonal: their errors have nothing to do with one another
        turn = np.cos(np.pi * (k % (count - 1) + 1) * (np.arange(count) + 0.5) / count)
        more = np.sqrt(due[i, k] ** 2 - seen.spreads[i, k] ** 2)
        spread = logs - logs.mean() + more * turn / turn.std(ddof=1)
        values[:, k] = np.exp(spread * due[i, k] / spread.std(ddof=1))
        values[:, k] *= runs[i][:, k].mean() / values[:, k].mean()
        out[i] = values
    return flat(out) if isinstance(runs, FlatRuns) else out


def resolution_notes(shown: Mapping[str, float], unknown: Rounding, names: Sequence[str]) -> list[str]:
    """A sentence for each objective of `names` whose step its values showed (`shown`), where what is
    `unknown` for that matters: 0.1 % of a mean or more.
    """
    notes = []
    for k, name in enumerate(names):
        matters = int((unknown.shared[:, k] >= 0.001).sum())
        if name in shown and matters:
            objective = OBJECTIVES[name]
            step = f"{shown[name] * objective.scale:.4g} {objective.shown_unit}".rstrip()
            rows = "1 row" if matters == 1 else f"{matters} rows"
            notes.append(
                f"{name} comes in steps of {step}, as its values show: runs of {rows} that look alike are "
                "taken to be off by up to half a step, together."
            )
    return notes
