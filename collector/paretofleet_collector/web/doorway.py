"""Who is let in: the host that was asked for, the session, the form's token; and what every answer says.

It stands before every route, as plain ASGI, so that streams pass through it as they are.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.identity import page_sessions
from paretofleet_collector.identity.page_sessions import PageDoor, PageSession
from paretofleet_collector.service import page_access
from paretofleet_collector.service.context import Context
from paretofleet_collector.web import rendering

FORM_HEADER = "x-form-token"
#: A form holds a name or two.
BODY_BYTES_MAX = 16_384
#: What needs no session: files of ours, and the exchange of a link for one.
_OPEN = ("/assets/", "/session")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Doorway:
    """Lets in who has a session, to the application behind it."""

    def __init__(self, application: ASGIApp, context: Context, door: PageDoor) -> None:
        self._application = application
        self._context = context
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        request = Request(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = _refusal(request) or await self._without_session(request)
        await (refusal or self._application)(scope, receive, guarded)

    async def _without_session(self, request: Request) -> Response | None:
        """What is answered in place of the application where no session lets the request in."""
        if request.url.path.startswith(_OPEN):
            return None
        try:
            text = request.cookies.get(cookie_name(self._context), "")
            session = await page_access.check_session(self._context, self._door, text)
        except SessionRefused as error:
            return _sign_in(request, str(error) if text else "")
        token = page_sessions.form_token(session, self._door.key)
        if request.method not in ("GET", "HEAD"):
            given = request.headers.get(FORM_HEADER, "")
            if not hmac.compare_digest(given.encode(), token.encode()):
                return PlainTextResponse("This form is not of this page; load the page again.", 403)
        request.state.session, request.state.form_token = session, token
        return None


def session_of(request: Request) -> PageSession:
    """The session with which a request was let in."""
    session: PageSession = request.state.session
    return session


def cookie_name(context: Context) -> str:
    """The name of the cookie of `context`: browsers keep one jar for all ports of a host."""
    return f"paretofleet-{context.collector_id[:12]}"


def _refusal(request: Request) -> Response | None:
    """Why a request is answered by nobody: another host's name, another site's form, too much of it."""
    headers = request.headers
    if not _is_this_machine(headers):
        return PlainTextResponse("This address serves no such host.\n", 421)
    if request.method in ("GET", "HEAD"):
        return None
    if request.method != "POST":
        return PlainTextResponse("This address is for GET and POST.\n", 405)
    origin = headers.get("origin")
    is_other = origin is not None and origin.partition("://")[2] != headers.get("host")
    if is_other or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return PlainTextResponse("Forms of other sites are not answered.\n", 403)
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > BODY_BYTES_MAX:
        return PlainTextResponse(f"A form has up to {BODY_BYTES_MAX} bytes, and says how many.\n", 413)
    return None


def _is_this_machine(headers: Headers) -> bool:
    """Whether the host asked for is loopback: a name of another's could be made to point here."""
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.removeprefix("[").removesuffix("]")
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _sign_in(request: Request, why: str) -> Response:
    is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if not is_page:
        return PlainTextResponse(why or "Open the page by a link of `paretofleet open` first.", 401)
    values: dict[str, Any] = {"why": why}
    return Response(rendering.render("sign_in.html", values), media_type="text/html")
