"""The help of every command: it fits its terminal, whole, and the list of commands agrees with each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from paretofleet_collector.cli import COMMANDS, app, run
from terminal import terminal


def helps(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of every command, those that only hold others, too."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from helps(below, *path, name)


@pytest.mark.parametrize("columns", [60, 80])
def test_every_help_fits_its_terminal_and_cuts_nothing(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = list(helps(typer.main.get_command(app)))
    assert len(paths) > 40
    for path in paths:
        with terminal(columns, monkeypatch) as screen:
            assert run([*path, "--help"]) == 0
        assert screen.text.startswith("Usage: paretofleet")
        prose = screen.text.partition("  Example")[0]
        assert max(map(len, prose.splitlines())) <= columns, prose


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    commands = typer.main.get_command(app).commands
    summaries = {name: command.get_short_help_str(1000) for name, command in commands.items()}
    assert summaries == {name: lazy.summary for name, lazy in COMMANDS.items()}
