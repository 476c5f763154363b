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
    """Runs the command and waits until this process is told to end; False when the device stays up.

    Nothing may be open that a reboot would harm.
    """
    told = []

    def handle(number: int, _frame: Any) -> None:
        told.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        why = _run(command)
        if why:
            log.error("The device was not rebooted: %s: the blocks go on within this boot.", why)
            return bool(told)
        log.info("rebooting")
        until = time.monotonic() + down_s
        while not told and time.monotonic() < until:
            time.sleep(SLICE_S)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if not told:
        log.error("The device did not go down within %g s: the blocks go on within this boot.", down_s)
    return bool(told)


def _run(command: Sequence[str]) -> str:
    """Runs the command; why it failed, or nothing."""
    words = " ".join(command)
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
        return f"`{words}` failed ({getattr(error, 'strerror', None) or 'it took too long'})"
    said = " ".join(done.stdout.decode(errors="replace").split())[:200]
    return f"`{words}` ended with {done.returncode} ({said})" if done.returncode else ""
