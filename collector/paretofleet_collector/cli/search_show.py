"""`paretofleet search show`: the fronts of a search beside its random control, its trials, its failures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, plain, show
from paretofleet_collector.cli.search_kept import SearchName
from paretofleet_collector.cli.session import notify, search_client
from paretofleet_collector.cli.units import counted, duration
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.searches import RUNNING
from paretofleet_collector.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paretofleet_collector.model.searches import SearchDetail
    from paretofleet_collector.rpc.search_client import SearchClient
    from paretofleet_collector.searches.costs import CostTable
    from paretofleet_collector.searches.fronts import Confirmation

EXAMPLE = "Example: paretofleet search show edge1 --device tx2-1 -o csv"


def show_(
    context: typer.Context,
    search: SearchName,
    *,
    trials: Annotated[bool, typer.Option("--trials", help="Every trial on every device, instead.")] = False,
    device: Annotated[str, typer.Option(metavar="D", help="Of one device only.")] = "",
    page: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Also write its figures there, as one page.")
    ] = None,
    output: Output = Format.table,
) -> None:
    """Show the front of a search on each device, with the probability of each member.

    Members are `selected`, some of them by luck; after `search confirm` they are `confirmed`, or not.
    """
    read = read_search(context, search)
    from paretofleet_collector.searches import fronts
    from paretofleet_collector.searches.second_seeds import seed_sentences

    table, specification, detail = read.table, read.table.specification, read.detail
    devices = tuple(table.by_device)
    if device and device not in devices:
        raise NotFound(f"'{device}' is no device of {detail.search.name}; {did_you_mean(device, devices)}")
    chosen = [device] if device else list(devices)
    read.notify_state()
    if page is not None:
        _write_page(read, page)
    columns = tuple(name for name in specification.objectives)
    names = tuple(f"member.{name}" for name in specification.parameters)
    if trials:
        rows = [row for row in fronts.trial_rows(table) if row["device"] in chosen]
        show(rows, _trial_columns(columns, names), output, nothing="no trial yet")
        return
    confirmations = read.confirmations()
    rows = [
        row
        for name in chosen
        for row in fronts.front_rows(table, name, detail.search.seed, confirmations.get(name))
    ]
    show(
        rows,
        _front_columns(columns, names, has_confirmed=bool(confirmations)),
        output,
        nothing="no trial is measured and trained yet",
    )
    for name in chosen:
        for sentence in fronts.sentences(table, name):
            notify(sentence)
    for sentence in seed_sentences(table, read.anew, read.detail.search.name):
        notify(sentence)


def _write_page(read: ReadSearch, page: Path) -> None:
    """Writes the figures of a search, each front with its probabilities, to a `page`."""
    if not page.absolute().parent.is_dir():
        raise Refused(f"{page.absolute().parent} is no folder; make it, or choose another.")
    from paretofleet_analysis.page.search_page import write_search_page
    from paretofleet_analysis.studies.searched import answers

    from paretofleet_collector.searches import fronts
    from paretofleet_collector.searches.figures import searched
    from paretofleet_collector.searches.second_seeds import seed_sentences

    table, search = read.table, read.detail.search
    simulated = ", ".join(name for name in table.by_device if name in table.simulated)
    notes = [sentence for name in table.by_device for sentence in fronts.sentences(table, name)]
    notes += seed_sentences(table, read.anew, read.detail.search.name)
    made = answers(searched(table, read.detail), seed=search.seed)
    write_search_page(
        made,
        page,
        title=f"The search {search.name}",
        notes=notes,
        simulated=f"SIMULATED: {simulated}" if simulated else "",
    )
    notify(f"wrote {page}")


@dataclass(frozen=True)
class ReadSearch:
    """A search by its `detail`, its `table`, and the sweeps that are not over or are `absent`.

    `anew`: the table of what was trained and measured to confirm it; None where nothing was.
    """

    detail: SearchDetail
    table: CostTable
    absent: Sequence[str]
    anew: CostTable | None = None

    def confirmations(self) -> dict[str, dict[int, Confirmation]]:
        """By device what was measured anew of it, by trial; empty where nothing was."""
        from paretofleet_collector.searches.confirmed import confirmations

        anew, seed = self.anew, self.detail.search.seed
        return {} if anew is None else {name: confirmations(anew, name, seed) for name in anew.by_device}

    def notify_state(self) -> None:
        """Says how the search stands, and what is not measured."""
        search = self.detail.search
        from paretofleet_collector.searches import process

        waits = process.waits(process.search_folder(search.search_id)) if search.state == RUNNING else ""
        why = search.reason or waits
        said = f"{search.name} is {search.state}" + (f": {why.rstrip('.')}" if why else "")
        notify(f"{said}; {counted(search.trials, 'trial')}, driven for {duration(search.spent_s)}")
        if self.absent:
            notify(f"not measured yet, or gone: {', '.join(self.absent)}")


def read_search(context: typer.Context, search: str) -> ReadSearch:
    """What is known of a `search`, by its name or id; reports that this machine lacks are pulled.

    Raises NotFound, Refused where the anchor failed in what is to confirm it.
    """
    with search_client(context) as client:
        return read_from(client, search)


def read_from(client: SearchClient, search: str) -> ReadSearch:
    """The same of a `search` that the collector of `client` has."""
    from paretofleet_collector.searches import process, reading
    from paretofleet_collector.searches.confirmed import confirmed_table, pull_confirmed
    from paretofleet_collector.searches.stored import stored_specification

    detail = client.show_search(search)
    folder = process.search_folder(detail.search.search_id)
    absent = reading.pull_reports(client, detail, folder)
    report = pull_confirmed(client, detail, folder)
    specification, devices = stored_specification(detail.search.spec_json)
    table = reading.read_table(specification, devices, detail, folder, {}, is_lenient=True)
    anew = confirmed_table(specification, devices, detail, report)
    return ReadSearch(detail, table, absent, anew)


def _front_columns(
    objectives: Sequence[str], names: Sequence[str], *, has_confirmed: bool
) -> tuple[Column, ...]:
    anew = (Column("anew", lambda row: _share(row["confirmed.p_front"]), right=True),)
    return (
        Column("device", _device, kept=True, shared=True),
        column("trial", right=True, kept=True),
        *_values(objectives),
        Column("p_front", lambda row: _share(row["p_front"]), right=True),
        *(anew if has_confirmed else ()),
        column("verdict", shared=True),
        column("kind"),
        Column("member", lambda row: _member(row, names)),
    )


def _trial_columns(objectives: Sequence[str], names: Sequence[str]) -> tuple[Column, ...]:
    return (
        column("trial", right=True, kept=True),
        Column("device", _device, kept=True, shared=True),
        column("kind"),
        column("state"),
        *_values(objectives),
        column("reason"),
        Column("member", lambda row: _member(row, names)),
    )


def _device(row: Any) -> str:
    return f"{row['device']}, simulated" if row["simulated"] else str(row["device"])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _values(objectives: Sequence[str]) -> tuple[Column, ...]:
    from paretofleet_analysis.objectives import OBJECTIVES
    from paretofleet_analysis.present.ranking_table import format_mean
    from paretofleet_analysis.statistics.intervals import Estimate

    def of(name: str) -> Column:
        objective = OBJECTIVES[name]

        def cell(row: Any) -> str:
            value, low, high = (row[f"{name}{end}"] for end in ("", "_lo", "_hi"))
            return format_mean(Estimate(value, low, high, 0), objective.scale)

        return Column(f"{objective.short} {objective.shown_unit}".rstrip(), cell, right=True)

    return tuple(of(name) for name in objectives)


def _member(row: Any, names: Sequence[str]) -> str:
    """The values of a member in one line."""
    values = ((name.removeprefix("member."), row[name]) for name in names)
    return ", ".join(f"{name} {plain(value)}" for name, value in values if value is not None)
