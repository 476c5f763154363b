"""Who this agent is: a random id made once, a number that grows at every start, a lock on the home."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Iterator

from paretofleet_agent.errors import HomeError
from paretofleet_agent.files import private_folder, try_lock, write_atomically
from paretofleet_agent.uplink.machine import machine_of


@dataclass(frozen=True)
class Identity:
    """`device_id` lasts with the home, `instance` grows at every start, `session_id` is of this start.

    `machine` tells machine and home from a copy; empty where nobody can tell. `uploads_only`: it opens no
    session.
    """

    device_id: str
    instance: int
    session_id: str
    boot_id: str
    machine: str = ""
    uploads_only: bool = False


def carried(device_id: str) -> Identity:
    """Who speaks for the spool of `device_id` that was carried by hand: it only uploads."""
    return Identity(device_id, 0, uuid.uuid4().hex, "", uploads_only=True)


def start(home: Path, boot_id: str) -> Identity:
    """Counts one more start of the agent in `home`, durably, and says who it is in the boot `boot_id`.

    Raises HomeError when identity.json is damaged or cannot be written.
    """
    stored = read(home) or {"device_id": uuid.uuid4().hex, "instance": 0}
    device_id, instance = str(stored["device_id"]), int(stored["instance"]) + 1
    _write(home, device_id, instance)
    return Identity(device_id, instance, uuid.uuid4().hex, boot_id, machine_of(home, device_id))


def ensure(home: Path) -> str:
    """The device id of the agent in `home`, made if need be. Raises HomeError."""
    stored = read(home)
    if stored is None:
        stored = {"device_id": uuid.uuid4().hex, "instance": 0}
        _write(home, stored["device_id"], 0)
    return str(stored["device_id"])


def take_over(home: Path, device_id: str) -> None:
    """Makes the agent in `home`, which does not run, the device `device_id`. Raises HomeError."""
    stored = read(home)
    _write(home, device_id, 0 if stored is None else int(stored["instance"]))


def adopt(home: Path, identity: Identity, device_id: str) -> Identity:
    """Makes the agent in `home` the device `device_id` from now on, durably; `identity` is who it was.

    The collector says so where this agent takes the place of a device that was reset. Raises HomeError.
    """
    _write(home, device_id, identity.instance)
    return replace(identity, device_id=device_id, machine=machine_of(home, device_id))


def _write(home: Path, device_id: str, instance: int) -> None:
    path = home / "identity.json"
    try:
        write_atomically(path, json.dumps({"device_id": device_id, "instance": instance}) + "\n")
    except OSError as error:
        raise HomeError(
            f"{path} cannot be written ({error.strerror}): free some space or mend its rights."
        ) from error


def read(home: Path) -> dict[str, Any] | None:
    """`device_id` and `instance` from identity.json in `home`; None before the first start.

    Raises HomeError when the file is damaged or cannot be read.
    """
    path = home / "identity.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        device_id, instance = stored["device_id"], stored["instance"]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{path} cannot be read ({error.strerror}): mend its rights.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if not (isinstance(device_id, str) and device_id and isinstance(instance, int)):
        raise _damaged(path)
    return {"device_id": device_id, "instance": instance}


def _damaged(path: Path) -> HomeError:
    return HomeError(
        f"{path} is damaged: put its copy back, or remove it and run `paretofleet devices reset NAME` "
        "where the collector is, so that this device is known again."
    )


@contextlib.contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Holds `home`, made if need be, for one agent. Raises HomeError when another has it."""
    path = home / "lock"
    try:
        private_folder(home)
        descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise HomeError(
            f"The agent's home {home} cannot be used ({error.strerror}): choose another with --home DIR."
        ) from error
    try:
        if not try_lock(descriptor):
            raise HomeError(
                f"The agent with process id {holder(home) or 'unknown'} uses {home} already: "
                "stop it, or give this one a folder of its own with --home DIR."
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def holder(home: Path) -> int | None:
    """The process id of the agent that holds `home`; None when none does."""
    try:
        descriptor = os.open(str(home / "lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if try_lock(descriptor):
            return None
        text = os.read(descriptor, 32).decode("ascii", "replace")
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)
