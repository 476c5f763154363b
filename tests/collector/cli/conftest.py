"""The command, run in this process against a fake control service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from command_harness import Command
from fake_control import FakeControl, serve


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
def paretofleet(
    control: FakeControl, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    monkeypatch.delenv("PARETOFLEET_DEBUG", raising=False)
    server, address = serve(control)
    yield Command(address, capsys)
    server.stop(0).wait()
