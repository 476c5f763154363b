"""`devices list --watch`: in place on a terminal, plain elsewhere, ended by Ctrl-C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from command_harness import Command
from fake_control import FakeControl

PATIENCE_S = 60.0


def started(paretofleet: Command, output: int) -> subprocess.Popen[bytes]:
    words = ("--collector", paretofleet.address, "devices", "list", "--watch")
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    command = [sys.executable, "-m", "paretofleet_collector", *words]
    return subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE, env=environment)


def read_until(descriptor: int, is_there: Callable[[str], bool]) -> str:
    """What was written until it has all that is looked for."""
    text, until = "", time.monotonic() + PATIENCE_S
    while not is_there(text) and time.monotonic() < until:
        text += os.read(descriptor, 4096).decode()
    return text


def rest(descriptor: int) -> Iterator[str]:
    """What is left to read once nobody writes any more."""
    with suppress(OSError):  # Linux says EIO at the end of a terminal
        while part := os.read(descriptor, 4096):
            yield part.decode()


def test_a_terminal_is_redrawn_and_shows_the_last_table_when_it_ends(
    paretofleet: Command, control: FakeControl
) -> None:
    ours, theirs = pty.openpty()
    process = started(paretofleet, theirs)
    text = read_until(ours, lambda text: "tx2" in text)
    assert text.startswith("\x1b[?1049h"), "another screen, so that what was there comes back"
    control.devices[1] = replace(control.devices[1], state="offline")
    text = read_until(ours, lambda text: "offline" in text)
    assert "\x1b[H" in text, "in place"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    os.close(theirs)
    last = "".join(rest(ours)).partition("\x1b[?1049l")[2]
    assert "tx2" in last
    assert "\x1b[H" not in last
    assert process.stderr is not None
    assert process.stderr.read() == b""
    os.close(ours)


def test_elsewhere_a_table_is_written_when_there_is_news(paretofleet: Command, control: FakeControl) -> None:
    ours, theirs = os.pipe()
    process = started(paretofleet, theirs)
    os.close(theirs)
    read_until(ours, lambda text: "tx2" in text)
    control.devices[1] = replace(control.devices[1], state="offline")
    text = read_until(ours, lambda text: "offline" in text)
    assert "\x1b" not in text
    assert text.count("tx2") == 1, "nothing is written while nothing changes"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    os.close(ours)


def test_programs_ask_once(paretofleet: Command) -> None:
    assert "--watch is for people" in paretofleet("devices", "list", "--watch", "-o", "json", code=2).err
