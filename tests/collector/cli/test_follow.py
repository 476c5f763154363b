"""Following a sweep on a terminal: what is said once, and what Ctrl-C leaves behind."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

import pytest
from command_harness import Command
from paretofleet_collector import cli
from paretofleet_collector.cli import progress, sweep_follow
from paretofleet_collector.rpc.client import Client
from rich.console import Console
from terminal import terminal

SUBMIT = ("sweep", "submit", "--model", "zoo:resnet50", "--name", "first")


def test_a_terminal_that_follows_a_sweep_reads_its_name_once(
    paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal(80, monkeypatch) as screen:
        assert cli.run(["--collector", paretofleet.address, *SUBMIT, "--watch"]) == 0
    assert screen.text == ""
    assert "submitted first" in screen.err.getvalue()
    with terminal(80, monkeypatch) as screen:
        assert cli.run(["--collector", paretofleet.address, *SUBMIT[:-1], "second"]) == 0
    assert screen.text == "second\n"


def test_a_script_that_follows_a_sweep_gets_its_name(paretofleet: Command) -> None:
    assert paretofleet(*SUBMIT, "--watch").out == "first\n"


@pytest.mark.parametrize("words", [(*SUBMIT, "--watch"), ("sweep", "watch", "first")])
def test_after_ctrl_c_the_sweep_goes_on_and_the_way_back_is_by_its_name(
    paretofleet: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    if "watch" in words:
        paretofleet(*SUBMIT)

    def interrupted(_: Iterable[object]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_follow, "follow", interrupted)
    said = paretofleet(*words, code=130).err
    assert said.endswith(
        "no longer watching; the sweep goes on, watch it with `paretofleet sweep watch first`\n"
    )


def test_what_is_said_below_the_bar_goes_on_between_words_further_in(paretofleet: Command) -> None:
    """On a terminal of 60 columns: why a device does not work yet."""
    paretofleet(*SUBMIT)
    with Client(paretofleet.address) as client:
        message = next(client.watch_sweep("first"))
    note = "board-c is offline since 2026-11-27; after 20 s its part ends as skipped (offline)"
    away = replace(message, sweep=replace(message.sweep, notes=(note,)))
    screen = io.StringIO()
    Console(file=screen, width=60).print(progress._picture(away, 60))
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert "  board-c is offline since 2026-11-27; after 20 s its part" in lines
    assert "    ends as skipped (offline)" in lines
    assert max(map(len, lines)) <= 60
