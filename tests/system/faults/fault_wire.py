"""A cable between an agent and the machine that loses, delays, doubles and reorders packets, or is pulled.

Two TUN devices, one of them in a network namespace of the agent's, and a thread between them: what `tc netem`
does, on kernels that have it not.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time

from cable_addresses import ENDS, cable_addresses

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET = 65_536
_numbers = itertools.count()


@functools.cache
def why_no_wire() -> str:
    """Why no cable can be made here; empty where it can."""
    if os.geteuid() != 0:
        return "it makes networks, which needs root"
    try:
        Wire(random.Random(0)).close()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespaces with TUN devices here ({error})"
    return ""


class Wire:
    """A cable whose troubles can be changed at any time; by `chance`, which draws them.

    `loss` and `twice`: the parts of all packets that never come, and that come twice. `delay_s`, and up to
    `jitter_s` more, which also changes their order. `is_pulled`: nothing passes, and nobody is told.
    """

    def __init__(self, chance: random.Random) -> None:
        number = next(_numbers)
        self._chance = chance
        self.loss = self.twice = self.delay_s = self.jitter_s = 0.0
        self.is_pulled = False
        self.passed = self.lost = 0
        self.namespace = f"pfw-{os.getpid()}-{number}"
        self.gateway, other = cable_addresses()
        here, there = (f"pfw{os.getpid() % 1_000_000}{end}{number}" for end in "ab")
        self._ends: list[int] = []
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        try:
            _ip("netns", "add", self.namespace)
            self._ends = [_tun(here), _tun(there)]
            _ip("link", "set", there, "netns", self.namespace)
            _ip("addr", "add", f"{self.gateway}/{ENDS}", "dev", here)
            _ip("link", "set", here, "up")
            _ip("-n", self.namespace, "addr", "add", f"{other}/{ENDS}", "dev", there)
            _ip("-n", self.namespace, "link", "set", there, "up")
            _ip("-n", self.namespace, "link", "set", "lo", "up")
            self._thread.start()
        except BaseException:
            self.close()
            raise

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command that runs at the far end; it becomes the command."""
        return ("ip", "netns", "exec", self.namespace)

    def heal(self) -> None:
        """Loses nothing any more."""
        self.loss = self.twice = self.delay_s = self.jitter_s = 0.0
        self.is_pulled = False

    def close(self) -> None:
        """Takes the cable and the namespace away; does nothing the second time."""
        if not self._wake:
            return
        os.close(self._wake)
        self._wake = 0
        if self._thread.ident is not None:
            self._thread.join()
        os.close(self._stop)
        for end in self._ends:
            os.close(end)
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True, check=False)

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        order = itertools.count()
        other = {self._ends[0]: self._ends[1], self._ends[1]: self._ends[0]}
        while True:
            left_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            ready, _, _ = select.select([*self._ends, self._stop], [], [], left_s)
            if self._stop in ready:
                return
            for end in ready:
                packet = os.read(end, PACKET)
                for _ in range(self._copies()):
                    due_s = time.monotonic() + self.delay_s + self.jitter_s * self._chance.random()
                    heapq.heappush(waiting, (due_s, next(order), other[end], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(waiting)
                # A device whose namespace is being taken away takes none.
                with contextlib.suppress(OSError):
                    os.write(end, packet)

    def _copies(self) -> int:
        if self.is_pulled or self._chance.random() < self.loss:
            self.lost += 1
            return 0
        self.passed += 1
        return 2 if self._chance.random() < self.twice else 1


def _tun(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
