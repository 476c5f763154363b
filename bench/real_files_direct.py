"""A loop of one's own round ONNX Runtime, in a fresh process: what bench/real_files.py holds runs against.

It takes the arrays that the runner takes, by the same seed, and the runner's CPUs, threads and variables.
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

WARM_UP_S, WARM_UP_MIN, WINDOW_S, WINDOW_MIN = 0.3, 5, 0.7, 10


def medians(
    model: Path,
    batch_sizes: Sequence[int],
    fed: Mapping[str, Any],
    cpus: Sequence[int],
    variables: Mapping[str, str],
) -> dict[int, float]:
    """Median seconds of an inference of `model` by batch size, from a new process on the `cpus`.

    `fed`: the `sizes`, `inputs` and `seed` of a run. `variables`: the environment.
    """
    asked = {"artifact": str(model), "batch_sizes": list(batch_sizes), "cpus": list(cpus), **fed}
    done = subprocess.run(
        [sys.executable, "-c", "import real_files_direct; real_files_direct.answer()"],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent,
        env=dict(variables),
        check=True,
    )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {int(batch_size): median_s for batch_size, median_s in answer.items()}


def answer() -> None:
    """The other process: reads what is asked from standard input, prints medians as JSON."""
    asked = json.load(sys.stdin)
    os.sched_setaffinity(0, asked["cpus"])
    print(json.dumps({batch_size: _median_s(asked, batch_size) for batch_size in asked["batch_sizes"]}))


def _median_s(asked: Mapping[str, Any], batch_size: int) -> float:
    import onnxruntime
    from paretofleet_agent.runner.feeding import describe, feeding
    from paretofleet_agent.runner.inputs import buffers

    request = {**asked, "batch_size": batch_size}
    feeds = itertools.cycle(buffers(feeding(describe(request), request)))
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = len(asked["cpus"])
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(asked["artifact"], settings, providers=["CPUExecutionProvider"])
    _times_s(session, feeds, WARM_UP_S, WARM_UP_MIN)
    return statistics.median(_times_s(session, feeds, WINDOW_S, WINDOW_MIN))


def _times_s(session: Any, feeds: Any, seconds: float, least: int) -> list[float]:
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
