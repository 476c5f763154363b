"""A tab of the live page without a browser: its session, and its stream, read as it comes."""

from __future__ import annotations

import http.client
import sys
import threading

import parts

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm


class Tab(threading.Thread):
    """A stream that is read as it comes."""

    def __init__(self, place: str, cookie: str) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection(place, timeout=60)
        self._cookie = cookie
        self.received = 0

    def run(self) -> None:
        self._connection.request("GET", "/stream?view=fleet", headers={"Cookie": self._cookie})
        reply = self._connection.getresponse()
        while line := reply.readline():
            self.received += len(line)


def signed_in(farm: Farm) -> tuple[str, str]:
    """Where the page is, and the cookie of a browser."""
    place, token = farm.command("open", "--print").strip().removeprefix("http://").split("/#")
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.request("POST", "/session", token)
    return place, connection.getresponse().headers["Set-Cookie"].partition(";")[0]
