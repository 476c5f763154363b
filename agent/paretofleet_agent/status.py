"""`paretofleet-agent status`: what the agent's home tells, with or without a running agent."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from paretofleet_agent.device import selftest_result
from paretofleet_agent.errors import HomeError
from paretofleet_agent.uplink import identity, spool


def look(home: Path) -> dict[str, Any]:
    """JSON-ready facts of `home`; null where there is nothing yet. Raises HomeError on a damaged identity."""
    known = identity.read(home) or {"device_id": None, "instance": None}
    card: dict[str, Any] = {"collector": None, "name": None, "device_class": None, "simulate": None}
    with contextlib.suppress(OSError, ValueError):
        card.update(json.loads((home / "daemon.json").read_text(encoding="utf-8")))
    contents, damage = None, None
    try:
        contents = spool.peek(home)
    except (sqlite3.Error, HomeError) as error:
        damage = str(error)
    return {
        "home": str(home),
        "process_id": identity.holder(home),
        **known,
        **card,
        "spool": asdict(contents) if contents else None,
        "spool_damage": damage,
        "selftest": selftest_result.stored(home),
        "damaged_spools": sorted(path.name for path in home.glob(f"{spool.FILE}.damaged-*[0-9]")),
    }


def describe(facts: dict[str, Any]) -> str:
    """The facts of `look` in lines for people."""
    if facts["device_id"] is None:
        return f"{facts['home']}: no agent has been started here; begin with `paretofleet-agent run`."
    running = f"runs as process {facts['process_id']}" if facts["process_id"] else "does not run"
    lines = [
        ("agent", f"{running}, start number {facts['instance']}"),
        ("name", f"{facts['name']} (class {facts['device_class']})"),
        ("device id", facts["device_id"]),
        ("collector", facts["collector"]),
        ("home", facts["home"]),
        ("spool", _waiting(facts)),
        ("selftest", _tested(facts["selftest"])),
    ]
    lines += [
        ("damaged", f"{name} was set aside; remove it when nobody needs it")
        for name in facts["damaged_spools"]
    ]
    return "\n".join(f"{name:<10} {value}" for name, value in lines)


def _tested(found: Any) -> str:
    if found is None:
        return "none yet; make one with `paretofleet-agent selftest`"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(found["unix_s"]))
    return f"{found['verdict']}, {when}"


def _waiting(facts: dict[str, Any]) -> str:
    if facts["spool_damage"]:
        return str(facts["spool_damage"])
    held = facts["spool"]
    if held is None or not (held["attempts"] or held["set_aside"]):
        return "empty: the collector has everything"
    attempts, chunks = _counted(held["attempts"], "attempt"), _counted(held["chunks"], "chunk")
    text = f"{attempts} with {chunks} ({held['bytes']} bytes) to send"
    return text + (f", {_counted(held['set_aside'], 'chunk')} set aside" if held["set_aside"] else "")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
