"""`paretofleet search start | stop | resume`: the process that drives a search, beside the command."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.output import clean
from paretofleet_collector.cli.search_follow import follow_search
from paretofleet_collector.cli.search_kept import SearchName
from paretofleet_collector.cli.session import address_of, notify, search_client
from paretofleet_collector.cli.units import counted, seconds_of
from paretofleet_collector.errors import Refused, misused
from paretofleet_collector.model.searches import RUNNING, STOPPED, NewSearch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paretofleet_collector.model.searches import SearchView
    from paretofleet_collector.searches.specification import SearchSpecification, TruthFile

START_EXAMPLE = "Example: paretofleet search start space.yaml --name edge1 --budget 4h --seed 1 --watch"
STOP_EXAMPLE = "Example: paretofleet search stop edge1"
RESUME_EXAMPLE = "Example: paretofleet search resume edge1 --watch"
#: Seconds for a driver to end what it does once its search is stopped.
_STOP_S = 30.0
#: A driver that was silent for so long is gone (`searches.driver.HEARD_S`).
_SILENT_S = 120.0
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow the search until it has ended.")]
Devices = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="NAME|KEY=VALUE", help="Instead of the file's. Repeatable."),
]


TruthTable = Annotated[
    Path | None,
    typer.Option(
        "--simulate-truth",
        metavar="TABLE",
        help="Simulated devices show its times and energies: .parquet, .csv or .csv.gz, by parameters.",
    ),
]
Truths = Annotated[
    list[str] | None,
    typer.Option(
        "--truth",
        metavar="DEVICE=TIME[,ENERGY]",
        help="A device's columns of the table, in ms and mJ. Repeatable.",
    ),
]


def start(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="SPACE.yaml", help="The search's specification.")],
    *,
    devices: Devices = None,
    truth_table: TruthTable = None,
    truths: Truths = None,
    name: Annotated[str, typer.Option(help="The search's name.", show_default="its own, or the file's")] = "",
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="After so long no further batch begins: 90s, 10m or 4h."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, metavar="N", help="Trials at most.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what is proposed.")] = 1,
    watch: Watch = False,
) -> None:
    """Start a search, driven by a process of its own on this machine; its name goes to standard output.

    It trains here, while nothing is measured here, and goes on when this command ends.
    """
    if budget is None and trials is None:
        raise typer.BadParameter("say how far it shall go: --budget TIME, --trials N, or both")
    budget_s = budget_seconds(budget)
    truth = _truth(truth_table, truths or ())
    specification = on_devices(specification_in(file), devices)
    from paretofleet_collector.cli.model_upload import model_name
    from paretofleet_collector.cli.specification import add_files
    from paretofleet_collector.searches import process
    from paretofleet_collector.searches.starting import check_here, devices_of, with_measure
    from paretofleet_collector.searches.stored import stored_json
    from paretofleet_collector.searches.truth import with_truth

    check_here(specification)
    with search_client(context) as client:
        measure = add_files(client, specification.measure)
        specification = with_measure(specification, measure)
        plan = client.plan_sweep(measure.to_json())
        fleet = client.list_devices()
        names = devices_of(specification, plan, fleet, budget_s)
        if truth is not None:
            specification = with_truth(specification, truth, names, fleet)
        chosen = name or specification.name or model_name(file.with_suffix(""))
        text = stored_json(specification, names)
        new = NewSearch(chosen, text, specification.digest, seed, budget_s, trials or 0)
        search = client.create_search(new, secrets.token_hex(16))
        folder = process.search_folder(search.search_id)
        process.keep_origin(folder, file)
        pid = process.start(address_of(context), search.search_id)
        notify(
            f"started {search.name} on {', '.join(names)}: process {pid}, log {folder / process.LOG}; "
            f"follow it with `paretofleet search resume {search.name} --watch`, end it with "
            f"`paretofleet search stop {search.name}`"
        )
        typer.echo(clean(search.name))
        if watch:
            raise typer.Exit(follow_search(client, search.search_id, folder))


def budget_seconds(budget: str | None) -> float:
    """Seconds of a --budget as it was typed, 0 without one; raises BadParameter for one of nothing."""
    if budget is None:
        return 0.0
    seconds = seconds_of("--budget", budget)
    if seconds <= 0:
        raise typer.BadParameter(f"--budget {budget}: within no time there is no trial; give more")
    return seconds


def _truth(table: Path | None, truths: Sequence[str]) -> TruthFile | None:
    """The table of --simulate-truth with the columns of --truth; BadParameter for anything else."""
    from paretofleet_collector.cli.search_columns import device_columns
    from paretofleet_collector.searches.truth import truth_file

    if (table is None) is bool(truths):
        raise typer.BadParameter("give --simulate-truth TABLE and --truth DEVICE=TIME[,ENERGY] together")
    return None if table is None else truth_file(table, device_columns("--truth", truths))


def stop(context: typer.Context, search: SearchName) -> None:
    """Stop a search: its trials are kept, a training under way is ended; `resume` goes on with it."""
    from paretofleet_collector.searches import process

    with search_client(context) as client:
        view = client.show_search(search).search
        if view.state != RUNNING:
            raise Refused(f"'{view.name}' is {view.state} already; there is nothing to stop.")
        client.change_search(view.search_id, STOPPED, "stopped by its user")
        folder = process.search_folder(view.search_id)
        until = time.monotonic() + _STOP_S
        while process.is_driven(folder) and time.monotonic() < until:
            time.sleep(0.2)
        if process.is_driven(folder):
            notify(f"{view.name} is stopped once its driver has ended what it does")
        else:
            notify(f"stopped {view.name}: {counted(view.trials, 'trial')} kept")


def resume(
    context: typer.Context,
    search: SearchName,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SPACE.yaml]", help="Its specification.", show_default="where it was started from"
        ),
    ] = None,
    *,
    watch: Watch = False,
) -> None:
    """Go on with a search that was stopped, failed or lost its driver; one that has a driver is followed."""
    from paretofleet_collector.searches import process

    with search_client(context) as client:
        view = client.show_search(search).search
        folder = process.search_folder(view.search_id)
        if not (view.state == RUNNING and process.is_driven(folder)):
            _check_not_driven_elsewhere(view, folder)
            process.keep_origin(folder, checked_origin(view, file or process.origin(folder)))
            client.change_search(view.search_id, RUNNING)
            try:
                pid = process.start(address_of(context), view.search_id)
                notify(f"{view.name} goes on: process {pid}, log {folder / process.LOG}")
            except Refused:  # another was quicker
                notify(f"{view.name} is driven already{'' if watch else '; --watch follows it'}")
        elif not watch:
            notify(f"{view.name} is driven already; --watch follows it")
        if watch:
            raise typer.Exit(follow_search(client, view.search_id, folder))


def _check_not_driven_elsewhere(view: SearchView, folder: Path) -> None:
    """Refuses a search that another machine drives: it says so every half a minute."""
    from paretofleet_collector.searches import process

    silent_s = time.time() - view.changed_unix_s
    if view.state == RUNNING and process.origin(folder) is None and silent_s < _SILENT_S:
        raise Refused(
            f"'{view.name}' is driven by another machine, heard {silent_s:.0f} s ago; stop it first with "
            f"`paretofleet search stop {view.name}`."
        )


def on_devices(specification: SearchSpecification, devices: Sequence[str] | None) -> SearchSpecification:
    """The same `specification` on `devices`, as options name them, if any do; raises Refused."""
    if not devices:
        return specification
    from paretofleet_collector.cli.specification import selector_of
    from paretofleet_collector.planning.values import checked_selector
    from paretofleet_collector.searches.starting import with_measure

    chosen = checked_selector(dict(selector_of(devices)))
    return with_measure(specification, replace(specification.measure, devices=chosen))


def checked_origin(view: SearchView, origin: Path | None) -> Path:
    """The specification of a search in `origin`; refused where it, or the code it began with, has changed."""
    if origin is None:
        raise misused(f"{view.name} was not started here: give its SPACE.yaml, too.")
    from paretofleet_collector.searches.stored import stored_specification
    from paretofleet_collector.searches.truth import load_truth

    now = specification_in(origin).files
    began, _ = stored_specification(view.spec_json)  # what training has written since is none of its files
    changed = [name for name, sha256 in began.files.items() if now.get(name) != sha256]
    if changed:
        paths = [origin if name == "specification" else origin.parent / name for name in changed]
        what = ", ".join(map(os.path.normpath, paths))
        raise Refused(
            f"{what} {'have' if paths[1:] else 'has'} changed since '{view.name}' began: new trials would "
            "not be comparable; those there are kept: undo the change, or start a new search."
        )
    load_truth(began)
    return origin


def specification_in(file: Path) -> SearchSpecification:
    """The search's specification in a `file`; raises Refused, as a misuse where the file is at fault."""
    from paretofleet_collector.searches.parsing import parse_search

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise misused(f"{file} does not exist; write a search's specification there.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}.") from None
    try:
        return parse_search(text, file.parent)
    except Refused as error:
        raise misused(f"{file}: {error}") from None
