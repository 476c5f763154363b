"""What can go wrong in the agent.

PfError                  one sentence for the user: what is wrong, with which thing, what to do
├── ConfigError          an argument, a flag, an environment variable or a line of agent.ini
├── HomeError            the agent's folder: taken, unreadable, full
├── Refused              the collector said no for good; its sentence is passed on
├── Unreachable          the collector cannot be reached now; tried again
├── AttemptFailed        an attempt ends with one of the reasons of a failed run
└── Stopped              an attempt was told to end
"""

from __future__ import annotations

from typing import Any, Mapping


class PfError(Exception):
    """One sentence for the user; main prints it and exits with 1, for errors of usage with 2."""


class ConfigError(PfError):
    """An argument, a flag, an environment variable or a line of agent.ini is wrong; main exits with 2."""


class HomeError(PfError):
    """The agent's folder or the host lock cannot be used: taken, unreadable or full."""


class Refused(PfError):
    """The collector refuses this agent; trying again does not help."""


class Unreachable(PfError):
    """The collector does not answer, or not now; trying again helps."""


class AttemptFailed(PfError):
    """An attempt ends with `reason`, one of the reasons of a failed run (`oom`, `unsupported`, ...).

    `facts`: what it leaves beside its sentence among the facts of the attempt.
    """

    def __init__(self, reason: str, message: str, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.facts = dict(facts or {})


class Stopped(PfError):
    """The daemon told the attempt to end: cancelled, superseded or shutting down."""
