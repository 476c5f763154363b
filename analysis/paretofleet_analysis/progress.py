"""How far long work has come, for whoever wants to show it. Nobody listens unless told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

#: Takes what is done, such as "30,000 rows", and which share of it (0 to 1) lies behind. 0 begins anew.
Listener = Callable[[str, float], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def reported_to(listener: Listener) -> Iterator[None]:
    """What is reported meanwhile goes to the `listener`, which may raise to end the work."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(work: str, share: float) -> None:
    """That a `share` (0 to 1) of some `work` is done."""
    listener = _listener.get()
    if listener is not None:
        listener(work, share)


def reporting(items: Sequence[Item], work: str, *, least: int) -> Iterator[Item]:
    """The `items` one after the other, of which every hundredth part is reported as `work`.

    Of fewer than `least` items nothing is.
    """
    step = max(1, len(items) // 100)
    for at, item in enumerate(items):
        if len(items) >= least and at % step == 0:
            report(work, at / len(items))
        yield item
