"""`paretofleet-agent status`: what the agent's home tells, with or without a running agent."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from paretofleet_agent import terminal
from paretofleet_agent.device import selftest_result
from paretofleet_agent.errors import HomeError
from paretofleet_agent.uplink import identity, leftovers, model_room, spool, spool_file


def read_status(home: Path) -> dict[str, Any]:
    """JSON-ready facts of `home`; null where there is nothing yet. Raises HomeError on a damaged identity."""
    agent = identity.read(home) or {"device_id": None, "instance": None}
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
        **agent,
        **card,
        "spool": asdict(contents) if contents else None,
        "spool_damage": damage,
        "models": model_room.stored(home)._asdict(),
        "selftest": selftest_result.stored(home),
        "damaged_spools": spool_file.damaged_spools(home),
        "spools_aside": _aside(home),
        "aside_bytes": sum(each.bytes for each in leftovers.leftovers(home)),
    }


def _aside(home: Path) -> dict[str, Any]:
    """What waits in `home` for other collectors, by their ids; null where it cannot be read."""
    waiting: dict[str, Any] = {}
    for collector_id, folder in spool_file.spools_aside(home).items():
        waiting[collector_id] = None
        with contextlib.suppress(sqlite3.Error, HomeError):
            contents = spool.peek(folder)
            waiting[collector_id] = asdict(contents) if contents else None
    return waiting


def describe(facts: dict[str, Any], width: int | None = None) -> str:
    """The `facts` of `read_status` in lines for people, of at most `width` columns; None folds nothing."""
    if facts["device_id"] is None:
        said = f"{facts['home']}: no agent has been started here; begin with `paretofleet-agent run`."
        return "\n".join(terminal.hung("", said, width))
    running = f"runs as process {facts['process_id']}" if facts["process_id"] else "does not run"
    lines = [
        ("agent", f"{running}, start number {facts['instance']}"),
        ("name", f"{facts['name']} (class {facts['device_class']})"),
        ("device id", facts["device_id"]),
        ("collector", facts["collector"]),
        ("home", facts["home"]),
        ("spool", _spool_line(facts)),
        ("models", _models_line(facts["models"])),
        ("selftest", _selftest_line(facts["selftest"])),
    ]
    lines += [
        ("damaged", f"{name} was set aside; remove it when nobody needs it")
        for name in facts["damaged_spools"]
    ]
    lines += [
        (
            "aside",
            f"{_spool_line({**facts, 'spool': held})}, {_for_whom(collector_id)}",
        )
        for collector_id, held in facts["spools_aside"].items()
    ]
    if facts["aside_bytes"]:
        lines.append(("aside", f"{facts['aside_bytes']} bytes in all: `paretofleet-agent aside` lists them"))
    return terminal.facts(lines, width)


def _models_line(stored: dict[str, int]) -> str:
    return f"{_counted(stored['files'], 'file')}, {stored['size_bytes']} bytes"


def _for_whom(collector_id: str) -> str:
    if collector_id == spool_file.UNKNOWN:
        return "for a collector that nobody wrote down; `paretofleet-agent push` brings it to the right one"
    return f"for collector {collector_id} when it answers again"


def _selftest_line(result: Any) -> str:
    if result is None:
        return "none yet; make one with `paretofleet-agent selftest`"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(result["unix_s"]))
    return f"{result['verdict']}, {when}"


def _spool_line(facts: dict[str, Any]) -> str:
    if facts["spool_damage"]:
        return str(facts["spool_damage"])
    spooled = facts["spool"]
    if spooled is None or not (spooled["attempts"] or spooled["set_aside"]):
        return "empty: the collector has everything"
    attempts, chunks = _counted(spooled["attempts"], "attempt"), _counted(spooled["chunks"], "chunk")
    text = f"{attempts} with {chunks} ({spooled['bytes']} bytes) to send"
    if spooled["set_aside"]:
        text += f", {_counted(spooled['set_aside'], 'chunk')} set aside"
    return text


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
