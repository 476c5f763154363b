"""Which attempts count against a run: three of them fail it."""

from __future__ import annotations

from paretofleet_collector.model.entities import AttemptEnd

#: The reasons after which a run is tried again, up to ATTEMPTS_MAX tries in all.
RETRIED = ("lost", "crashed", "timeout")
ATTEMPTS_MAX = 3
#: From this attempt on an interruption is a try, too: a run that takes its device down would never end.
INTERRUPTED_ATTEMPTS_MAX = 10


def is_try(end: AttemptEnd) -> bool:
    """Whether the failed attempt of `end` counts against its run."""
    return not end.interrupted or end.key.attempt >= INTERRUPTED_ATTEMPTS_MAX


def is_silent_try(state: str, attempt: int) -> bool:
    """Whether the run's newest `attempt`, whose lease expired without an end in `state`, counts against it.

    One that never began does not: its grant was lost on the way, or its agent was stopped.
    """
    return state == "running" or attempt >= INTERRUPTED_ATTEMPTS_MAX
