"""What every handler of the page works with."""

from __future__ import annotations

from starlette.requests import Request

from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.identity import peers
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.frontiers import Frontiers
from paretofleet_collector.service.overview import Overview
from paretofleet_collector.service.run_details import SampleReader
from paretofleet_collector.web.doorway import session_of
from paretofleet_collector.web.hub import Hub


class Site:
    """A collector's page: what it shows is made once for all who watch it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.hub = Hub(context)
        self.overview = Overview(context)
        self.frontiers = Frontiers(context)
        self.reader = SampleReader(context)


def check_may(request: Request, method: str) -> Peer:
    """Who makes a `request`; raises SessionRefused unless they may call `method` of the control service."""
    peer = session_of(request).peer
    peers.check_role(peer, "Control", method)
    return peer


def may(request: Request, method: str) -> bool:
    """Whether who makes a `request` may call `method` of the control service."""
    try:
        check_may(request, method)
    except SessionRefused:
        return False
    return True
