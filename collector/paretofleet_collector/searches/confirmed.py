"""Which members of a search's fronts are confirmed by new trainings and a new sweep alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.searches import SearchBatch
from paretofleet_collector.searches.costs import CostTable, cost_table
from paretofleet_collector.searches.fronts import (
    CONFIRMED,
    FAILED,
    NOT_CONFIRMED,
    Confirmation,
    margins,
    within_limits,
)
from paretofleet_collector.searches.measured import report_measurements

if TYPE_CHECKING:
    from paretofleet_collector.model.searches import SearchDetail
    from paretofleet_collector.rpc.client import Client
    from paretofleet_collector.searches.specification import SearchSpecification

#: The split that a search never reads.
TEST: Literal["test"] = "test"
SUFFIX = "-confirmed"
_NAME = 54


def confirmed_name(search: str) -> str:
    """What the sweep is called that confirms the fronts of the search of that name."""
    return f"{search[:_NAME]}{SUFFIX}"


def search_label(search: str) -> str:
    """The label of the sweeps of the search of that name."""
    return f"search/{search[:_NAME]}"


def trained_name(detail: SearchDetail, number: int) -> str:
    """What the trained network of trial `number` of a search, by its `detail`, is called."""
    search = detail.search
    return f"{search.name[:_NAME]}-{search.search_id[:6]}-t{number}"


def pull_confirmed(client: Client, detail: SearchDetail, folder: Path) -> Path | None:
    """The report of the sweep that confirms a search, by its `detail`, in the search's `folder`.

    Pulled by `client` unless it is there; None where there is no such sweep, or it is not over.
    """
    try:
        sweep = client.show_sweep(confirmed_name(detail.search.name)).sweep
    except NotFound:
        return None
    if sweep.state not in SWEEP_FINAL:
        return None
    path = folder / "reports" / f"confirmed-{sweep.sweep_id}.parquet"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        client.pull_report(sweep.name, path)
    return path


def confirmed_table(
    specification: SearchSpecification, devices: Sequence[str], detail: SearchDetail, report: Path | None
) -> CostTable | None:
    """The table of what was trained and measured anew of a search on `devices`, from the sweep's `report`.

    `specification`, `detail`: the search's. Without a report what was trained is known alone; None where
    nothing was. Raises Refused where the anchor failed.
    """
    numbers = sorted({each.trial for each in detail.trainings if each.split == TEST})
    if not numbers:
        return None
    batch = SearchBatch(
        len(detail.batches), tuple(numbers), tuple(devices), confirmed_name(detail.search.name)
    )
    trained = [
        replace(detail.trials[number], model=f"{trained_name(detail, number)}@file") for number in numbers
    ]
    trials = (*detail.trials, *trained)
    measured = [] if report is None else report_measurements(report, batch, trials, specification)
    table = cost_table(specification, devices, detail.trials, measured, detail.trainings)
    return replace(table, split=TEST)


def confirmations(table: CostTable, device: str, seed: int) -> dict[int, Confirmation]:
    """Of each trial that was measured anew on a `device`, by the `table` of these, whether it is confirmed.

    Confirmed is what nobody of them beats with a probability of at least 0.8; draws from `seed`. Who could
    not be trained or measured anew has failed.
    """
    import numpy as np
    from paretofleet_analysis.search.fronts import confirmed_front

    costs, errors, numbers = within_limits(table, device)
    confirmed, p_front = confirmed_front(costs, np.nan_to_num(errors), margins(table), seed=seed)
    verdicts = {
        number: Confirmation(
            CONFIRMED if confirmed[at] else NOT_CONFIRMED, float(p_front[at]), _values(table, device, number)
        )
        for at, number in enumerate(numbers)
    }
    for number in dict.fromkeys([*table.by_device[device], *(each.trial for each in table.trainings)]):
        reason = table.failure(number, device)
        if number in verdicts or not reason:
            continue
        measured = table.by_device[device].get(number)
        has_failed = measured is None or measured.reason or table.accuracy(number) is None
        verdicts[number] = Confirmation(
            FAILED if has_failed else NOT_CONFIRMED, 0.0, _values(table, device, number), reason
        )
    return verdicts


def _values(table: CostTable, device: str, number: int) -> dict[str, Any]:
    accuracy = table.accuracy(number)
    measured = table.by_device[device].get(number)
    values = {} if measured is None else measured.values
    return {"top1": None if accuracy is None else accuracy[0]} | {
        name: values.get(name) for name in table.columns
    }
