"""A search replayed against a published table: through the same code, with noise as if it were measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from .fronts import share_of_front
from .propose import Method, propose
from .space import Codes, Floats
from .table import PublishedTable
from .trials import Search, Trials, no_trials


@dataclass(frozen=True)
class Replayed:
    """A search of n trials. `rows` (n,): which members of the table were tried. `scores`: for each device
    (n,), the share of the true front's hypervolume after each trial. `cpu_s`, CPU seconds of a proposal;
    `trials`, what the search saw.
    """

    rows: Codes
    scores: Mapping[str, Floats]
    cpu_s: float
    trials: Trials

    @property
    def late_failures(self) -> float:
        """Which share of the trials after the 20th failed; 0 where there are none."""
        late = self.trials.has_failed[20:]
        return float(late.mean()) if late.size else 0.0


def replay(
    table: PublishedTable,
    search: Search,
    method: Method,
    *,
    trials: int,
    batch: int = 1,
    noise: float = 1.0,
    clock: Callable[[], float] = time.process_time,
) -> Replayed:
    """The `search` of the `table` by a `method` until it has had so many `trials`, `batch` of them at a time,
    measured with `noise` times the table's; `clock` counts the seconds.

    Every trial is measured on every device, and devices take turns in what is proposed.
    """
    state, spent_s = no_trials(search), 0.0
    rows: list[int] = []
    random = np.random.default_rng([search.seed, 1])
    errors = noise * table.noise

    def graph_of(codes: Codes) -> int | None:
        row = table.row_of(codes)
        return None if row < 0 else int(table.graphs[row])

    while len(rows) < trials:
        begin_s = clock()
        proposals = propose(
            search, state, count=min(batch, trials - len(rows)), graph_of=graph_of, method=method
        )
        spent_s += clock() - begin_s
        if not proposals:
            break
        for proposal in proposals:
            row = table.row_of(proposal.codes)
            rows.append(row)
            state = state.followed_by(proposal.codes, proposal.graph)
            costs, failed = state.costs.copy(), state.has_failed.copy()
            failed[-1] = table.has_failed[row]
            if not failed[-1]:
                costs[-1] = table.costs[row] + errors * random.standard_normal(len(errors))
            deviations = np.broadcast_to(errors, costs.shape).copy()
            state = replace(state, costs=costs, errors=deviations, has_failed=failed)
    tried = np.array(rows, dtype=np.int64)
    return Replayed(tried, _scores(table, tried), spent_s / max(1, len(rows)), state)


def _scores(table: PublishedTable, rows: Codes) -> dict[str, Floats]:
    """The score on each device after each of the members `rows` (n,)."""
    costs = np.where(table.has_failed[rows, None], np.nan, table.costs[rows])
    scores = {}
    for device, columns in table.devices.items():
        scale = table.scale(device)
        upto = [share_of_front(costs[: n + 1, columns], scale) for n in range(len(rows))]
        scores[device] = np.array(upto)
    return scores
