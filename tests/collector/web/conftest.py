"""The page served as it is, in the loop of a rig, and a browser's requests to it."""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from paretofleet_collector.identity.peers import LOCAL, Peer
from paretofleet_collector.service import page_access
from paretofleet_collector.web import page_server
from rig import Rig


@dataclass
class Answer:
    """What a request got."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Browser:
    """A cookie, and requests with the headers that a browser sends."""

    rig: Rig
    address: str
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "text/html"})

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        given = {**self.headers, "Cookie": self.cookie} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.rig.do(asyncio.to_thread(self._ask, path, method, body, given))

    def _ask(self, path: str, method: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            shown = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, shown, reply.read().decode())
        finally:
            connection.close()

    def sign_in(self, peer: Peer | None = None) -> Answer:
        """Opens a link for somebody, by default the local user."""
        _, token = page_access.make_link(self.rig.context, peer or Peer(LOCAL))
        answer = self.ask("/session", "POST", token)
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        return answer

    def form_token(self) -> str:
        found = re.search(r'name="form-token" content="(\w+)"', self.ask("/").text)
        assert found
        return found[1]

    def act(self, path: str, page: str = "/") -> Answer:
        """What a button of a page does."""
        where = {"HX_Current_URL": f"http://{self.address}{page}"}
        return self.ask(path, "POST", "", X_Form_Token=self.form_token(), HX_Request="true", **where)


@pytest.fixture
def browser(rig: Rig) -> Iterator[Browser]:
    serving = page_server.serving(rig.context, "127.0.0.1:0")
    with ExitStack() as stack:
        address: Any = rig.do(serving.__aenter__())
        stack.callback(lambda: rig.do(serving.__aexit__(None, None, None)))
        yield Browser(rig, address)
