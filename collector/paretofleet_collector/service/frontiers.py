"""The frontier of a sweep as it hardens: ranked anew by the worker, at times, while somebody looks at it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.service.context import Context

#: A sweep is ranked no more often than this, and for no more than one part of the time in so many.
AGAIN_S = 20.0
SHARE = 5.0
#: So many sweeps' frontiers are kept.
KEPT_MAX = 20
USE = "realtime"


@dataclass
class _Newest:
    """What a sweep's ranking said, of how many sealed runs, and when it may be made again."""

    sealed_runs: int = -1
    again_s: float = 0.0
    number: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class Frontiers:
    """The newest frontier of each sweep that somebody looks at. Nobody waits for one being made."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: dict[str, _Newest] = {}

    def newest(self, sweep_id: str, sealed_runs: int, *, is_over: bool = False) -> tuple[int, dict[str, Any]]:
        """The number and the newest frontier of `sweep_id`; begins another one where `sealed_runs` differ.

        The number is 0, and the frontier empty, until there is one. The last, of a sweep that `is_over`, does
        not wait.
        """
        kept = self._kept.pop(sweep_id, None) or _Newest()
        self._kept[sweep_id] = kept
        while len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        is_made = kept.task is not None and not kept.task.done()
        if kept.sealed_runs != sealed_runs and not is_made and (is_over or time.monotonic() >= kept.again_s):
            kept.task = asyncio.create_task(self._make(kept, sweep_id, sealed_runs))
        return kept.number, kept.result

    async def _make(self, kept: _Newest, sweep_id: str, sealed_runs: int) -> None:
        started = time.monotonic()
        try:
            kept.result = await self._context.worker.run(
                "frontier", database=self._context.store.address, sweep_id=sweep_id, use=USE
            )
        except CollectorError as error:
            kept.result = {"why": str(error), "timing": []}
        kept.sealed_runs = sealed_runs
        kept.number += 1
        kept.again_s = time.monotonic() + max(AGAIN_S, SHARE * (time.monotonic() - started))
        self._context.changes.bump()
