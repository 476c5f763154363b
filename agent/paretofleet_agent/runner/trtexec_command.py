"""The flags of `trtexec`, whose names and defaults change between releases; what it prints and writes."""

import json
import os
import re
import subprocess
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from .failure import RunFailed, one_line, says_out_of_memory
from .process import die_with_parent

#: Where JetPack and the tar files put it, when it is not in PATH.
PLACES = ("/usr/src/tensorrt/bin/trtexec", "/usr/local/tensorrt/bin/trtexec")
Columns = Tuple[List[int], List[int]]
STARTED = "Starting inference"
#: (start, end) of an iteration in the times file, by release: 8 and later, then 7.
EDGES = (("startH2dMs", "endD2hMs"), ("startInMs", "endOutMs"))


def known_flags(program: str) -> Set[str]:
    """The flags that this release names in its help. Raises RunFailed where there is no such program."""
    try:
        done = subprocess.run(
            [program, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed("runtime_missing", "%s does not start: %s" % (program, one_line(error))) from error
    flags = set(re.findall(r"--[A-Za-z0-9]+", done.stdout.decode("utf-8", "replace")))
    if "--exportTimes" not in flags:
        raise RunFailed("runtime_missing", "%s is no trtexec: its help names no --exportTimes" % program)
    return flags


def build_flags(known: Set[str], precision: str) -> List[str]:
    """How the engine computes. Raises RunFailed for a precision that this release does not build."""
    flags = []
    if precision in ("fp16", "bf16"):
        if "--" + precision not in known:
            raise RunFailed(
                "unsupported", "this trtexec has no flag --%s; give it a file of %s" % ((precision,) * 2)
            )
        flags.append("--" + precision)
    if precision != "tf32" and "--noTF32" in known:
        flags.append("--noTF32")
    return flags


def run_flags(known: Set[str], options: Mapping[str, Any], mode: str) -> List[str]:
    """How it runs, said in the words of any release: copies, waiting and graphs are never its default's."""
    wanted = {
        "--includeDataTransfers": True,
        "--useSpinWait": options["spin_wait"],
        "--noSpinWait": not options["spin_wait"],
        "--useCudaGraph": options["cuda_graph"],
        "--noCudaGraph": not options["cuda_graph"],
        # Without it the copies of one iteration overlap the work of the next.
        "--exposeDMA": mode == "latency",
    }
    return [flag for flag, on in wanted.items() if on and flag in known]


def shape_flags(names: Sequence[str], shapes: Mapping[str, Sequence[int]]) -> List[str]:
    """The flags `names` with every input's shape."""
    text = ",".join("%s:%s" % (name, "x".join(map(str, shape))) for name, shape in sorted(shapes.items()))
    return ["%s=%s" % (name, text) for name in names]


def call(command: Sequence[str], clock: Callable[[], int]) -> Tuple[Optional[int], str]:
    """Runs it: (when it said that inference starts, its version). RunFailed with its last error line."""
    started, version, said = None, "unknown", ""
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
            now = clock()
            text = line.decode("utf-8", "replace")
            if STARTED in text and started is None:
                started = now
            found = re.search(r"\[TensorRT v(\d+)\]", text)
            version = found.group(1) if found else version
            if "[E]" in text or "rror" in text:
                said = text
    if process.returncode:
        reason = "oom" if says_out_of_memory(said) else "unsupported"
        if process.returncode < 0:
            reason = "crashed"
        raise RunFailed(
            reason, one_line("trtexec ended with code %d: %s" % (process.returncode, said.strip()))
        )
    return started, version


def read_times(path: str, started_ns: int) -> Columns:
    """(starts, durations) in ns of our clock from the file of --exportTimes, in order of their start."""
    rows = _json(path)
    times = []
    for row in rows:
        first, last = next((edge for edge in EDGES if edge[0] in row), EDGES[0])
        times.append((float(row[first]), float(row[last])))
    times.sort()
    starts = [started_ns + int(start * 1e6) for start, _ in times]
    return starts, [max(0, int((end - start) * 1e6)) for start, end in times]


def read_outputs(path: str) -> Dict[str, List[float]]:
    """The values of the outputs, flat, from the file of --exportOutput. What is not a number reads as NaN."""
    return {row["name"]: [float(value) for value in row["values"]] for row in _json(path)}


def _json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        # As C++ prints them; JSON has no word for either.
        return json.loads(re.sub(r"(?<=[\s,\[])-?(?:nan|inf)(?=[\s,\]])", "NaN", text))
    except (OSError, ValueError) as error:
        name = os.path.basename(path)
        raise RunFailed("crashed", "trtexec wrote no readable %s (%s)" % (name, one_line(error))) from error
