"""`paretofleet search list | delete`: the searches that the collector keeps."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, show
from paretofleet_collector.cli.session import notify, search_client
from paretofleet_collector.cli.units import clock, counted, duration
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.searches import RUNNING

if TYPE_CHECKING:
    from paretofleet_collector.model.searches import SearchView

LIST_EXAMPLE = "Example: paretofleet search list -o json"
DELETE_EXAMPLE = "Example: paretofleet search delete edge1 --yes"
SearchName = Annotated[str, typer.Argument(metavar="SEARCH", help="A search, by its name or id.")]


def _state(row: Any) -> str:
    """Its state; of a search that was started here and has lost its driver, that."""
    from paretofleet_collector.searches import process

    folder = process.search_folder(row["search_id"])
    if row["state"] == RUNNING and process.origin(folder) and not process.is_driven(folder):
        return f"{RUNNING}, no driver"
    return str(row["state"])


def _of(trials: int, most: int) -> str:
    return f"{trials} of {most}" if most else str(trials)


def _driven(row: Any) -> str:
    spent = duration(row["spent_s"])
    return f"{spent} of {duration(row['budget_s'])}" if row["budget_s"] else spent


_COLUMNS = (
    column("name", kept=True),
    Column("state", _state),
    Column("trials", lambda row: _of(row["trials"], row["trials_max"]), right=True),
    column("trainings", right=True),
    Column("driven", _driven, right=True),
    Column("began", lambda row: clock(row["created_unix_s"])),
    column("reason", kept=True),
)


def list_(context: typer.Context, *, output: Output = Format.table) -> None:
    """List the searches, the oldest first."""
    with search_client(context) as client:
        listed = client.list_searches()
    show([search_row(each) for each in listed], _COLUMNS, output, nothing="no search was started")


def delete(
    context: typer.Context,
    search: SearchName,
    *,
    keep_sweeps: Annotated[
        bool, typer.Option("--keep-sweeps", help="Leave the sweeps with what was measured.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; nothing asks where there is no terminal.")
    ] = False,
) -> None:
    """Delete a search with its trials and the sweeps that measured them."""
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete {search} with all its trials and samples?", abort=True, err=True)
    from paretofleet_collector.searches import process
    from paretofleet_collector.searches.confirmed import confirmed_name

    with search_client(context) as client:
        detail = client.show_search(search)
        if detail.search.state == RUNNING:
            raise Refused(f"'{search}' is running; stop it first with `paretofleet search stop {search}`.")
        sweeps = 0
        named = [*(batch.sweep for batch in detail.batches), confirmed_name(detail.search.name)]
        for sweep in () if keep_sweeps else named:
            try:
                client.delete_sweep(sweep)
                sweeps += 1
            except NotFound:
                continue  # deleted before, or never submitted
        client.delete_search(detail.search.search_id)
    shutil.rmtree(process.search_folder(detail.search.search_id), ignore_errors=True)
    notify(f"deleted {search}: {counted(detail.search.trials, 'trial')}, {counted(sweeps, 'sweep')}")


def search_row(view: SearchView) -> dict[str, Any]:
    """A search as a row of a listing: its `view` without the specification."""
    return {name: value for name, value in vars(view).items() if name != "spec_json"}
