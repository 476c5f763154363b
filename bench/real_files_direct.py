"""The product's loop and a loop of one's own round ONNX Runtime, by turns in one fresh process.

What bench/real_files.py compares. Processes of one file differ by more than a loop could add, so that both
have a session of their own in the same process, and take turns of a fraction of a second: what changes on
the machine meanwhile changes both. Both take the arrays, CPUs, threads and variables of a run.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TURN_S, TURN_MIN, WARM_UP_S, WARM_UP_MIN = 0.06, 3, 0.3, 3


def turns(
    request: Mapping[str, Any], batch_sizes: Sequence[int], count: int, variables: Mapping[str, str]
) -> dict[int, list[tuple[float, float]]]:
    """By batch size, of each of `count` turns the median seconds of an inference: the product's, one's own.

    `request`: what a runner of the file is asked. `variables`: the environment of the new process.
    """
    asked = {"request": dict(request), "batch_sizes": list(batch_sizes), "count": count}
    done = subprocess.run(
        [sys.executable, "-c", "import real_files_direct; real_files_direct.answer()"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent,
        env=dict(variables),
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return {int(batch_size): [(run, own) for run, own in pairs] for batch_size, pairs in answer.items()}


def answer() -> None:
    """The other process: reads what is asked from standard input, prints the medians as JSON."""
    asked = json.load(sys.stdin)
    os.sched_setaffinity(0, asked["request"]["cpus"])
    pairs = {
        size: _pairs(dict(asked["request"], batch_size=size), asked["count"]) for size in asked["batch_sizes"]
    }
    print(json.dumps(pairs))


def _pairs(request: dict[str, Any], count: int) -> list[tuple[float, float]]:
    import onnxruntime
    from paretofleet_agent.runner import process
    from paretofleet_agent.runner.feeding import describe, feeding
    from paretofleet_agent.runner.inputs import buffers
    from paretofleet_agent.runner.runtimes.onnxruntime_runtime import OnnxRuntime

    run = OnnxRuntime(request, process.clock())
    run.ready()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = request["threads"]
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(request["artifact"], settings, providers=["CPUExecutionProvider"])
    feeds = itertools.cycle(buffers(feeding(describe(request), request)))
    process.freeze_gc()
    run.block(WARM_UP_S, 10**9)
    _own_times_s(session, feeds, WARM_UP_S, WARM_UP_MIN)

    def own_median_s() -> float:
        return statistics.median(_own_times_s(session, feeds, TURN_S, TURN_MIN))

    pairs = []
    for number in range(count):
        # Who begins changes, so that what drifts favours neither.
        if number % 2:
            own_s = own_median_s()
            pairs.append((_run_median_s(run), own_s))
        else:
            pairs.append((_run_median_s(run), own_median_s()))
    return pairs


def _run_median_s(run: Any) -> float:
    durations_ns: list[int] = []
    while len(durations_ns) < TURN_MIN:
        durations_ns += run.block(TURN_S, 10**9)[1]
    return statistics.median(durations_ns) / 1e9


def _own_times_s(session: Any, feeds: Any, seconds: float, least: int) -> list[float]:
    clock = time.perf_counter
    times_s: list[float] = []
    until = clock() + seconds
    end = 0.0
    while end < until or len(times_s) < least:
        feed = next(feeds)
        begin = clock()
        session.run(None, feed)
        end = clock()
        times_s.append(end - begin)
    return times_s
