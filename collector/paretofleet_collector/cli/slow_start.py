"""How long a process may take to start: as long as it works, with a sentence, up to a harder limit."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import duration
from paretofleet_collector.errors import CollectorError

#: Seconds without processor time after which a process is given up, and seconds in all.
IDLE_S, MOST_S = 60.0, 900.0
#: Seconds between two looks at the processes.
_LOOK_S = 1.0


class SlowStart:
    """Waits for a process `name` to do what it `lacks`, as in "does not listen"; it may take minutes.

    The process leads a session (`pid` is the session's), so that those it starts count, too.
    """

    def __init__(self, name: str, pid: int, lacks: str) -> None:
        self._name, self._pid, self._lacks = name, pid, lacks
        self._since = self._worked = self._looked = time.monotonic()
        self._processor_s = processor_s(pid)
        self._is_said = False

    def check(self) -> None:
        """Says once that it takes long; raises CollectorError where it works no more, or too long."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        spent = processor_s(self._pid)
        if spent != self._processor_s:
            self._processor_s, self._worked = spent, now
        if now - self._since > MOST_S:
            raise CollectorError(f"The {self._name} works for {duration(MOST_S)} and {self._lacks} yet.")
        if now - self._worked > IDLE_S:
            raise CollectorError(
                f"The {self._name} has done nothing for {duration(IDLE_S)} and {self._lacks}."
            )
        if now - self._since > IDLE_S and not self._is_said:
            self._is_said = True
            notify(
                f"the {self._name} still starts after {duration(IDLE_S)}: this machine is busy; it is waited "
                f"for while it works, {duration(MOST_S)} at most"
            )


def processor_s(session: int) -> float:
    """Seconds of processor time that the processes of a `session` have used, ended children with them."""
    ticks = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                words = (Path(entry.path) / "stat").read_text(errors="replace").rpartition(")")[2].split()
                # behind the name: state, parent, group, session; 11 to 14: user, system, of ended children
                ticks += sum(map(int, words[11:15])) if int(words[3]) == session else 0
    return ticks / os.sysconf("SC_CLK_TCK")
