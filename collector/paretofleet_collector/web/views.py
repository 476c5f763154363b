"""The pages: each is whole when it is loaded, and goes on by its stream."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from paretofleet_collector.errors import NotFound
from paretofleet_collector.service import page_access, sweeps, watching
from paretofleet_collector.web import details, fleet_view, rendering, sweep_view
from paretofleet_collector.web.doorway import cookie_name
from paretofleet_collector.web.fragments import Fragments
from paretofleet_collector.web.frame import frame
from paretofleet_collector.web.hub import View
from paretofleet_collector.web.site import Site, check_may, may

#: The session behind a stream is looked at at most so often.
CHECK_S = 5.0


async def _fleet(site: Site, request: Request) -> Response:
    """Every device and every sweep."""
    check_may(request, "ListDevices")
    return await _live(site, request, "fleet", "fleet.html", {"title": "Fleet"})


async def _sweep(site: Site, request: Request) -> Response:
    """One sweep."""
    check_may(request, "ShowSweep")
    detail = await sweeps.show(site.context, request.path_params["sweep"])
    devices, rows = sweep_view.matrix(detail.configurations)
    telling, alike = sweep_view.heads(rows)
    values = {
        "title": detail.sweep.name,
        "name": detail.sweep.name,
        "sweep_id": detail.sweep.sweep_id,
        "devices": devices,
        "heads": [sweep_view.HEADS[at] for at in telling],
        "alike": alike,
        "vega": rendering.vega_url(),
        "spec": json.dumps(json.loads(detail.spec_json), indent=2),
    }
    return await _live(site, request, f"sweep/{detail.sweep.sweep_id}", "sweep.html", values)


def _view(site: Site, request: Request, watched: str) -> View:
    """The view that a page watches, as `fleet` or `sweep/ID`; raises NotFound."""
    kind, _, name = watched.partition("/")
    level = "all" if may(request, "PrioritiseSweeps") else "own" if may(request, "CancelSweep") else ""
    earlier: watching.Earlier = {}
    makers: Mapping[str, Callable[[], Awaitable[Fragments]]] = {
        "fleet": lambda: fleet_view.make(site.overview, may_change=level == "all"),
        "sweep": lambda: sweep_view.make(site, name, level, earlier),
    }
    if kind not in makers:
        raise NotFound("There is no such view.")
    check_may(request, "ListDevices")
    return site.hub.view((kind, name, level), makers[kind])


async def _live(
    site: Site, request: Request, watched: str, template: str, values: Mapping[str, Any]
) -> Response:
    view = _view(site, request, watched)
    fragments, version = await view.current()
    whole = fragments.whole()
    shown = {
        **frame(request),
        "watches": watched,
        "epoch": view.epoch,
        "version": version,
        "part": fragments.markup,
        "has": lambda name: name in whole,
        **values,
    }
    html = await run_in_threadpool(rendering.render, template, shown)
    return Response(html, media_type="text/html")


async def _stream(site: Site, request: Request) -> Response:
    """What changes of a view, as server-sent events, while the session counts."""
    view = _view(site, request, request.query_params.get("view", ""))
    text = request.cookies.get(cookie_name(site.context), "")
    door, checked_s = site.context.page_door, time.monotonic()

    async def check() -> None:
        nonlocal checked_s
        if door is not None and time.monotonic() - checked_s > CHECK_S:
            await page_access.check_session(site.context, door, text)
            checked_s = time.monotonic()

    version = request.query_params.get("version", "")
    seen = int(version) if version.isdigit() and len(version) < 10 else -1
    events = site.hub.events(view, request.query_params.get("epoch", ""), seen, check)
    return StreamingResponse(events, media_type="text/event-stream")


async def _why(site: Site, request: Request) -> Response:
    """What a stream would answer: browsers do not show a script why one ended."""
    await _view(site, request, request.query_params.get("view", "")).current()
    return Response("")


#: Every page, by its address.
PAGES: dict[str, Callable[[Site, Request], Awaitable[Response]]] = {
    "/": _fleet,
    "/sweeps/{sweep}": _sweep,
    **details.PAGES,
    "/stream": _stream,
    "/stream/why": _why,
}
