"""`--notify`: a command, or a webhook, that hears of the end of a sweep from the command that follows it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from paretofleet_collector.cli.progress import tally
from paretofleet_collector.cli.session import notify
from paretofleet_collector.errors import misused
from paretofleet_collector.model.views import SweepView

#: Seconds until a webhook, and a command, is given up.
HOOK_S, COMMAND_S = 15.0, 300.0
Notify = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="COMMAND|URL",
        help="At the end run this, or POST to it; this command does, so it follows the sweep. Repeatable.",
    ),
]


def check_notices(notices: Iterable[str]) -> None:
    """Raises a usage error for one of the `notices` that could not be given at the end."""
    for notice in notices:
        if _is_url(notice):
            _check_url(notice)
            continue
        try:
            words = shlex.split(notice)
        except ValueError as error:
            raise misused(f"--notify {notice}: {error}.") from None
        if not words or shutil.which(words[0]) is None:
            raise misused(f"--notify {notice}: there is no such command; write one that is found, or a URL.")


def give_notices(notices: Iterable[str], sweep: SweepView, more: Mapping[str, Any] | None = None) -> None:
    """Tells each of the `notices` that the `sweep` has ended; what fails is said and changes nothing.

    `more`: what the message holds beside, or instead.
    """
    message = {**_message(sweep), **(more or {})}
    for notice in notices:
        why = _post(notice, message) if _is_url(notice) else _run(notice, message)
        if why:
            notify(f"--notify {notice} failed: {why}; the sweep is as it is")


def end_sentence(sweep: SweepView) -> str:
    """How a `sweep` ended, in one sentence."""
    bad = tally(sweep)
    how = f"{sweep.name} {sweep.state.replace('_', ' ')}: {sweep.ended_runs}/{sweep.runs} runs"
    return f"{how}; {bad}" if bad else how


def _message(sweep: SweepView) -> dict[str, Any]:
    return {
        "text": end_sentence(sweep),
        "sweep": sweep.name,
        "sweep_id": sweep.sweep_id,
        "state": sweep.state,
        "configurations": sweep.configurations,
        "runs": sweep.runs,
        "runs_by_state": dict(sweep.runs_by_state),
        "devices": list(sweep.devices),
        "note": sweep.note,
        "labels": list(sweep.labels),
        "created_unix_s": sweep.created_unix_s,
        "ended_unix_s": sweep.ended_unix_s,
    }


def _check_url(url: str) -> None:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # that a port is one is seen when it is asked for
    except ValueError as error:
        raise misused(f"--notify {url}: {error}.") from None
    if not host:
        raise misused(f"--notify {url}: a URL has a host, as in https://example.org/hook.")


def _is_url(notice: str) -> bool:
    return notice.lower().startswith(("http://", "https://"))


def _post(url: str, message: Mapping[str, Any]) -> str:
    """Sends the message; returns why it failed, empty where it did not."""
    from http.client import HTTPException
    from urllib.request import Request, urlopen  # they take a while to load

    request = Request(  # noqa: S310 - http or https only
        url, json.dumps(message).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urlopen(request, timeout=HOOK_S):  # noqa: S310 - as above
            return ""
    except (OSError, HTTPException, ValueError) as error:
        why = getattr(error, "reason", error)  # of an address that does not answer: what the system says
        return getattr(why, "strerror", "") or str(error) or type(error).__name__


def _run(command: str, message: Mapping[str, Any]) -> str:
    """Runs the command with the message on its standard input; its own output is beside the data."""
    import subprocess

    variables = {"PARETOFLEET_SWEEP": message["sweep"], "PARETOFLEET_SWEEP_STATE": message["state"]}
    try:
        done = subprocess.run(
            shlex.split(command),
            input=json.dumps(message).encode(),
            stdout=2,
            env={**os.environ, **variables},
            timeout=COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return f"it ended with {done.returncode}" if done.returncode else ""
