"""The errors of the collector and its command.

    CollectorError
    ├── Refused             what the user asked for cannot be done; the message is one sentence
    │   ├── ModelRefused    a model file that is not accepted
    │   ├── NotFound        no such sweep, device, model, run or file
    │   └── Taken           a name or identity that belongs to something else
    ├── SessionRefused      who may not speak: replaced, copied, too old, expired, revoked, of another role
    ├── StorageUnavailable  the store or the lake cannot be written now: full, read-only, out of reach
    │   └── StoreHeld       another collector works with the store
    └── Unreachable         the command cannot reach the collector

Every message is one sentence that names the thing and says what to do; it is shown as it stands.
"""

from __future__ import annotations

from typing import Literal


class CollectorError(Exception):
    """Base of the package's errors."""


class Refused(CollectorError):
    """What the user asked for cannot be done.

    `is_usage`: an option or an argument of the command is wrong, whatever the collector holds.
    """

    def __init__(self, message: str = "", *, is_usage: bool = False) -> None:
        super().__init__(message)
        self.is_usage = is_usage


def misused(message: str) -> Refused:
    """The error of usage with that `message`, for which the command exits with 2."""
    return Refused(message, is_usage=True)


class ModelRefused(Refused):
    """A model file is unreadable, hostile or of a kind that is not supported."""


class NotFound(Refused):
    """A sweep, device, model, run or file that does not exist."""


class Taken(Refused):
    """A name or identity that belongs to something else."""


class SessionRefused(CollectorError):
    """An agent or a person may not speak, or no longer.

    `why`: "unknown" (never joined), "replaced" (a newer session speaks for the device), "copied"
    (two agents with one identity), "removed" (an operator removed the device), "outdated" (the agent
    speaks an old protocol), "unidentified" (no certificate or token that counts), "forbidden" (one that was
    revoked, used up or is for something else) or "skewed" (a clock is wrong).
    """

    def __init__(
        self,
        message: str,
        why: Literal[
            "unknown", "replaced", "copied", "removed", "outdated", "unidentified", "forbidden", "skewed"
        ],
    ) -> None:
        super().__init__(message)
        self.why = why


class StorageUnavailable(CollectorError):
    """The store or the lake cannot be used now: full, read-only or out of reach; nothing was stored."""


class StoreHeld(StorageUnavailable):
    """Another collector works with the store, and does not let this one in."""


class Unreachable(CollectorError):
    """No collector answers at the address."""
