"""Reboots the device by its owner's command."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from typing import Any, Sequence

log = logging.getLogger(__name__)

#: A command that takes longer has failed.
COMMAND_S = 60.0
#: Then the device has so long to go down; the collector waits as long for another boot.
DOWN_S = 600.0
SLICE_S = 0.1


def reboot(command: Sequence[str], down_s: float = DOWN_S) -> bool:
    """Runs the `command` and waits `down_s` seconds to be ended; False when the device stays up.

    Nothing may be open that a reboot would harm.
    """
    signals: list[int] = []

    def handle(number: int, _frame: Any) -> None:
        signals.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        why = _run(command)
        if why:
            log.error("The device was not rebooted: %s: the blocks go on within this boot.", why)
            return bool(signals)
        log.info("rebooting")
        until = time.monotonic() + down_s
        while not signals and time.monotonic() < until:
            time.sleep(SLICE_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not signals:
        log.error("The device did not go down within %g s: the blocks go on within this boot.", down_s)
    return bool(signals)


def _run(command: Sequence[str]) -> str:
    """Runs the command; why it failed, or nothing."""
    line = " ".join(command)
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{line}` failed ({getattr(error, 'strerror', None) or 'it took too long'})"
    output = " ".join(done.stdout.decode(errors="replace").split())[:200]
    return f"`{line}` ended with {done.returncode} ({output})" if done.returncode else ""
