"""Runs that a sealed file tells of and the store does not: listed again, with all that their rows need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptKey, Configuration, Inventory, PlannedConfiguration
from paretofleet_collector.store import attempts, chunks, configurations, devices, runs, sealed
from paretofleet_collector.store.assignments import ASSIGNMENTS
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.devices import DEVICES, NOT_REMOVED
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sealed import SealedFile
from paretofleet_collector.store.sweeps import SWEEPS

MESSAGE = "The samples were listed again from their file; `paretofleet report rebuild` computes their values."


@dataclass(frozen=True)
class SealedRun:
    """A run as its sealed file tells of it; `names` has device, device_class, model, variant and target."""

    key: AttemptKey
    sweep_id: str
    configuration: Configuration
    block: int
    facts_json: str
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def planned(self) -> PlannedConfiguration:
        """Its configuration, with ids where the file tells no names."""
        configuration = self.configuration
        return PlannedConfiguration(
            configuration,
            self.names.get("device", configuration.device_id[:16]),
            self.names.get("model", configuration.variant_sha256[:12]),
            self.names.get("variant", "file"),
            self.names.get("target", configuration.target_id[:64]),
        )


def why_not(connection: sa.Connection, sealed_run: SealedRun) -> str:
    """Why the run `sealed_run` need not be listed again, as `connection` sees it; empty if it may be."""
    listed = sealed.files_of_run(connection, sealed_run.key.run_id)
    if listed:
        return f"run {sealed_run.key.run_id} is listed already, with its attempt {listed[0].attempt}"
    run = runs.get(connection, sealed_run.key.run_id)
    if run is not None and run.state == "uploaded":
        return f"run {sealed_run.key.run_id} is still staged and will be sealed"
    return ""


def adopt(connection: sa.Connection, sealed_run: SealedRun, file: SealedFile, now: float) -> None:
    """Lists through `connection` the sealed `file` of the run `sealed_run`, `now` (seconds since 1970).

    Sweep, configuration, device, run and attempt are made where they are missing. The run is sealed without
    a summary.
    """
    _ensure_sweep(connection, sealed_run, now)
    _ensure_device(connection, sealed_run)
    has_summary = sealed.has_summary(connection, sealed_run.key.run_id)
    values = {
        "state": "sealed",
        "attempt": sealed_run.key.attempt,
        "reason": None if has_summary else runs.NOT_SUMMARISED,
        "message": "" if has_summary else MESSAGE,
        "lease_until_unix_s": None,
        "ended_unix_s": now,
    }
    if runs.get(connection, sealed_run.key.run_id) is None:
        connection.execute(RUNS.insert().values(**_run_row(connection, sealed_run)))
    connection.execute(RUNS.update().where(RUNS.c.run_id == sealed_run.key.run_id).values(**values))
    row = _attempt_row(sealed_run, now)
    if attempts.row_of(connection, sealed_run.key) is None:
        connection.execute(ATTEMPTS.insert().values(**row))
    else:  # an older store knows of its beginning only
        is_it = ATTEMPTS.c.run_id == sealed_run.key.run_id, ATTEMPTS.c.attempt == sealed_run.key.attempt
        end = {name: row[name] for name in ("state", "ended_unix_s", "ok", "facts_json")}
        connection.execute(ATTEMPTS.update().where(*is_it).values(**end, reason=None))
    sealed.unlist(connection, sealed_run.key)
    sealed.insert(connection, file, None, None, now)
    chunks.drop(connection, sealed_run.key)


def _ensure_sweep(connection: sa.Connection, sealed_run: SealedRun, now: float) -> None:
    configuration = sealed_run.configuration
    if not connection.execute(SWEEPS.select().where(SWEEPS.c.sweep_id == sealed_run.sweep_id)).first():
        number = connection.execute(sa.select(sa.func.max(SWEEPS.c.number))).scalar() or 0
        connection.execute(
            SWEEPS.insert().values(
                sweep_id=sealed_run.sweep_id,
                number=number + 1,
                request_id=f"adopted-{sealed_run.sweep_id}",
                name=f"adopted-{sealed_run.sweep_id}",
                state="finished_with_failures",
                spec_json="{}",
                runs_min=1,
                runs_max=1,
                seed=0,
                created_unix_s=now,
                ended_unix_s=now,
            )
        )
    planned = PLANNED.select().where(PLANNED.c.sweep_id == sealed_run.sweep_id)
    ids = [row.configuration_id for row in connection.execute(planned)]
    if configuration.configuration_id not in ids:
        rows = configurations.rows_of(sealed_run.sweep_id, [sealed_run.planned], len(ids))
        configurations.insert(connection, rows)
    is_part = (
        ASSIGNMENTS.c.sweep_id == sealed_run.sweep_id,
        ASSIGNMENTS.c.device_id == configuration.device_id,
    )
    if not connection.execute(ASSIGNMENTS.select().where(*is_part)).first():
        connection.execute(
            ASSIGNMENTS.insert().values(
                sweep_id=sealed_run.sweep_id,
                device_id=configuration.device_id,
                blocks=sealed_run.block,
                is_done=True,
            )
        )


def _ensure_device(connection: sa.Connection, sealed_run: SealedRun) -> None:
    device_id = sealed_run.configuration.device_id
    if devices.row_of(connection, device_id) is not None:
        return
    device_class = sealed_run.names.get("device_class", "")
    inventory = Inventory(simulated=device_class.startswith("sim:"))
    name = sealed_run.planned.device
    is_taken = connection.execute(DEVICES.select().where(DEVICES.c.name == name, NOT_REMOVED)).first()
    connection.execute(
        DEVICES.insert().values(
            device_id=device_id,
            name=device_id[:64] if is_taken else name,
            device_class=device_class,
            agent_labels="{}",
            operator_labels="{}",
            inventory=json.dumps(asdict(inventory)),
            agent_version="",
            boot_id="",
            instance=0,
            session_id="",
            paused=False,
            removed=False,
        )
    )


def _run_row(connection: sa.Connection, sealed_run: SealedRun) -> dict[str, Any]:
    """A run in the block that the file names, or in the next free one where another run has that."""
    same = sa.and_(
        RUNS.c.sweep_id == sealed_run.sweep_id,
        RUNS.c.configuration_id == sealed_run.configuration.configuration_id,
    )
    taken = set(connection.execute(sa.select(RUNS.c.block).where(same)).scalars())
    return {
        "run_id": sealed_run.key.run_id,
        "sweep_id": sealed_run.sweep_id,
        "configuration_id": sealed_run.configuration.configuration_id,
        "device_id": sealed_run.configuration.device_id,
        "block": max(taken) + 1 if sealed_run.block in taken else sealed_run.block,
        "state": "pending",
        "attempt": sealed_run.key.attempt,
        "tries": 0,
        "message": "",
    }


def _attempt_row(sealed_run: SealedRun, now: float) -> dict[str, Any]:
    return {
        "run_id": sealed_run.key.run_id,
        "attempt": sealed_run.key.attempt,
        "device_id": sealed_run.configuration.device_id,
        "session_id": "",
        "state": "ended",
        "granted_unix_s": now,
        "ended_unix_s": now,
        "phase": "",
        "iterations": 0,
        "ok": True,
        "message": "",
        "chunks_json": "{}",
        "facts_json": sealed_run.facts_json,
    }
