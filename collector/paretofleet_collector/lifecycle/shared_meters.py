"""A meter that feeds two boards: its figures are those of neither, and each run says so.

An external meter gives itself a name, and the device's inventory holds it. Two devices that were both here
during a run and name the same meter share it, or have two meters of one name; which cannot be known.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptEnd, Device
from paretofleet_collector.model.messages import Session
from paretofleet_collector.store import attempts, devices

_log = logging.getLogger(__name__)

METER, SHARED = "meter", "meter_shared"


def without_shared(
    connection: sa.Connection, session: Session, end: AttemptEnd, unheard_s: float
) -> AttemptEnd:
    """The `end` of an attempt with the meters it shares marked as missing, and the flag `meter_shared`.

    `connection` shows the devices beside that of `session`; one is here for `unheard_s` seconds after it was
    last heard.
    """
    row = attempts.row_of(connection, end.key)
    try:
        facts = json.loads(end.facts_json or "{}")
        rails = [rail for rail in facts.get("sensors", ()) if rail.get("source") == METER]
    except (AttributeError, TypeError, ValueError, RecursionError):  # ingest says what is wrong with them
        return end
    if row is None or not rails:
        return end
    others = devices.heard_since(connection, row.granted_unix_s - unheard_s, but=session.device_id)
    whys = []
    for rail in rails:
        names = _readers(rail.get("rail"), others)
        if names:
            rail["missing"] = _why(rail["rail"], names)
            whys.append(rail["missing"])
    if not whys:
        return end
    flags = facts.get("flags")
    facts["flags"] = [*(flags if isinstance(flags, list) else ()), SHARED]
    _log.warning("run %s has no energy: %s", end.key.run_id, "; ".join(whys))
    return replace(end, facts_json=json.dumps(facts))


def _readers(meter: Any, others: Iterable[Device]) -> list[str]:
    """The names of the real devices that have a meter too."""
    return [
        other.name
        for other in others
        if not other.simulated
        and any((sensor.source, sensor.rail) == (METER, meter) for sensor in other.inventory.sensors)
    ]


def _why(meter: str, names: list[str]) -> str:
    return (
        f"the meter {meter} also gives its figures to {', '.join(names)}, and one meter measures one board: "
        "disconnect it from one of them, or give each meter an id of its own"
    )
