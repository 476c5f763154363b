"""What another process of a row would show, and which rows say nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paretofleet_analysis.ranking.row_table import column_of, rows_at
from paretofleet_analysis.report.access import Row, label, samples
from paretofleet_analysis.report.published import PUBLISHED
from paretofleet_analysis.statistics.prediction import Prediction, another_process
from paretofleet_analysis.statistics.stopping import device_prior


@dataclass(frozen=True)
class NextProcess:
    """Where another process of a row would be in an `objective`; `prediction` is None where its one process
    and the device's other rows cannot tell.
    """

    objective: str
    prediction: Prediction | None


def next_process(row: Row, rows: Sequence[Row], names: Iterable[str]) -> tuple[NextProcess, ...]:
    """Of a `row` and of each measured objective in `names` what another process would show.

    `rows`: those of the ranking, of which the ones of its device lend it their spread where they are 8 or
    more. Values are as measured: what drifts from block to block is part of how processes differ.
    """
    of_device = [other for other in rows if other["device"] == row["device"]]
    coming = []
    for name in names:
        prior = device_prior(samples(other, [name])[:, 0].tolist() for other in of_device)
        values = samples(row, [name])[:, 0].tolist()
        coming.append(NextProcess(name, another_process(values, prior=prior) if values else None))
    return tuple(coming)


def one_process_notes(rows: Sequence[Row]) -> list[str]:
    """A sentence on those of the `rows` that were measured in one process only; not on published values."""
    single = [i for i, runs in enumerate(column_of(rows, "runs")) if runs == 1]
    alone = [row for row in rows_at(rows, single) if PUBLISHED not in (row["flags"] or ())]
    if not alone:
        return []
    named = "; ".join(label(row) for row in alone[:2])
    more = f" and {len(alone) - 2} more" if len(alone) > 2 else ""
    were = "1 row was" if len(alone) == 1 else f"{len(alone)} rows were"
    return [f"{were} measured in one process, and how far another would be off is unknown: {named}{more}."]
