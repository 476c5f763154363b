"""A member as an ONNX file: built by the user's module in a process of its own, and checked."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.models.onnxfile import NO_TELEMETRY
from paretofleet_collector.searches.kept import (
    CommandEnd,
    KeptCommand,
    last_lines,
    run_kept,
    user_environment,
)
from paretofleet_collector.searches.specification import SearchSpecification

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar

MODEL = "model.onnx"
#: Of building and reading a file, which takes about a second; two copies of the largest file, and some.
_TIMEOUT_S, _MEMORY_BYTES, _DISK_BYTES = 300.0, 8 * 2**30, 5 * 2**30
Input = tuple[str, str, tuple[int | None, ...]]


@dataclass(frozen=True)
class CandidateFailed:
    """What became of a member that could not be built or trained: a `sentence`, and a `reason` to count by.

    Of building: `build`, `model`. Training: also `timeout`, `memory`, `disk`, `crashed`, `killed`, `result`.
    """

    reason: str
    sentence: str


@dataclass(frozen=True)
class BuiltMember:
    """A member's file: `graph` is alike where architectures are the same, whatever the weights; `macs` of one
    item and `parameters`, None where the graph does not tell; `inputs`: name, type, axes (None: free).
    """

    model: Path
    graph: str
    macs: int | None
    parameters: int | None
    size_bytes: int
    inputs: tuple[Input, ...]


def build(
    specification: SearchSpecification,
    values: Mapping[str, Scalar],
    folder: Path,
    *,
    seed: int = 1,
    lock_folder: Path | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> BuiltMember | CandidateFailed | None:
    """The member with these `values` of a `specification`, as `folder`/model.onnx with weights of a `seed`.

    The `folder` is made where it is not there. None where `is_stopped` ended it. `lock_folder`: of the lock
    of this host, which is waited for. Raises Refused where the module itself is at fault, whatever the
    member: it cannot be imported, or has no `build`.
    """
    return _made(
        {"module": str(specification.module), "member": dict(values), "seed": seed, "called": "the member"},
        folder,
        lock_folder,
        is_stopped,
    )


def read_member(
    model: Path, folder: Path, *, lock_folder: Path | None = None
) -> BuiltMember | CandidateFailed | None:
    """The same of a file `model` that is there, moved to `folder`/model.onnx; `lock_folder` as in `build`."""
    folder.mkdir(parents=True, exist_ok=True)
    model.replace(folder / MODEL)
    return _made({"module": "", "called": "the trained model"}, folder, lock_folder, lambda: False)


def _made(
    request: dict[str, Any], folder: Path, lock_folder: Path | None, is_stopped: Callable[[], bool]
) -> BuiltMember | CandidateFailed | None:
    """What the process answers to a `request`; the folder has the file, and nothing else, afterwards."""
    folder = folder.resolve()
    work = folder / "building"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    model = folder / MODEL if not request["module"] else work / MODEL
    files = {"model": str(model), "answer": str(work / "answer.json")}
    (work / "request.json").write_text(json.dumps({**request, **files}), encoding="utf-8")
    program = (sys.executable, "-P", "-m", "paretofleet_collector.searches.member_file")
    command = KeptCommand(
        command=(*program, str(work / "request.json")),
        folder=work,
        log=work / "log.txt",
        env=user_environment({**NO_TELEMETRY, "PYTHONHASHSEED": "0", "TMPDIR": str(work)}),
        timeout_s=_TIMEOUT_S,
        memory_bytes=_MEMORY_BYTES,
        disk_bytes=_DISK_BYTES,
        lock_folder=lock_folder,
    )
    try:
        end = run_kept(command, is_stopped)
        if end is None:
            return None
        answer = _answer(work / "answer.json", work / "log.txt", end)
        if "module" in answer:
            raise Refused(f"`space.module`: {answer['module']}.")
        if "refused" in answer:
            return CandidateFailed(answer["reason"], f"{answer['refused'].rstrip('.')}.")
        if model.parent == work:
            model.replace(folder / MODEL)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    inputs = tuple((name, kind, tuple(axes)) for name, kind, axes in answer.pop("inputs"))
    return BuiltMember(folder / MODEL, inputs=inputs, **answer)


def _answer(file: Path, log: Path, end: CommandEnd) -> dict[str, Any]:
    """What the process wrote; why it wrote nothing."""
    limits = {
        "timeout": f"building and reading it takes longer than {_TIMEOUT_S:g} s",
        "memory": f"building and reading it needs more than {_MEMORY_BYTES >> 30} GiB of memory",
        "disk": f"`build` writes files of more than {_DISK_BYTES >> 30} GiB",
    }
    if end.stopped_by:
        return {"refused": limits[end.stopped_by], "reason": "build"}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        code = f"code {end.code}" if end.code >= 0 else f"signal {-end.code}"
        return {"refused": f"building it ended with {code}: {last_lines(log)}", "reason": "build"}


def misfit(first: BuiltMember, built: BuiltMember) -> str:
    """Why what was `built` cannot be compared with the `first` member of a search; empty where it can."""
    theirs, ours = ([(kind, axes) for _, kind, axes in each.inputs] for each in (first, built))
    if theirs == ours:
        return ""
    return (
        f"The member takes {_shapes(built)}, the first one took {_shapes(first)}: let all members of a space "
        "take the same."
    )


def _shapes(built: BuiltMember) -> str:
    return ", ".join(
        f"{kind} {' x '.join('N' if axis is None else str(axis) for axis in axes)}"
        for _, kind, axes in built.inputs
    )
