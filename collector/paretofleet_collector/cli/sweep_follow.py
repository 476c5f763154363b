"""A sweep from its submission to its end, as the commands say it that submit and follow one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from paretofleet_collector.cli.notification import end_sentence, give_notices
from paretofleet_collector.cli.output import clean
from paretofleet_collector.cli.progress import follow, working
from paretofleet_collector.cli.session import notify, notify_refusals
from paretofleet_collector.cli.specification import build_zoo
from paretofleet_collector.cli.sweep_text import extent, reasons
from paretofleet_collector.errors import CollectorError

if TYPE_CHECKING:
    from paretofleet_collector.model.entities import Refusal
    from paretofleet_collector.model.views import DeviceView, SweepView
    from paretofleet_collector.planning.specification import Spec
    from paretofleet_collector.rpc.client import Client

FINISHED_WITH_FAILURES, CANCELLED = 3, 1


def submit_spec(
    client: Client, spec: Spec, request_id: str, *, keep_name: bool
) -> tuple[SweepView, tuple[Refusal, ...]]:
    """Submits the `spec` to the collector of `client`, and says so; returns the sweep and what is left out.

    The same `request_id` again makes no second sweep. Raises Taken where the name is and `keep_name` is true,
    Refused and NotFound for what the collector would not run.
    """
    planned = client.plan_sweep(spec.to_json())  # refuses before the zoo is built for nothing
    build_zoo(client, spec.models)
    for sentence in planned.unmade:
        notify(sentence)
    with working("making variants") if planned.unmade else nullcontext():
        sweep, refusals = client.submit_sweep(spec.to_json(), request_id, keep_name=keep_name)
    if sweep.name != spec.name:
        notify(f"there is a sweep {spec.name} already: this one is called {sweep.name}")
    notify_refusals(refusals)
    notify_absent(client, sweep.devices)
    notify(
        f"submitted {sweep.name}: {extent(sweep)} on {', '.join(sweep.devices)}; "
        f"follow it with `paretofleet sweep watch {sweep.name}`"
    )
    return sweep, refusals


def write_name(sweep: SweepView, *, is_followed: bool) -> None:
    """Writes the name of a `sweep` to standard output, for scripts.

    Not on a terminal where it `is_followed`: there it was said already, and the progress names it again.
    """
    if not (is_followed and sys.stdout.isatty()):
        sys.stdout.write(f"{clean(sweep.name)}\n")
        sys.stdout.flush()


def follow_sweep(client: Client, sweep: str, notices: Sequence[str] = ()) -> int:
    """Follows the `sweep` by `client` until it has ended, says why runs failed, and gives its `notices`.

    Returns the exit code that its end stands for. Raises CollectorError where nothing is said of it.
    """
    try:
        last = follow(client.watch_sweep(sweep, away=_away))
    except KeyboardInterrupt:
        unheard = " and nobody hears of its end" if notices else ""
        notify(
            f"no longer watching; the sweep goes on{unheard}, watch it with `paretofleet sweep watch {sweep}`"
        )
        raise
    if last is None:
        raise CollectorError(
            f"The collector said nothing about {sweep}; look with `paretofleet sweep show {sweep}`."
        )
    notify(end_sentence(last))
    if last.state == "finished_with_failures":
        for sentence in reasons(client.show_sweep(sweep)):
            notify(sentence)
    give_notices(notices, last)
    if last.state == "cancelled":
        return CANCELLED
    return FINISHED_WITH_FAILURES if last.state == "finished_with_failures" else 0


def notify_absent(client: Client, devices: Sequence[str]) -> None:
    """Says which of the `devices` of a sweep cannot start now, by what `client` hears."""
    for device in client.list_devices():
        if device.name in devices and device.state != "online":
            notify(_absence(device))


def _absence(device: DeviceView) -> str:
    if device.state == "offline":
        return (
            f"{device.name} is offline; its runs wait for it, as long as --wait says, then they are skipped; "
            "--online leaves it out"
        )
    return f"{device.name} is {device.state}; its runs wait until it is back"


def _away(address: str) -> None:
    notify(f"the collector at {address} is away; waiting for it")
