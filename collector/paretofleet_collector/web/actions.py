"""What can be done from the page: each calls what the command calls, and says which command that is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from paretofleet_collector.service import devices, queues, submission, sweeps
from paretofleet_collector.web import rendering
from paretofleet_collector.web.site import Site, check_may


async def _cancel(site: Site, request: Request) -> Response:
    """Cancels what has not ended of a sweep."""
    name = await _own_sweep(site, request, "CancelSweep")
    view = await sweeps.cancel(site.context, name)
    return _done(f"{view.name} is cancelled.", "sweep", "cancel", view.name)


async def _pause_sweep(site: Site, request: Request) -> Response:
    """Has nothing further of a sweep begun."""
    name = await _own_sweep(site, request, "PauseSweep")
    view = await sweeps.pause(site.context, name, check_may(request, "PauseSweep").subject)
    return _done(f"{view.name} is paused; what runs is finished.", "sweep", "pause", view.name)


async def _resume_sweep(site: Site, request: Request) -> Response:
    """Lets a paused sweep go on."""
    name = await _own_sweep(site, request, "ResumeSweep")
    view = await sweeps.resume(site.context, name)
    return _done(f"{view.name} goes on.", "sweep", "resume", view.name)


async def _retry(site: Site, request: Request) -> Response:
    """Takes up again what failed, was skipped or cancelled."""
    name = await _own_sweep(site, request, "RetrySweep")
    view = await sweeps.retry(site.context, name)
    return _done(f"What failed in {view.name} runs again.", "sweep", "retry", view.name)


async def _skip(site: Site, request: Request) -> Response:
    """Skips what a device has left of a sweep."""
    name = await _own_sweep(site, request, "SkipSweep")
    device = request.path_params["device"]
    view = await sweeps.skip(site.context, name, device)
    return _done(f"{device} leaves {view.name}.", "sweep", "skip", view.name, "--device", device)


async def _prioritise(site: Site, request: Request) -> Response:
    """Puts a sweep before the others of its devices."""
    check_may(request, "PrioritiseSweeps")
    name = request.path_params["sweep"]
    shown = (await sweeps.show(site.context, name)).sweep.name
    await queues.prioritise(site.context, (name,))
    return _done(f"{shown} comes first.", "sweep", "prioritise", shown)


async def _pause(site: Site, request: Request) -> Response:
    """Lets a device finish its run and begin no other."""
    return await _change(site, request, "pause", "is paused")


async def _resume(site: Site, request: Request) -> Response:
    """Lets a paused device go on."""
    return await _change(site, request, "resume", "goes on")


async def _change(site: Site, request: Request, action: str, done: str) -> Response:
    check_may(request, "ChangeDevice")
    view = await devices.change_device(site.context, request.path_params["device"], action, {})
    values = {"device": view, "may_change": True, "is_swapped": True}
    # The fleet's row comes by its stream; the device's own page has none.
    is_its_page = "/devices/" in request.headers.get("hx-current-url", "")
    beside = rendering.render("device_actions.html", values) if is_its_page else ""
    return _done(f"{view.name} {done}.", "devices", action, view.name, beside=beside)


async def _own_sweep(site: Site, request: Request, method: str) -> str:
    """The id of the sweep that a request is about, if who makes it may change it; raises SessionRefused."""
    peer = check_may(request, method)
    return await submission.check_submitter(site.context, peer, request.path_params["sweep"])


def _done(sentence: str, *command: str, beside: str = "") -> Response:
    """A notice with the command that does the same, and `beside` it other HTML that the page swaps in."""
    values = {"sentence": sentence, "typed": rendering.command(*command), "is_refusal": False}
    return Response(rendering.render("notice.html", values) + beside, media_type="text/html")


#: Every action, by its address.
ACTIONS: dict[str, Callable[[Site, Request], Awaitable[Response]]] = {
    "/sweeps/{sweep}/cancel": _cancel,
    "/sweeps/{sweep}/pause": _pause_sweep,
    "/sweeps/{sweep}/resume": _resume_sweep,
    "/sweeps/{sweep}/retry": _retry,
    "/sweeps/{sweep}/skip/{device}": _skip,
    "/sweeps/{sweep}/prioritise": _prioritise,
    "/devices/{device}/pause": _pause,
    "/devices/{device}/resume": _resume,
}
