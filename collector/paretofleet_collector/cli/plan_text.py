"""How `paretofleet sweep plan` shows what a sweep would run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from paretofleet_collector.cli.output import Column, Format, column, row_of, show, write_json
from paretofleet_collector.cli.session import notify, notify_refusals
from paretofleet_collector.cli.units import about, counted
from paretofleet_collector.model.entities import Refusal, Repeats
from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.views import PlannedView, PlanView

_GROUP_COLUMNS = (
    column("model", kept=True),
    column("device", kept=True),
    column("batch_sizes", "batch sizes"),
    column("variant", shared=True),
    column("target", shared=True),
    column("precision", shared=True),
    column("runtime", shared=True),
    column("threads", shared=True),
    column("mode", shared=True),
)
_FED = column("fed", "sizes and inputs", shared=True)
_DEVICE_COLUMNS = (
    column("device", kept=True),
    column("configurations", right=True),
    Column("runs", lambda row: _range(row["runs_min"], row["runs_max"]), right=True),
    Column("likely time", lambda row: "-" if row["likely"] is None else about(Span(**row["likely"]))),
)


def show_plan(planned: PlanView, protocol: str, output: Format) -> None:
    """Writes the configurations, grouped, and the hours of each device; what is left out goes to the user."""
    if output is Format.json:
        write_json({**row_of(planned), "refusals": [refusal_row(each) for each in planned.refusals]})
        return
    if output is Format.csv:
        show([row_of(configuration) for configuration in planned.configurations], (), output)
        return
    fed = (_FED,) if any(each.fed for each in planned.configurations) else ()
    show(_groups(planned.configurations), (*_GROUP_COLUMNS, *fed), output)
    typer.echo()
    show([row_of(device) for device in planned.devices], _DEVICE_COLUMNS, output)
    notify_refusals(planned.refusals)
    for sentence in planned.unmade:
        notify(sentence)
    if planned.missing:
        notify(
            f"{counted(planned.missing, 'configuration')} more will stand in the sweep as failed: they lack "
            "a runtime; `sweep retry` runs them once it is there"
        )
    notify(
        f"likely time of the fewest runs by protocol {protocol}: from earlier runs on the device where there "
        "are some, else from the multiply-accumulates; bounds are in -o json"
    )


def refusal_row(refusal: Refusal) -> dict[str, str]:
    """What is left out of a sweep, and why, by the keys that programs read."""
    return {"what": refusal.combination, "why": refusal.why}


def adaptive_sentence(repeats: Repeats) -> str:
    """How the hours of an adaptive sweep follow."""
    return (
        f"adaptive: at least the time of {repeats.runs_min} runs of every configuration, at most of "
        f"{repeats.runs_max}; in between only what the ranking for {repeats.adaptive} use leaves undecided "
        "runs on, and a device's first configuration, which shows its drift"
    )


def boots_sentence(repeats: Repeats) -> str:
    """How a sweep over several boots of its devices runs."""
    return (
        f"boots: the blocks are spread over {repeats.boots} boots of each device whose owner allows "
        "reboots, whose time comes on top; of other devices they run within one boot"
    )


def days_sentence(repeats: Repeats) -> str:
    """How a sweep over several days runs, and when its parts begin."""
    starts = [-(-k * repeats.runs_min // repeats.days) + 1 for k in range(1, repeats.days)]
    blocks = ", ".join(map(str, starts))
    return (
        f"days: block {blocks} of each device begins on another day, after midnight UTC and 12 hours at "
        f"least after the day's first run; the sweep takes {repeats.days} days or more, and other sweeps run "
        "in between"
    )


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _groups(configurations: Sequence[PlannedView]) -> list[dict[str, Any]]:
    """One row for all batch sizes and threads of what is otherwise the same."""
    groups: dict[tuple[str, ...], list[PlannedView]] = {}
    for each in configurations:
        named = (each.device, each.target, each.model, each.variant, each.precision, each.runtime, each.mode)
        groups.setdefault((*named, each.fed), []).append(each)
    return [
        {
            **row_of(members[0]),
            "threads": ", ".join(dict.fromkeys(str(each.threads or "default") for each in members)),
            "batch_sizes": ", ".join(dict.fromkeys(str(each.batch_size) for each in members)),
        }
        for members in groups.values()
    ]
