"""A member's training by the user's command, in a process of its own, under limits.

The command starts in an empty folder with `member.json` and the member's file, `built.onnx`. It is to write
`model.onnx` and `result.json`. In its environment stand PARETOFLEET_SEED, PARETOFLEET_SPLIT and
PARETOFLEET_OUT, the folder.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.building import MODEL, BuiltMember, CandidateFailed, read_member
from paretofleet_collector.searches.kept import (
    CommandEnd,
    KeptCommand,
    last_lines,
    run_kept,
    user_environment,
)
from paretofleet_collector.searches.results import RESULT, TrainingResult, read_result
from paretofleet_collector.searches.specification import SearchSpecification, TrainCommand

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar

Split = Literal["validation", "test"]
MEMBER, BUILT = "member.json", "built.onnx"


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
    on_wait: Callable[[], None] = lambda: None,
) -> TrainedMember | CandidateFailed | None:
    """What a `task` of a `specification` came to; its file is `folder`/model.onnx. None if `is_stopped`.

    What an earlier, killed training left in the `folder` goes first. The lock of this host is held, in
    `lock_folder`, by default the agents', so that nothing is measured here meanwhile; `on_wait` is called
    where it has to be waited for. Raises Refused where the command cannot be started at all.
    """
    folder = folder.resolve()
    work = folder / "training"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "tmp").mkdir()
    (work / MEMBER).write_text(json.dumps(dict(task.values)), encoding="utf-8")
    shutil.copyfile(task.built.model, work / BUILT)
    limits, log = specification.train, folder / "training.log"
    env = {
        "PARETOFLEET_SEED": str(task.seed),
        "PARETOFLEET_SPLIT": task.split,
        "PARETOFLEET_OUT": str(work),
        "TMPDIR": str(work / "tmp"),
    }
    command = KeptCommand(
        command=runnable(limits),
        folder=work,
        log=work / "log.txt",
        env=user_environment(env),
        timeout_s=limits.timeout_s,
        memory_bytes=limits.memory_bytes,
        disk_bytes=limits.disk_bytes,
        lock_folder=lock_folder,
    )
    try:
        end = run_kept(command, is_stopped, on_wait)
        if end is None:
            return None
        failure = _failure(limits, end, command.log)
        if failure is not None:
            return failure
        return _kept(task, work, folder, end, lock_folder)
    finally:
        if command.log.is_file():
            command.log.replace(log)
        shutil.rmtree(work, ignore_errors=True)


def runnable(train: TrainCommand) -> tuple[str, ...]:
    """The command of `train` as it is started; `python` is the interpreter that runs this, and the module.

    Raises Refused where there is no such program.
    """
    program = train.command[0]
    path = sys.executable if program == "python" else shutil.which(program)
    if path is None:
        raise Refused(
            f"`train.command`: {program} is no program here; install it, or name it by its whole path."
        )
    return (path, *train.command[1:])


def _failure(limits: TrainCommand, end: CommandEnd, log: Path) -> CandidateFailed | None:
    """Why the command did not end well; None where it did."""
    over = {
        "timeout": f"takes longer than {limits.timeout_s:g} s: raise `train.timeout`, or train for less",
        "memory": (
            f"needs more than {limits.memory_bytes / 2**20:,.0f} MiB of memory: raise `train.memory`, or "
            "use smaller batches"
        ),
        "disk": (
            f"writes more than {limits.disk_bytes / 2**20:,.0f} MiB: raise `train.disk`, or let it write less"
        ),
    }
    reason = end.stopped_by
    is_full = os.strerror(errno.EFBIG) in last_lines(log) or end.disk_peak_bytes > 0.9 * limits.disk_bytes
    if not reason and end.code and is_full:
        reason = "disk"  # a single file, and what it prints, cannot grow beyond it
    if reason:
        return CandidateFailed(reason, f"Training {over[reason]}.")
    if end.code == -signal.SIGKILL:
        return CandidateFailed("killed", "Training was killed, perhaps for want of memory on this host.")
    if end.code:
        how = f"failed with code {end.code}" if end.code > 0 else f"was ended by signal {-end.code}"
        return CandidateFailed("crashed", f"Training {how}: {last_lines(log).rstrip('.')}.")
    return None


def _kept(
    task: TrainingTask, work: Path, folder: Path, end: CommandEnd, lock_folder: Path | None
) -> TrainedMember | CandidateFailed:
    """What it wrote, checked; its file is moved to the folder."""
    try:
        result: TrainingResult = read_result(work / RESULT, task.split)
    except Refused as error:
        return CandidateFailed("result", f"Training is of no use: {error}")
    model = work / MODEL
    if model.is_symlink() or not model.is_file():
        return CandidateFailed("model", f"Training wrote no {MODEL}: let it write the trained network there.")
    read = read_member(model, folder, lock_folder=lock_folder)
    if isinstance(read, BuiltMember) and read.graph == task.built.graph:
        return TrainedMember(
            model=read.model,
            top1=result.top1,
            top1_n=result.top1_n,
            split=task.split,
            wall_s=end.wall_s,
            cpu_s=end.cpu_s,
            memory_peak_bytes=end.memory_peak_bytes,
        )
    (folder / MODEL).unlink(missing_ok=True)
    if isinstance(read, CandidateFailed):
        return read
    return CandidateFailed(
        "model",
        f"The trained {MODEL} is another network than `build` wrote, which was measured: let training write "
        f"its weights into {BUILT}, which lies in its folder.",
    )
