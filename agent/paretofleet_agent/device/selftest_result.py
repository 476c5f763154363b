"""The last self-test of this device, kept in the agent's home: `selftest` writes it, `status` reads it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Mapping

from paretofleet_agent.files import write_atomically

FILE = "selftest.json"
#: Changes with what is tested or how; an older result says nothing of this version.
VERSION = 2


def store(home: Path, facts: Mapping[str, Any]) -> None:
    """Keeps the JSON-ready `facts` of a self-test in `home`, which is made if need be."""
    home.mkdir(parents=True, exist_ok=True)
    write_atomically(home / FILE, json.dumps(facts, indent=2, sort_keys=True) + "\n")


def stored(home: Path) -> Mapping[str, Any] | None:
    """The facts of the last self-test in `home`; None where none was made by a version like this one."""
    with contextlib.suppress(OSError, ValueError):
        facts = json.loads((home / FILE).read_text(encoding="utf-8"))
        if isinstance(facts, dict) and facts.get("version") == VERSION:
            return facts
    return None
