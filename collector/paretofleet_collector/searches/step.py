"""What a search does next: a pure function of its trials and batches, its devices and what it may cost.

Measured before trained, everything everywhere: a batch is measured on all devices of the rotation, then what
is within the limits on one of them is trained, then the next batch is proposed. What a device lacks that was
away, or has another environment now, is measured there later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Trials that are proposed and measured at once; with the anchor they are a batch's configurations.
BATCH = 4
#: So often a trial is sent to a device in all before it stays a gap there.
TRIES_MAX = 3
#: Seconds until somebody looks again whether a device is back.
LOOK_S = 5.0


@dataclass(frozen=True)
class TrialState:
    """A trial: on which devices it was measured, and is within the limits (True) or failed or beyond (False);
    how often it was sent to each device; whether what has to be trained of it is trained, or failed there.
    """

    number: int
    measured: Mapping[str, bool] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)
    is_trained: bool = False

    @property
    def is_due(self) -> bool:
        """Whether it is worth its training, and has none."""
        return not self.is_trained and any(self.measured.values())


@dataclass(frozen=True)
class Loop:
    """All that a step is decided by.

    `open_batches`: numbers of batches that are still measured. `away_s`: of each device of the search how
    long it has been away, 0 for one that is there. After `away_max_s` it leaves the rotation. `spent_s` and
    `trial_s`: for how long the search was driven, and how long a trial takes. `budget_s`, `trials_max`: what
    it may take, 0 for no limit. `is_exhausted`: there is no member left to propose.
    """

    trials: Sequence[TrialState]
    open_batches: Sequence[int]
    away_s: Mapping[str, float]
    spent_s: float = 0.0
    trial_s: float = 0.0
    budget_s: float = 0.0
    trials_max: int = 0
    away_max_s: float = 600.0
    is_exhausted: bool = False

    @property
    def rotation(self) -> tuple[str, ...]:
        """The devices on which the next batch is measured."""
        return tuple(name for name, away_s in self.away_s.items() if away_s < self.away_max_s)


@dataclass(frozen=True)
class Measure:
    """Have a recorded batch measured and wait until it is."""

    batch: int


@dataclass(frozen=True)
class Train:
    """Train a trial that was measured."""

    trial: int


@dataclass(frozen=True)
class Fill:
    """Record a batch of `trials` that the `device` lacks."""

    trials: tuple[int, ...]
    device: str


@dataclass(frozen=True)
class Propose:
    """Propose so many trials for the devices of the `rotation`, and record them with their batch."""

    count: int
    rotation: tuple[str, ...]


@dataclass(frozen=True)
class Idle:
    """Nothing can be done for so many `seconds`, for a `reason`."""

    reason: str
    seconds: float = LOOK_S


@dataclass(frozen=True)
class Ended:
    """The search has come to its end, for a `reason`."""

    reason: str


Action = Measure | Train | Fill | Propose | Idle | Ended


def step(loop: Loop) -> Action:
    """What a search does next, given all of its `loop`; the same state gives the same step."""
    if loop.open_batches:
        return Measure(min(loop.open_batches))
    due = [trial.number for trial in loop.trials if trial.is_due]
    if due:
        return Train(min(due))
    gap = _gap(loop)
    if gap is not None:
        return gap
    ended = _ended(loop)
    if ended:
        return Ended(ended)
    if not loop.rotation:
        return Idle("no device of the search is online")
    left = loop.trials_max - len(loop.trials) if loop.trials_max else BATCH
    if loop.budget_s and loop.trial_s:  # at least one fits, or the search had ended
        left = min(left, max(1, int((loop.budget_s - loop.spent_s) / loop.trial_s)))
    return Propose(min(BATCH, left), loop.rotation)


def gaps(loop: Loop) -> dict[str, tuple[int, ...]]:
    """Of each device the numbers of the trials in a `loop` that it has not measured."""
    lacking = {
        name: tuple(trial.number for trial in loop.trials if name not in trial.measured)
        for name in loop.away_s
    }
    return {name: numbers for name, numbers in lacking.items() if numbers}


def _gap(loop: Loop) -> Fill | None:
    """The next trials that a device lacks, of those that are there."""
    for name, away_s in loop.away_s.items():
        if away_s > 0.0:
            continue
        lacking = [
            trial.number
            for trial in loop.trials
            if name not in trial.measured and trial.tries.get(name, 0) < TRIES_MAX
        ]
        if lacking:
            return Fill(tuple(lacking[:BATCH]), name)
    return None


def _ended(loop: Loop) -> str:
    if loop.trials_max and len(loop.trials) >= loop.trials_max:
        return f"all {loop.trials_max} trials are done"
    if loop.is_exhausted:
        return "every architecture of the space was tried"
    if loop.budget_s and loop.spent_s + loop.trial_s > loop.budget_s:
        return (
            f"the budget of {loop.budget_s:,.0f} s is spent: {loop.spent_s:,.0f} s were, "
            f"and a trial takes {loop.trial_s:,.0f} s"
        )
    return ""
