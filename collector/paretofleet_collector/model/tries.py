"""Which attempts count against a run: three of them fail it."""

from __future__ import annotations

import json

from paretofleet_collector.model.entities import AttemptEnd

#: The reasons after which a run is tried again, up to ATTEMPTS_MAX tries in all.
RETRIED = ("lost", "crashed", "timeout")
ATTEMPTS_MAX = 3
#: The fact with which an agent says that a model is too slow for the time limit of its run.
TOO_SLOW = "too_slow"
#: From this attempt on an interruption is a try, too: a run that takes its device down would never end.
INTERRUPTED_ATTEMPTS_MAX = 10


def is_final(end: AttemptEnd) -> bool:
    """Whether another try at the run of a failed `end` would end in the same way: its model is too slow.

    Call it for ends whose facts were checked.
    """
    return end.reason == "timeout" and bool(json.loads(end.facts_json or "{}").get(TOO_SLOW))


def is_try(end: AttemptEnd) -> bool:
    """Whether the failed attempt of `end` counts against its run."""
    return not end.interrupted or end.key.attempt >= INTERRUPTED_ATTEMPTS_MAX


def is_silent_try(state: str, attempt: int) -> bool:
    """Whether the run's newest `attempt`, whose lease expired without an end in `state`, counts against it.

    One that never began does not: its grant was lost on the way, or its agent was stopped.
    """
    return state == "running" or attempt >= INTERRUPTED_ATTEMPTS_MAX
