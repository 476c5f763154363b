"""The addresses of the live page, and what a refusal is."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import PurePosixPath

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from paretofleet_collector.errors import (
    CollectorError,
    NotFound,
    Refused,
    SessionRefused,
    StorageUnavailable,
)
from paretofleet_collector.identity.page_sessions import SESSION_S, PageDoor
from paretofleet_collector.service import page_access
from paretofleet_collector.service.context import Context
from paretofleet_collector.web import actions, rendering, views
from paretofleet_collector.web.doorway import Doorway, cookie_name
from paretofleet_collector.web.frame import frame
from paretofleet_collector.web.site import Site

_STATUSES: tuple[tuple[type[CollectorError], int], ...] = (
    (NotFound, 404),
    (Refused, 409),
    (StorageUnavailable, 503),
    (CollectorError, 500),
)
#: A link's token is shorter.
_TOKEN_MAX = 100
_log = logging.getLogger(__name__)
Handler = Callable[[Site, Request], Awaitable[Response]]


def application(site: Site, door: PageDoor) -> ASGIApp:
    """The live page of a `site`, behind its `door`."""
    context = site.context

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(path, partial(handler, site), methods=[method])

    routes = [
        Route("/assets/{name}", _asset),
        Route("/session", partial(_begin, context, door), methods=["POST"]),
        route("/session/end", _end, "POST"),
        *(route(path, handler) for path, handler in views.PAGES.items()),
        *(route(path, handler, "POST") for path, handler in actions.ACTIONS.items()),
    ]
    handlers: Mapping[type[Exception] | int, Callable[[Request, Exception], Response]] = {
        CollectorError: _refused,
        HTTPException: _refused,
        Exception: _failed,
    }
    return Doorway(Starlette(routes=routes, exception_handlers=dict(handlers)), context, door)


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    contents = rendering.assets().get(name)
    if contents is None and name == rendering.VEGA and rendering.vega_url():
        contents = await run_in_threadpool(rendering.vega)
    kind = rendering.KINDS.get(PurePosixPath(name).suffix)
    if contents is None or kind is None:
        return PlainTextResponse("There is no such file.\n", 404)
    # Its address has its content's hash.
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(contents, media_type=kind, headers=headers)


async def _begin(context: Context, door: PageDoor, request: Request) -> Response:
    """Takes the token of a link for a session, which the browser keeps in a cookie that no script reads."""
    token = (await request.body()).decode("ascii", errors="replace")[:_TOKEN_MAX]
    try:
        text = page_access.sign_in(context, door, token)
    except SessionRefused as error:
        return PlainTextResponse(str(error), 401)
    reply = PlainTextResponse("")
    reply.set_cookie(cookie_name(context), text, max_age=int(SESSION_S), httponly=True, samesite="strict")
    return reply


async def _end(site: Site, _: Request) -> Response:
    reply = PlainTextResponse("", headers={"hx-redirect": "/"})
    reply.delete_cookie(cookie_name(site.context), httponly=True, samesite="strict")
    return reply


def _refused(request: Request, error: Exception) -> Response:
    """What is said of an error: a page to who wanted one, else a sentence."""
    if isinstance(error, SessionRefused):
        status = 401 if error.why == "unidentified" else 403
    elif isinstance(error, HTTPException):
        status = error.status_code
    else:
        status = next((code for kind, code in _STATUSES if isinstance(error, kind)), 500)
    sentence = "There is no such page." if isinstance(error, HTTPException) else str(error)
    if "hx-request" in request.headers:
        return Response(rendering.render("notice.html", {"sentence": sentence, "is_refusal": True}), status)
    if "text/html" in request.headers.get("accept", ""):
        values = {"sentence": sentence, **frame(request)}
        return Response(rendering.render("refused.html", values), status, media_type="text/html")
    return PlainTextResponse(sentence + "\n", status)


def _failed(request: Request, error: Exception) -> Response:
    _log.error("the live page failed at %s", request.url.path, exc_info=error)
    return PlainTextResponse("The live page failed inside; the collector's log says how.\n", 500)
