"""A member's training by the user's command, in a process of its own, under limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from paretofleet_collector.searches.building import BuiltMember, CandidateFailed
from paretofleet_collector.searches.specification import SearchSpecification

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar

Split = Literal["validation", "test"]


@dataclass(frozen=True)
class TrainedMember:
    """What a training came to: the `model` with its weights, and `top1` in percent of `top1_n` items.

    `split`: which items. `wall_s` and `cpu_s` in seconds. `memory_peak_bytes`: the most that its processes
    were seen to have together.
    """

    model: Path
    top1: float
    top1_n: int
    split: Split
    wall_s: float
    cpu_s: float
    memory_peak_bytes: int


@dataclass(frozen=True)
class TrainingTask:
    """A training: the member's `values`, what was `built` of it, the `seed`, on which `split` it answers."""

    values: Mapping[str, Scalar]
    built: BuiltMember
    seed: int
    split: Split = "validation"


def train(
    specification: SearchSpecification,
    task: TrainingTask,
    folder: Path,
    *,
    lock_folder: Path | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> TrainedMember | CandidateFailed | None:
    """What a `task` of a `specification` came to, in the empty `folder`; None where `is_stopped` ended it.

    It holds the lock of this host in `lock_folder`, by default the agents', and waits for it: nothing is
    measured here meanwhile. Raises Refused where the command cannot be started at all; NotImplementedError
    until it is written.
    """
    raise NotImplementedError(specification, task, folder, lock_folder, is_stopped)
