"""A search's trials as the figures of a page see them: one table of costs, with what each trial took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paretofleet_analysis.objectives import OBJECTIVES

from paretofleet_collector.searches.fronts import margins, member_values

if TYPE_CHECKING:
    from paretofleet_analysis.studies.searched import Searched

    from paretofleet_collector.model.searches import SearchDetail
    from paretofleet_collector.searches.costs import CostTable


def searched(table: CostTable, detail: SearchDetail) -> Searched:
    """The trials of a `table` of the search with this `detail`, for the figures of its page.

    What failed or is beyond a limit on a device has no costs there. The hours of a trial are its share of
    those for which the search was driven.
    """
    import numpy as np
    from paretofleet_analysis.studies.searched import Searched

    devices = tuple(table.by_device)
    search = table.search(detail.search.seed, devices[0])
    trials = table.costs(search.space, devices[0])
    for device in devices:
        own = [column for column in search.devices[device] if column]
        unfit = [at for at, trial in enumerate(table.trials) if table.failure(trial.number, device)]
        trials.costs[np.ix_(unfit, own)] = np.nan
    failed = np.zeros(len(table.trials), dtype=np.bool_)
    each = margins(table)
    titles, of_columns = {0: "error (%)"}, {0: each[0]}
    for device in devices:
        for column, name, margin in zip(search.devices[device][1:], table.columns, each[1:], strict=True):
            objective = OBJECTIVES[name]
            sign = "-log10" if objective.maximize else "log10"
            titles[column] = f"{sign} {objective.phrase} ({objective.unit or '1'})"
            of_columns[column] = margin
    count = max(len(table.trials), 1)
    return Searched(
        search,
        type(trials)(trials.codes, trials.graphs, trials.costs, trials.errors, failed),
        tuple(trial.kind for trial in table.trials),
        np.full(len(table.trials), detail.search.spent_s / 3600 / count),
        tuple(f"trial {trial.number}: {member_values(table, trial.number)}" for trial in table.trials),
        titles,
        of_columns,
        table.simulated,
        {device: table.scopes(device) for device in devices},
    )
