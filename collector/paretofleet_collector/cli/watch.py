"""`paretofleet watch`: measures a canary set again where a device's environment has changed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.canary import Canary, history_of, last_two
from paretofleet_collector.cli.compare import (
    REGRESSION,
    BootShare,
    CompareFormat,
    Margins,
    Measures,
    check_question,
    compared_sources,
    write_comparison,
)
from paretofleet_collector.cli.completion import sweep_names
from paretofleet_collector.cli.notification import Notify, check_notices, end_sentence, give_notices
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.specification import add_files, build, named
from paretofleet_collector.cli.sweep_follow import follow_sweep, submit_spec
from paretofleet_collector.cli.sweep_options import SweepFlags
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.cli.units import seconds_of
from paretofleet_collector.errors import CollectorError, Refused, Unreachable

if TYPE_CHECKING:
    from paretofleet_collector.model.views import DeviceView, SweepView
    from paretofleet_collector.rpc.client import Client

EXAMPLE = "Example: paretofleet watch canary.yaml --once"
_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class _Question:
    """What is compared, by which margins, and who hears of it."""

    measures: Sequence[str]
    margins: Sequence[str]
    boot_share: str
    notices: Sequence[str]


def watch(
    context: typer.Context,
    canary: Annotated[
        str,
        typer.Argument(
            metavar="SPEC.yaml|SWEEP",
            help="The canary set: a specification, or a sweep to measure again.",
            autocompletion=sweep_names,
        ),
    ],
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, measure what is due, and end.")] = False,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often to look, as in 30s, 5min.")] = "1min",
    measures: Measures = None,
    margins: Margins = None,
    boot_share: BootShare = "",
    notices: Notify = None,
) -> None:
    """Measure a canary set again where a device's environment changes, and say which rows moved.

    With --once exit code 4: by the newest two measurements of a device something is worse.
    """
    wait_s = seconds_of("--every", every)
    check_notices(notices or ())
    check_question(measures, margins, boot_share)
    question = _Question(measures or (), margins or (), boot_share, notices or ())
    with collector_client(context) as client:
        chosen = _canary(client, canary)
        codes = list(_look(context, client, chosen, question, is_first=True))
        while not once:
            time.sleep(wait_s)
            _look_again(context, client, chosen, question)
    code = REGRESSION if REGRESSION in codes else max(codes, default=0)
    if code:
        raise typer.Exit(code)


def _canary(client: Client, source: str) -> Canary:
    """The canary set in the file `source`, or that of a sweep; its local files are added to the collector."""
    path = Path(source)
    if path.suffix in _YAML or path.exists():
        return Canary(named(add_files(client, build(path, SweepFlags())), path))
    from paretofleet_collector.planning.parsing import parse_json

    detail = client.show_sweep(source)
    spec = replace(parse_json(detail.spec_json), name=detail.sweep.name)
    return Canary(spec, origin=detail.sweep.name)


def _look_again(context: typer.Context, client: Client, canary: Canary, question: _Question) -> None:
    """Looks as `_look` does; what fails, as where the collector is away, is told of and tried again later."""
    from paretofleet_analysis.errors import AnalysisError

    try:
        for _code in _look(context, client, canary, question, is_first=False):
            pass
    except Unreachable as error:
        notify(f"{error} Looking again later.")
    except (CollectorError, AnalysisError) as error:
        notify(f"{error} Watching goes on.")


def _look(
    context: typer.Context, client: Client, canary: Canary, question: _Question, *, is_first: bool
) -> Iterator[int]:
    """Measures the set on every device that is due; yields the exit codes for which the results stand.

    What others have begun is followed to its end. The first look also says how the newest two measurements
    of every other device compare: the watch before may have been ended in between.
    """
    devices = _devices(client, canary, is_told=is_first)
    sweeps = client.list_sweeps(labels=[canary.label])
    awaited: list[tuple[DeviceView, SweepView]] = []
    for device in devices:
        history = history_of(sweeps, device.name)
        if canary.is_due(device, history):
            notify(f"{device.name}: {_why_due(history)}")
            sweep, _ = submit_spec(
                client, canary.part(device), canary.request_id(device, history), keep_name=False
            )
            awaited.append((device, sweep))
        elif history[-1].ended_unix_s is None:
            awaited.append((device, history[-1]))
        elif is_first:
            notify(f"{device.name}: its environment is that of {history[-1].name}")
            yield _code(_compared(context, canary, history, question))
    for device, sweep in awaited:
        yield follow_sweep(client, sweep.name)
        history = history_of(client.list_sweeps(labels=[canary.label]), device.name)
        document = _compared(context, canary, history, question)
        yield _code(document)
        for each in history:
            if each.sweep_id == sweep.sweep_id:
                give_notices(question.notices, each, _news(each, document))


def _devices(client: Client, canary: Canary, *, is_told: bool) -> list[DeviceView]:
    """The devices of the set that are there and tell their environment; `is_told`: says why others do not."""
    planned = {each.device for each in client.plan_sweep(canary.spec.to_json()).devices}
    if not planned:
        raise Refused(
            "No device runs any configuration of this canary set; see `paretofleet sweep plan` for why."
        )
    ready = []
    for device in client.list_devices():
        if device.name not in planned or device.state == "removed":
            continue
        why = ""
        if device.state != "online":
            why = f"is {device.state}: it is looked at when it is back"
        elif not device.environment_json:
            why = "has an agent too old to tell its environment: update it there"
        if not why:
            ready.append(device)
        elif is_told:
            notify(f"{device.name} {why}")
    return ready


def _code(document: Mapping[str, Any]) -> int:
    return REGRESSION if document.get("is_worse") else 0


def _news(sweep: SweepView, document: Mapping[str, Any]) -> dict[str, Any]:
    """What a notice of the end of a `sweep` holds beside: the comparison, its verdicts in one sentence."""
    if not document:
        return {}
    verdicts = Counter(change["verdict"] for change in document["changes"])
    said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    return {
        "text": f"{end_sentence(sweep)}; compared with {document['before']}: {said}",
        "comparison": document,
    }


def _why_due(history: Sequence[SweepView]) -> str:
    if not history:
        return "the canary set was never measured here"
    return f"its environment, or the canary set, is not that of {history[-1].name} any more"


def _compared(
    context: typer.Context, canary: Canary, history: Sequence[SweepView], question: _Question
) -> dict[str, Any]:
    """Writes how the newest two measurements of a `history` compare; returns that as a document, empty where
    there are no two, or they have nothing in common.
    """
    pair = last_two(history, canary)
    if pair is None:
        notify("nothing to compare with yet: a later measurement is compared with this one")
        return {}
    from paretofleet_analysis.errors import RankError
    from paretofleet_analysis.present.compare_text import comparison_document

    before, after = pair
    try:
        compared = compared_sources(
            context, before, after, question.measures, question.margins, question.boot_share
        )
    except RankError as error:
        notify(f"{before} and {after} cannot be compared: {error}")
        return {}
    write_text(f"{before} and {after}, before and after:")
    write_comparison(compared, CompareFormat.table)
    return {"before": before, "after": after, **comparison_document(compared)}
