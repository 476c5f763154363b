"""A worker process for many tests: starting one computes for two seconds, far longer than a test."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future
from functools import cache
from typing import Any

from paretofleet_collector.jobs.worker import Worker

#: Each takes 200 MB, and every test may have variables of its own.
KEPT_MAX = 2
_WORKERS: dict[frozenset[tuple[str, str]], Worker] = {}


class KeptWorker(Worker):
    """What a collector has for its worker, over a process that stays when the test ends."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: list[tuple[Worker, Future[Any]]] = []

    async def run(self, kind: str, **arguments: Any) -> Any:
        kept = _kept(_variables())
        job = asyncio.run_coroutine_threadsafe(kept.run(kind, **arguments), _loop())
        self._asked.append((kept, job))
        return await asyncio.shield(asyncio.wrap_future(job))

    async def close(self) -> None:
        """Ends the process only where it still works for this test."""
        for kept in {id(each): each for each, job in self._asked if not job.done()}.values():
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(kept.close(), _loop()))
        self._asked.clear()


def _variables() -> frozenset[tuple[str, str]]:
    """What a process inherits that a test may have changed, such as the credentials of an object store."""
    return frozenset(each for each in os.environ.items() if each[0] != "PYTEST_CURRENT_TEST")


def _kept(variables: frozenset[tuple[str, str]]) -> Worker:
    """The worker for those variables; where they are new, the one that was idle for longest is ended."""
    worker = _WORKERS.pop(variables, None) or Worker()
    while len(_WORKERS) >= KEPT_MAX:
        idle = _WORKERS.pop(next(iter(_WORKERS)))
        asyncio.run_coroutine_threadsafe(idle.close(), _loop()).result()
    _WORKERS[variables] = worker
    return worker


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """A loop of its own, for each test has another; its thread lives as long as the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
