"""An architecture search as its driver and the collector speak of it. Wall times: seconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass

RUNNING, STOPPED, FINISHED, FAILED = "running", "stopped", "finished", "failed"
SEARCH_STATES = (RUNNING, STOPPED, FINISHED, FAILED)
TRIAL_KINDS = ("seed", "diagonal", "start", "best", "mutant", "control")
SPLITS = ("validation", "test")


@dataclass(frozen=True)
class NewSearch:
    """A search to be made. `digest`: SHA-256 of the specification and of the code that it names.

    `budget_s`: after so many seconds no further batch begins; `trials_max`: trials at most; 0: no limit.
    """

    name: str
    spec_json: str
    digest: str
    seed: int
    budget_s: float = 0.0
    trials_max: int = 0


@dataclass(frozen=True)
class SearchView:
    """A search; `spent_s`: for how long it was driven, `changed_unix_s`: when anything was last recorded."""

    search_id: str
    name: str
    state: str
    reason: str
    spec_json: str
    digest: str
    seed: int
    budget_s: float
    trials_max: int
    spent_s: float
    created_unix_s: float
    changed_unix_s: float
    ended_unix_s: float | None
    trials: int = 0
    trainings: int = 0


@dataclass(frozen=True)
class SearchTrial:
    """A proposed member, by its `codes`; trials of a search have different graphs.

    `device`: whose front it is to better; `kind`: one of TRIAL_KINDS; `model`: its untrained network.
    """

    number: int
    codes: tuple[int, ...]
    graph: str
    model: str
    device: str
    kind: str


@dataclass(frozen=True)
class SearchBatch:
    """Trials that are measured together on some devices, in a `sweep`."""

    number: int
    trials: tuple[int, ...]
    devices: tuple[str, ...]
    sweep: str


@dataclass(frozen=True)
class SearchTraining:
    """What a training of a trial came to: `top1` in percent of `top1_n` items, or the `reason` it failed."""

    trial: int
    seed: int
    split: str
    reason: str = ""
    top1: float | None = None
    top1_n: int | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    memory_peak_bytes: int | None = None


@dataclass(frozen=True)
class SearchRecord:
    """What is appended to a search at once; `spent_s`: for how long it has been driven in all."""

    trials: tuple[SearchTrial, ...] = ()
    batches: tuple[SearchBatch, ...] = ()
    trainings: tuple[SearchTraining, ...] = ()
    spent_s: float = 0.0


@dataclass(frozen=True)
class SearchDetail:
    """A search with all that was recorded of it, by number."""

    search: SearchView
    trials: tuple[SearchTrial, ...] = ()
    batches: tuple[SearchBatch, ...] = ()
    trainings: tuple[SearchTraining, ...] = ()
