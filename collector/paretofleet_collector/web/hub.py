"""What tabs watch: a view is made at most once a second for all of them, and each gets what has changed.

A tab that is slow misses nothing: it gets the sum of what changed since what it saw last.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.service.context import Context
from paretofleet_collector.web.fragments import Fragments, Versions

#: A view is made no more often than this, and at least so often while somebody watches.
MADE_MIN_S = 0.8
MADE_MAX_S = 2.0
#: Of a view that takes long to make, no more than one part in so many goes into making it.
MADE_SHARE = 5.0
#: A quiet stream says so often that it is there.
QUIET_S = 15.0
#: Tabs that may watch at once.
TABS_MAX = 500
Maker = Callable[[], Awaitable[Fragments]]
_log = logging.getLogger(__name__)


class View:
    """A view and who watches it."""

    def __init__(self, context: Context, make: Maker, epoch: str) -> None:
        self._context = context
        self._make = make
        #: What its versions count from.
        self.epoch = epoch
        self._versions = Versions()
        #: Of the version `_encoded_of` the events, by the version that a tab saw before.
        self._encoded: dict[int, bytes] = {}
        self._encoded_of = 0
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        #: Why it can be shown no more, empty while it can.
        self.gone = ""

    @property
    def is_watched(self) -> bool:
        """Whether a tab watches it."""
        return self._watchers > 0

    async def current(self) -> tuple[Fragments, int]:
        """The view as it is, and its version; made anew where nobody watches it. Raises CollectorError."""
        if not self.is_watched or not self._versions.number:
            self._versions.publish(await self._make())
        return self._versions.newest, self._versions.number

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keeps the view fresh while the block runs."""
        self._watchers += 1
        if self._watchers == 1:
            self._task = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._stop()

    async def close(self) -> None:
        """Makes nothing more; returns once what is being made has ended."""
        self._stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def after(self, number: int) -> tuple[bytes, int]:
        """The event with what has changed after version `number`, and the version now.

        No bytes after QUIET_S seconds without a change.
        """
        async with self._news:
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._news.wait_for(lambda: self.gone or self._versions.number != number), QUIET_S
                )
        return self._event_since(number), self._versions.number

    def _event_since(self, number: int) -> bytes:
        """What tabs are given that have seen version `number`: made once for all of them."""
        version = self._versions.number
        if self._encoded_of != version:
            self._encoded_of, self._encoded = version, {}
        if number not in self._encoded:
            parts = self._versions.since(number)
            self._encoded[number] = _event("parts", {"version": version, "parts": parts}) if parts else b""
        return self._encoded[number]

    async def _keep_fresh(self) -> None:
        changed = self._context.changes.subscribe()
        try:
            while self.is_watched and not self.gone:
                changed.clear()
                started = time.monotonic()
                await self._make_once()
                await asyncio.sleep(max(MADE_MIN_S, MADE_SHARE * (time.monotonic() - started)))
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), MADE_MAX_S)
        finally:
            self._context.changes.unsubscribe(changed)

    async def _make_once(self) -> None:
        try:
            is_new = self._versions.publish(await self._make())
        except NotFound as error:
            self.gone, is_new = str(error), True
        except CollectorError as error:
            _log.warning("the live page is as it was: %s", error)
            return
        except Exception:  # noqa: BLE001 - the next view must be made
            _log.exception("a view of the live page could not be made")
            return
        if is_new:
            async with self._news:
                self._news.notify_all()


class Hub:
    """Every view that tabs watch, by its key."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._views: dict[tuple[str, ...], View] = {}
        self._tabs = 0
        self._made = 0
        self._start = secrets.token_hex(4)

    def view(self, key: tuple[str, ...], make: Maker) -> View:
        """The view with this `key`, which `make` makes; views that nobody watches are forgotten."""
        if key not in self._views:
            self._views = {each: view for each, view in self._views.items() if view.is_watched}
        if key not in self._views or self._views[key].gone:
            self._made += 1
            self._views[key] = View(self._context, make, f"{self._start}.{self._made}")
        return self._views[key]

    async def close(self) -> None:
        """Ends every view: their tasks would outlive the loop of a collector that stops."""
        for view in list(self._views.values()):
            await view.close()

    async def events(
        self, view: View, epoch: str, number: int, check: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[bytes]:
        """The stream of a tab that has seen version `number` of an `epoch` of `view`, as server-sent events.

        `check` raises CollectorError once the tab may watch no more.
        """
        if self._tabs >= TABS_MAX:
            yield _event("refused", {"why": f"{TABS_MAX} tabs watch already; close some."})
            return
        self._tabs += 1
        seen = number if epoch == view.epoch else -1
        is_restarted = bool(epoch) and not epoch.startswith(f"{self._start}.")
        try:
            async with view.watched():
                yield _event("hello", {"epoch": view.epoch, "restarted": is_restarted})
                while True:
                    event, seen = await view.after(seen)
                    if view.gone:
                        yield _event("gone", {"why": view.gone})
                        return
                    try:
                        await check()
                    except CollectorError as error:
                        yield _event("refused", {"why": str(error)})
                        return
                    yield event or b": quiet\n\n"
        finally:
            self._tabs -= 1


def _event(name: str, values: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(values, separators=(',', ':'))}\n\n".encode()
