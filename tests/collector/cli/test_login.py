"""`paretofleet login` and its token, which need not be an argument that every user can read."""

from __future__ import annotations

import io
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from command_harness import Command, Done
from paretofleet_collector.errors import Unreachable
from paretofleet_collector.rpc import login


class Login:
    """Runs `login` with what is typed, and keeps the token that it took."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self.taken = ""

    def join(self, address: str, token: str, name: str) -> login.Credentials:
        self.taken = token.strip()
        return login.Credentials(address, name or "ada", "viewer", "", "", "")

    def __call__(self, *words: object) -> Done:
        return self._command("login", "127.0.0.1:7412", *words)


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Login:
    made = Login(Command("127.0.0.1:1", capsys))
    monkeypatch.setattr(login, "login", made.join)
    monkeypatch.setattr("sys.stdin", io.StringIO("from standard input\n"))
    monkeypatch.delenv("PARETOFLEET_TOKEN", raising=False)
    return made


def test_it_is_read_where_nobody_else_sees_it(
    log_in: Login, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("from the file\n")
    said = log_in("--token-file", tmp_path / "token").err
    assert log_in.taken == "from the file"
    monkeypatch.setenv("PARETOFLEET_TOKEN", "from the variable")
    said += log_in().err
    assert log_in.taken == "from the variable"
    said += log_in("-").err
    assert log_in.taken == "from standard input"
    assert "can read arguments" not in said


def test_an_argument_is_taken_and_warned_of(log_in: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["paretofleet", "login", "127.0.0.1:7412", "pft-x"])
    said: Any = log_in("pft-x").err
    assert log_in.taken == "pft-x"
    assert "every user of this machine can read arguments" in said
    assert "pft-x" not in said


@pytest.mark.parametrize("starts", [True, False])
def test_a_collector_that_is_just_starting_is_waited_for(
    starts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that comes says nothing of TLS; that it was reached at all shows that it was waited for."""
    monkeypatch.setattr(login, "START_S", 60.0 if starts else 0.5)
    reached = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))

        def start() -> None:
            time.sleep(0.5)
            listener.listen()
            listener.accept()[0].close()
            reached.set()

        thread = threading.Thread(target=start, daemon=True)
        if starts:
            thread.start()
        with pytest.raises(Unreachable, match="nobody with identity answers"):
            login.fetch_authority(f"127.0.0.1:{listener.getsockname()[1]}", "0" * 64)
        assert reached.wait(20 if starts else 0) is starts
