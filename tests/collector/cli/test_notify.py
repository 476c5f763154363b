"""`--notify`: who hears of the end of a sweep, from the command that follows it."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from command_harness import Command
from fake_control import FakeControl

SUBMIT = (
    "sweep",
    "submit",
    "--model",
    "resnet50",
    "--name",
    "first",
    "--note",
    "before the trip",
    "--label",
    "gate",
)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Any]]]:
    """The address of a web server on loopback, and what was sent to it; it refuses what is sent to /no."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    heard: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(500 if self.path == "/no" else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_end_of_a_sweep_that_is_followed_for_it(
    paretofleet: Command, hook: tuple[str, list[Any]]
) -> None:
    address, heard = hook
    paretofleet(*SUBMIT, "--notify", f"{address}/hook")
    ((kind, message),) = heard
    assert kind == "application/json"
    assert message["text"].startswith("first finished: ")
    assert (message["sweep"], message["state"]) == ("first", "finished")
    assert message["runs_by_state"]["sealed"] == message["runs"]


def test_a_command_gets_it_on_its_standard_input(paretofleet: Command, tmp_path: Path) -> None:
    program = tmp_path / "tell.py"
    program.write_text(
        "import os, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'heard')!r}).write_text("
        "os.environ['PARETOFLEET_SWEEP_STATE'] + ' ' + sys.stdin.read())\n"
    )
    paretofleet(*SUBMIT)
    said = paretofleet("sweep", "watch", "first", "--notify", shlex.join([sys.executable, str(program)]))
    assert said.out == ""
    state, _, message = (tmp_path / "heard").read_text().partition(" ")
    assert state == "finished"
    assert json.loads(message)["sweep"] == "first"


def test_a_notice_that_fails_is_told_and_the_end_is_that_of_the_sweep(
    paretofleet: Command, control: FakeControl, hook: tuple[str, list[Any]]
) -> None:
    control.ends_as = "finished_with_failures"
    address, heard = hook
    gone = ("--notify", "http://127.0.0.1:1/gone")
    notices = (*gone, "--notify", f"{address}/no", "--notify", "false", "--notify", f"{address}/yes")
    said = paretofleet(*SUBMIT, *notices, code=3).err
    assert "--notify http://127.0.0.1:1/gone failed: Connection refused; the sweep is as it is" in said
    assert f"--notify {address}/no failed: HTTP Error 500" in said
    assert "--notify false failed: it ended with 1; the sweep is as it is" in said
    assert len(heard) == 2, "the others are told all the same"


@pytest.mark.parametrize(
    "notice", ["no-such-command now", "http://", "http://hook:ninety", "http://hook:99999", "say 'it", ""]
)
def test_what_could_not_be_told_is_refused_before_anything_is_submitted(
    paretofleet: Command, control: FakeControl, notice: str
) -> None:
    assert "--notify" in paretofleet(*SUBMIT, "--notify", notice, code=2).err
    assert control.sweeps == {}
