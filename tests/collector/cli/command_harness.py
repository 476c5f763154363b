"""Runs the command in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from paretofleet_collector import cli


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs `paretofleet WORDS..` as its entry point would; no error may be longer than its sentence."""

    def __init__(self, address: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.address = address
        self._capsys = capsys

    def __call__(self, *words: object, code: int | None = 0) -> Done:
        self._capsys.readouterr()
        got = cli.run(["--collector", self.address, *(str(word) for word in words)])
        said = self._capsys.readouterr()
        assert "Traceback" not in said.err
        assert code is None or got == code, (got, said)
        return Done(got, said.out, said.err)
