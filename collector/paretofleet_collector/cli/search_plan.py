"""`paretofleet search plan`: what would be searched, and how far a budget goes; runs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, row_of, show, write_json
from paretofleet_collector.cli.search_run import Devices, budget_seconds, on_devices, specification_in
from paretofleet_collector.cli.session import notify, search_client
from paretofleet_collector.cli.units import counted, duration, seconds_of

if TYPE_CHECKING:
    from paretofleet_collector.searches.forecast import SearchForecast
    from paretofleet_collector.searches.specification import SearchSpecification

PLAN_EXAMPLE = "Example: paretofleet search plan space.yaml --device class=cpu --budget 4h"
_COLUMNS = (
    column("device", kept=True),
    Column("a batch takes", lambda row: duration(row["batch_s"]), right=True),
    Column("hours of it", lambda row: "-" if row["hours"] is None else f"{row['hours']:.1f}", right=True),
)


def plan(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="SPACE.yaml", help="The search's specification.")],
    *,
    devices: Devices = None,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long it may go on: 90s, 10m or 4h.")
    ] = None,
    training: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="What one training takes, as you know it.", show_default="up to its limit"
        ),
    ] = None,
    output: Output = Format.table,
) -> None:
    """Show a search's members and limits, and how many trials fit into a budget; runs nothing."""
    budget_s = budget_seconds(budget)
    training_s = seconds_of("--training", training) if training else None
    specification = on_devices(specification_in(file), devices)
    from paretofleet_collector.cli.specification import add_files
    from paretofleet_collector.searches.forecast import forecast
    from paretofleet_collector.searches.starting import check_here, devices_of, with_measure

    check_here(specification)
    with search_client(context) as client:
        specification = with_measure(specification, add_files(client, specification.measure))
        planned = client.plan_sweep(specification.measure.to_json())
        fleet = client.list_devices()
    devices_of(specification, planned, fleet, budget_s)
    _show(
        specification,
        forecast(specification, planned, fleet, budget_s=budget_s, training_s=training_s),
        budget_s,
        output,
    )


def _show(search: SearchSpecification, ahead: SearchForecast, budget_s: float, output: Format) -> None:
    members = search.space().size
    if output is Format.json:
        write_json({"name": search.name, "members": members, "limits": dict(search.limits), **row_of(ahead)})
        return
    from paretofleet_collector.searches.specification import OWN_METHOD

    show([row_of(each) for each in ahead.devices], _COLUMNS, output)
    train = search.train
    drawn = "on the diagonal or at random" if search.method == OWN_METHOD else "at random"
    notify(
        f"{members:,} members; objectives {', '.join(search.objectives)}; {counted(search.start, 'member')} "
        f"{drawn} first, then by {search.method}, {100 * search.control:g} % of them random"
    )
    if search.limits:
        notify(f"limits: {', '.join(f'{key} {value:g}' for key, value in search.limits.items())}")
    notify(
        f"training: {counted(train.seeds, 'seed')} each, at most {duration(train.timeout_s)} and "
        f"{train.memory_bytes / 2**20:,.0f} MiB; this host measures nothing meanwhile"
    )
    if ahead.trials_most is None:
        notify("--budget says how many trials fit")
    elif ahead.trials_least == ahead.trials_most:
        verb = "fits" if ahead.trials_most == 1 else "fit"
        notify(f"about {counted(ahead.trials_most, 'trial')} {verb} into {duration(budget_s)}")
    else:
        notify(
            f"{ahead.trials_least} to {counted(ahead.trials_most, 'trial')} fit into {duration(budget_s)}: "
            "the least where each training takes its whole limit, the most where it takes no time; say what "
            "it takes by --training"
        )
