"""`paretofleet-agent doctor`: what is well here, what is wrong, and the fix. Nothing is changed."""

from __future__ import annotations

import os
import platform
import socket
import sqlite3
import time
from pathlib import Path
from typing import Iterator, NamedTuple

from paretofleet_agent import __version__, terminal
from paretofleet_agent.config import MB, UNIX, Config
from paretofleet_agent.device import host_lock
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import HomeError
from paretofleet_agent.files import free_bytes
from paretofleet_agent.uplink import credentials, identity, model_room, spool, spool_file, tls_probe

#: Less than this may not hold a run's samples.
ROOM_BYTES = 32 << 20
#: 2024-01-01: what is older is the time of a clock that nobody has set.
EARLIEST_UNIX_S = 1_704_067_200.0
ANSWER_S = 3.0


class Finding(NamedTuple):
    """The subject, whether it is well, what there is or is wrong, and the fix, empty where it is well."""

    subject: str
    is_well: bool
    finding: str
    fix: str = ""


def examine(config: Config, device: DeviceUnderTest, now: float | None = None) -> list[Finding]:
    """What is found of the agent that `config` describes and of its `device`.

    `now` is in seconds since 1970, None for the clock's.
    """
    findings = [_versions(), *_home(config.home), *_spool(config.home)]
    findings += [
        _models(config),
        _clock(time.time() if now is None else now),
        *(_collector(config, address) for address in config.collector.split(",")),
        _lock(config),
    ]
    return [*findings, *_device(device)]


def describe(findings: list[Finding], width: int | None = None) -> str:
    """The `findings` in lines for people, what is wrong with its fix; of at most `width` columns, None folds
    nothing.
    """
    lines = []
    for each in findings:
        fix = f"; {each.fix}" if each.fix else ""
        head = f"{'ok' if each.is_well else 'wrong':<6} {each.subject:<10} "
        lines += terminal.hung(head, f"{each.finding}{fix}", width)
    return "\n".join(lines)


def _versions() -> Finding:
    sqlite = sqlite3.sqlite_version
    text = f"paretofleet-agent {__version__}, Python {platform.python_version()}, SQLite {sqlite}"
    return Finding("versions", True, f"{text}, kernel {platform.release()}")


def _home(home: Path) -> Iterator[Finding]:
    """The folder: whose it is, who may look into it, whether it takes writes, and how much room there is."""
    if not home.is_dir():
        yield Finding("home", True, f"{home} is not there yet; `paretofleet-agent run` makes it")
        return
    facts = home.stat()
    if facts.st_uid != os.geteuid():
        yield Finding(
            "home", False, f"{home} belongs to another user", "run this, and the agent, as that user"
        )
    elif not os.access(str(home), os.W_OK) or os.statvfs(str(home)).f_flag & os.ST_RDONLY:
        yield Finding("home", False, f"{home} cannot be written", "mend its rights, or choose another --home")
    elif facts.st_mode & 0o077:
        yield Finding("home", False, f"other users can look into {home}", f"run `chmod 700 {home}`")
    else:
        holder = identity.holder(home)
        runs = "no agent runs here" if holder is None else f"its agent runs as process {holder}"
        yield Finding("home", True, f"{home} is its user's alone; {runs}")
    free = free_bytes(home)
    if free is not None:
        is_well, text = free >= ROOM_BYTES, f"{free / 1e6:.0f} MB are free"
        fix = (
            ""
            if is_well
            else f"free some space: nothing is measured with less than {ROOM_BYTES / 1e6:.0f} MB"
        )
        yield Finding("disk", is_well, text, fix)


def _spool(home: Path) -> Iterator[Finding]:
    try:
        identity.read(home)
    except HomeError as error:
        yield Finding("identity", False, str(error))
    try:
        held = spool.peek(home)
    except (sqlite3.Error, HomeError) as error:
        yield Finding(
            "spool", False, str(error), "start the agent: it sets a damaged spool aside and goes on"
        )
    else:
        waiting = 0 if held is None else held.attempts
        yield Finding("spool", True, f"{waiting} attempts wait to be sent")
    for name in spool_file.damaged_spools(home):
        yield Finding("spool", True, f"{name} was damaged and set aside; its attempts ran again")


def _models(config: Config) -> Finding:
    stored, most = model_room.stored(config.home), config.models_max_bytes // MB
    return Finding(
        "models", True, f"{stored.files} files take {stored.size_bytes / MB:.0f} of at most {most} MB"
    )


def _clock(now: float) -> Finding:
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < EARLIEST_UNIX_S:
        return Finding(
            "clock", False, f"it says {at}", "set it, or let it be set by NTP: certificates expire"
        )
    return Finding("clock", True, f"it says {at}")


def _collector(config: Config, address: str) -> Finding:
    """Whether anybody answers at a collector's address, and with which identity."""
    fix = f"start the collector, open the tunnel, or name another by --collector (now {address})"
    try:
        if address.startswith(UNIX):
            with socket.socket(socket.AF_UNIX) as plain:
                plain.settimeout(ANSWER_S)
                plain.connect(address[len(UNIX) :])
        else:
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except OSError as error:
        return Finding("collector", False, f"nobody answers at {address} ({error.strerror or error})", fix)
    if not address.startswith(UNIX):
        try:
            why = tls_probe.diagnosis(address, credentials.load(config.home))
        except HomeError as error:
            why = error
        if why is not None:
            return Finding("collector", False, str(why))
    return Finding("collector", True, f"somebody answers at {address}")


def _lock(config: Config) -> Finding:
    path = (config.lock_dir or host_lock.default_folder()) / host_lock.FILE
    if not (os.access(str(path), os.R_OK) or os.access(str(path.parent), os.W_OK)):
        fix = "mend its rights, or name another folder: [host] lock_dir in agent.ini"
        return Finding("host lock", False, f"{path} cannot be opened", fix)
    return Finding("host lock", True, f"one agent at a time measures, by {path}")


def _device(device: DeviceUnderTest) -> Iterator[Finding]:
    """Runtimes, and power sources that are there and refused."""
    runtimes = [f"{each.name} {each.version}" for each in device.inventory.runtimes]
    if runtimes:
        yield Finding("runtimes", True, ", ".join(runtimes))
    else:
        fix = "install one, as with `pip install onnxruntime`; `paretofleet-agent probe` says what each lacks"
        yield Finding("runtimes", False, "there is none, so nothing can be measured", fix)
    for absent in device.absent:
        if absent.refused:
            yield Finding("power", False, f"{absent.name}: {absent.why}", absent.fix or "")
    rails = [f"{each.source}/{each.rail}" for each in device.inventory.sensors]
    if rails:
        yield Finding("power", True, ", ".join(rails))
    elif not any(absent.refused for absent in device.absent):
        yield Finding("power", True, "no source, so runs have no energy; `paretofleet-agent probe` says why")
