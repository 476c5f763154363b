"""Following a sweep on a terminal: what is said once, and what Ctrl-C leaves behind."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from command_harness import Command
from paretofleet_collector import cli
from paretofleet_collector.cli import sweep_follow
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
