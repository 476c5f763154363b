"""How far trainings are: live on a terminal, a line for each elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import duration

if TYPE_CHECKING:
    from paretofleet_collector.training.plan import Training


class TrainingProgress:
    """Shows `count` trainings of so many `epochs` each; `at` hears what happens in them."""

    def __init__(self, count: int, epochs: int) -> None:
        self._count, self._epochs, self._done = count, epochs, 0
        self._started_s = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._count and sys.stderr.isatty():
            from rich.console import Console

            self._bar = Console(stderr=True).status("starting torch")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, training: Training, event: Mapping[str, Any]) -> None:
        """An epoch of a `training` ended, or the training itself: then the `event` has its accuracy."""
        called = f"{training.network}, seed {training.seed}"
        if training.technique.layers:
            called = f"{called}, {training.technique.name}"
        if "top1" in event:
            self._done += 1
            line = f"[{self._done}/{self._count}] {called}: {event['top1']:.1f} %, {event['s']:.2f} s"
            left_s = (time.monotonic() - self._started_s) / self._done * (self._count - self._done)
            notify(f"{line}; about {duration(left_s)} left" if left_s else line)
        elif self._bar is not None:
            self._bar.update(f"[{self._done + 1}/{self._count}] {called}, epoch {event['epoch']}")
