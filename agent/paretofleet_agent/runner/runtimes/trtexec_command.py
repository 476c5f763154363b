"""The flags of `trtexec`, whose names and defaults change between releases; what it prints and writes."""

import json
import os
import re
import shutil
import subprocess
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..failure import RunFailed, one_line
from ..process import die_with_parent, oom_kills, wait
from .trtexec_log import VERSION, TrtexecLog
from .trtexec_times import measured

#: Where JetPack and the tar files put it, when it is not in PATH.
PLACES = ("/usr/src/tensorrt/bin/trtexec", "/usr/local/tensorrt/bin/trtexec")
Columns = Tuple[List[int], List[int]]
#: One call: when it said that inference starts, its version, its own peak of resident memory.
Call = NamedTuple(
    "Call", [("started_ns", Optional[int]), ("version", str), ("memory_peak_bytes", Optional[int])]
)
#: The program at a path, the flags that its help names, its release.
Program = NamedTuple("Program", [("path", str), ("flags", Set[str]), ("version", str)])
Output = NamedTuple("Output", [("shape", List[int]), ("values", List[float])])


def find_program(program: Any) -> str:
    """The `program` of the settings, else trtexec in PATH, else where JetPack puts it. Raises RunFailed."""
    if program:
        return str(program)
    path = shutil.which("trtexec") or next((place for place in PLACES if os.path.exists(place)), None)
    if path is None:
        raise RunFailed(
            "runtime_missing", "there is no trtexec; install TensorRT, or name it in the settings"
        )
    return path


def about(program: str) -> Program:
    """What `program` says in its help. Raises RunFailed where it is no trtexec, or not there."""
    try:
        done = subprocess.run(
            [program, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed("runtime_missing", "%s does not start: %s" % (program, one_line(error))) from error
    text = done.stdout.decode("utf-8", "replace")
    flags = set(re.findall(r"--[A-Za-z0-9]+", text))
    if "--exportTimes" not in flags:
        raise RunFailed("runtime_missing", "%s is no trtexec: its help names no --exportTimes" % program)
    version = re.search(VERSION, text)
    return Program(program, flags, version.group(1) if version else "unknown")


def build_flags(supported: Set[str], precision: str) -> List[str]:
    """How the engine computes, with `supported` flags. Raises RunFailed where none gives this `precision`."""
    flags = []
    if precision in ("fp16", "bf16"):
        if "--" + precision not in supported:
            raise RunFailed(
                "unsupported", "this trtexec has no flag --%s; give it a file of %s" % ((precision,) * 2)
            )
        flags.append("--" + precision)
    if precision != "tf32" and "--noTF32" in supported:
        flags.append("--noTF32")
    return flags


def run_flags(supported: Set[str], options: Mapping[str, Any], mode: str) -> List[str]:
    """How it runs by `options` and `mode`, with `supported` flags: no release's default decides.

    That is whether copies are timed, how it waits, and whether it runs a CUDA graph.
    """
    flags = {
        "--includeDataTransfers": True,
        "--useSpinWait": options["spin_wait"],
        "--noSpinWait": not options["spin_wait"],
        "--useCudaGraph": options["cuda_graph"],
        "--noCudaGraph": not options["cuda_graph"],
        # Without it the copies of one iteration overlap the work of the next.
        "--exposeDMA": mode == "latency",
    }
    return [flag for flag, on in flags.items() if on and flag in supported]


def shape_flags(names: Sequence[str], shapes: Mapping[str, Sequence[int]]) -> List[str]:
    """The flags `names`, each with all `shapes`, given by the input's name."""
    text = ",".join("%s:%s" % (name, "x".join(map(str, shape))) for name, shape in sorted(shapes.items()))
    return ["%s=%s" % (name, text) for name in names]


def call(command: Sequence[str], clock: Callable[[], int]) -> Call:
    """Runs `command` until it ends; `clock` gives ns. Raises RunFailed with the cause of a bad end."""
    log, kills = TrtexecLog(), oom_kills()
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,  # noqa: PLW1509  this process has one thread
        )
    except OSError as error:
        raise RunFailed("runtime_missing", "%s does not start: %s" % (command[0], error.strerror)) from error
    with process:
        for line in iter(process.stdout.readline, b""):  # type: ignore[union-attr]
            log.take(line, clock())
        memory_peak_bytes = wait(process)
    if process.returncode:
        kills_after = oom_kills()
        is_counted = kills is not None and kills_after is not None
        raise log.failure(process.returncode, killed_for_memory=not is_counted or kills_after != kills)
    return Call(log.started_ns, log.version, memory_peak_bytes)


def read_times(path: str, started_ns: int, warm_up_ms: int) -> Columns:
    """(starts, durations) in ns of our clock of the iterations in `path`, in order of their start.

    `started_ns`: when inference started by our clock. Those of the first `warm_up_ms` do not count.
    """
    times = measured(_json(path), warm_up_ms)
    starts = [started_ns + int(time.start_ms * 1e6) for time in times]
    return starts, [max(0, round(time.duration_ms * 1e6)) for time in times]


def read_outputs(path: str) -> Dict[str, Output]:
    """The outputs by name from `path`, the file of --exportOutput."""
    return {
        row["name"]: Output(
            [int(size) for size in re.findall(r"\d+", row["dimensions"])],
            [float(value) for value in row["values"]],
        )
        for row in _json(path)
    }


def _json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        # As C++ prints them, and as Python reads them; JSON has no word for either.
        text = re.sub(r"(?<=[\s,\[])-?nan(?=[\s,\]])", "NaN", text)
        return json.loads(re.sub(r"(?<=[\s,\[])(-?)inf(?=[\s,\]])", r"\1Infinity", text))
    except (OSError, ValueError) as error:
        name = os.path.basename(path)
        raise RunFailed("crashed", "trtexec wrote no readable %s (%s)" % (name, one_line(error))) from error
