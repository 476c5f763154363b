"""Tables whose rows have too few runs for probabilities: what two more runs of each would settle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.ranking.fleet import RankedFleet
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.row_table import with_entry
from paretofleet_analysis.ranking.verdicts import UNDECIDED, verdict
from paretofleet_analysis.report.published import PUBLISHED
from paretofleet_analysis.statistics.intervals import RUNS_MIN

#: Runs that are thought of besides those made, and how unlike runs may be: standard deviations of logarithms.
MORE_RUNS, NOISES = 2, (0.01, 0.05, 0.2)
#: More rows would cost seconds for a sentence.
_ROWS_MAX = 1000


def few_runs_notes(fleet: RankedFleet) -> list[str]:
    """What is said of the rows of `fleet` with too few runs: what is shown of them, what more would say."""
    few = len(fleet.rows) - len(fleet.compared)
    if not few:
        return []
    published = sum(with_entry(fleet.rows, "flags", PUBLISHED))
    which = f"All {published} rows" if published == len(fleet.rows) else f"{published} of the rows"
    of_others = f"{which} are published values of an unknown number of runs"
    if fleet.compared:
        rows = "1 row has" if few == 1 else f"{few} rows have"
        notes = [f"{rows} fewer than {RUNS_MIN} runs: undecided, and nothing is compared with them."]
        return [*notes, f"{of_others}: taken as single values."] if published else notes
    why = of_others if published else f"No row has {RUNS_MIN} runs"
    notes = [
        f"{why}, so nothing is said of how sure this is: shown, and sorted by, is the frontier of means."
    ]
    if published:
        return notes
    if fleet.criteria.question == "mean" and 1 < len(fleet.rows) <= _ROWS_MAX:
        notes.append(_after_more_runs(fleet))
    return notes


def _after_more_runs(fleet: RankedFleet) -> str:
    counts = [settled_after(fleet, noise) for noise in NOISES]
    fewest = MORE_RUNS + min(len(runs) for runs in fleet.runs)
    said = [f"{count} if runs vary by {100 * noise:g} %" for count, noise in zip(counts, NOISES, strict=True)]
    return (
        f"Two more runs of each, at least {fewest} in all, would settle about so many of the "
        f"{len(fleet.rows)} rows, if the means are true: {', '.join(said)} (standard deviation)."
    )


def settled_after(fleet: RankedFleet, noise: float) -> int:
    """How many rows of `fleet` had a verdict if its means were true and each had two runs more.

    `noise`: the standard deviation of the logarithms of a row's runs. Of one simulated fleet, before
    calibration, so a little too many.
    """
    criteria = fleet.criteria
    rng = np.random.default_rng([criteria.seed, 17])
    is_measured = [objective.is_measured for objective in criteria.objectives]
    query = FrontQuery(criteria.maximize, list(criteria.margins.values()), seed=criteria.seed)
    said = probabilities(_simulated(fleet, noise, is_measured, rng), query, is_whole=False).front
    return sum(verdict(p) != UNDECIDED for p in said.tolist())


def _simulated(
    fleet: RankedFleet, noise: float, is_measured: Sequence[bool], rng: np.random.Generator
) -> list[np.ndarray]:
    """N arrays (m_i + 2, d) of runs around the means; only what is measured varies."""
    return [
        mean * np.exp(noise * rng.standard_normal((len(runs) + MORE_RUNS, len(mean))) * np.array(is_measured))
        for mean, runs in zip(fleet.means, fleet.runs, strict=True)
    ]
