"""What the doctor finds around a collector: versions, its folder's rights, its addresses, the clock."""

from __future__ import annotations

import datetime as dt
import os
import platform
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from paretofleet_collector import __version__
from paretofleet_collector.config import SOCKET_ONLY, Config, socket_path
from paretofleet_collector.errors import Refused
from paretofleet_collector.service import home

#: What is older than this project is the time of a clock that nobody has set.
EARLIEST_UNIX_S = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp()
#: A clock behind the latest time that was seen by more than this was set back.
SET_BACK_S = 300.0
ANSWER_S = 2.0


@dataclass(frozen=True)
class Finding:
    """The subject, whether it is well, and the sentence that says what is wrong or what there is."""

    subject: str
    is_well: bool
    sentence: str


def findings(config: Config, latest_unix_s: float, now: float | None = None) -> Iterator[Finding]:
    """What is found around the collector that `config` describes.

    `latest_unix_s`: the latest time that it ever saw, and `now`, both in seconds since 1970; None for the
    clock's.
    """
    versions = (
        f"paretofleet {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    yield Finding("versions", True, versions)
    yield _rights(config.home)
    yield _clock(latest_unix_s, time.time() if now is None else now)
    yield _addresses(config)


def _rights(folder: Path) -> Finding:
    facts = folder.stat()
    if facts.st_uid != os.geteuid():
        return Finding("rights", False, f"{folder} belongs to another user; run this as that user")
    if facts.st_mode & 0o077:
        return Finding("rights", False, f"other users can look into {folder}; run `chmod 700 {folder}`")
    return Finding("rights", True, f"{folder} is its user's alone")


def _clock(latest_unix_s: float, now: float) -> Finding:
    at = f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
    if now < EARLIEST_UNIX_S:
        return Finding("clock", False, f"it says {at}; set it, or let it be set by NTP")
    if latest_unix_s - now > SET_BACK_S:
        behind = f"{(latest_unix_s - now) / 60:.0f} min behind the latest time that the collector saw"
        fix = "set it right, or run `collector doctor --forget-clock` if it was ahead then"
        return Finding("clock", False, f"it says {at}, {behind}; {fix}")
    return Finding("clock", True, f"it says {at}")


def _addresses(config: Config) -> Finding:
    """Whether a collector answers where it should, or could listen there."""
    try:
        with home.hold_home(config.home):
            return _free(config)
    except Refused:
        pass
    path = socket_path(config.home)
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.settimeout(ANSWER_S)
        try:
            probe.connect(str(path))
        except OSError as error:
            why = f"a collector holds this home and does not answer at {path} ({error.strerror or error})"
            return Finding("addresses", False, f"{why}; look at `paretofleet logs`, then start it again")
    return Finding("addresses", True, f"a collector answers at {path}")


def _free(config: Config) -> Finding:
    if config.listen == SOCKET_ONLY:
        return Finding("addresses", True, "no collector runs here")
    try:
        address = home.checked_address(config.listen, has_identity=True)
        if address is not None:
            home.check_free(*address)
    except Refused as error:
        return Finding("addresses", False, f"no collector runs here, and none could: {error}")
    return Finding("addresses", True, f"no collector runs here, and {config.listen} is free")
