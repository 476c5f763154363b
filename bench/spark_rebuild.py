"""What `report rebuild --engine spark` costs beside the collector's own process, and whether both agree.

    python bench/spark_rebuild.py [--short] [--runs 10000] [--samples 100000] [--merged] [--python PYTHON]

A sweep of generated runs, written as the product does: 96 % iterations, the rest readings of two rails, a
file each or, `--merged`, in files of 10,000,000 samples. Each engine is the process that the collector starts
and computes batch after batch; counted are the CPU seconds of it and all its children, Java and Python alike,
and the largest memory of each kind of process. Exit code 1 where a digit differs, a process that computes has
1 GB or more, or Spark takes more than 1.5 times the CPU seconds; of fewer than 10^8 samples, as with
`--short` (100 runs), its start alone takes that.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import parts
import psutil
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lake import merged, samples
from paretofleet_collector.lake.files import Lake, merged_file, samples_file, sha256_of
from paretofleet_collector.lake.samples import Stream
from paretofleet_collector.service import engines
from paretofleet_collector.service.merging import FULL_SAMPLES
from paretofleet_collector.store import runs, sealed
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.sealed import SealedFile

sys.path.insert(0, str(parts.ROOT / "tests" / "collector"))
sys.path.insert(0, str(parts.ROOT / "tests"))

import rig as rigs

MASTER, CPU_MAX, MEMORY_MAX = "local[2,4]", 1.5, 10**9
#: Samples from which on the CPU seconds are judged.
JUDGED = 10**8
ITERATION_NS, READING_S = 500_000, 0.05
RAILS = ("VDD_IN", "VDD_CPU")


def streams_of(count: int, generator: np.random.Generator) -> dict[str, Stream]:
    """The `count` samples of one run: iterations of half a millisecond with noise, and power beside them."""
    readings = count * 2 // 100
    iterations = count - 2 * readings - 5
    lengths = generator.normal(ITERATION_NS, ITERATION_NS / 100, iterations).astype(np.int64)
    begin = 2 * 10**9
    starts = begin + np.concatenate([[0], np.cumsum(lengths[:-1] + 900)])
    end = int(starts[-1] + lengths[-1])
    step = (end + 10**9) / readings
    marks = np.array([0, 10**9, begin, end + 1, end + 10**9])
    made = {
        "iterations": Stream("iterations/1", starts, lengths),
        "marks": Stream("marks/1", marks, np.array([0, 2, 4, 5, 7])),
    }
    for rail in RAILS:
        times = (np.arange(readings) * step + generator.uniform(0, step / 10, readings)).astype(np.int64)
        powers = (generator.normal(7.4e6, 1.5e5, readings) // 152 * 152).astype(np.int64)
        made[f"power:ina3221/{rail}"] = Stream("power/1", times, powers)
    return made


def facts() -> dict[str, Any]:
    """What the agent says of such a run."""
    rail = {"source": "ina3221", "scope": "module", "kind": "instant", "schema": "power/1"}
    rest = {"max_range_uj": None, "period_s": READING_S, "lag_s": None, "quantum_w": 0.152, "quantum_j": None}
    sensors = [
        {
            "stream": f"power:ina3221/{name}",
            "rail": name,
            "gain_relative_uncertainty": 0.03,
            "primary": name == RAILS[0],
            **rail,
            **rest,
        }
        for name in RAILS
    ]
    return {"sensors": sensors, "load_ns": 10**9, "boot_id": "b", "started_unix_s": 1.0}


def planned(home: Path, count: int) -> tuple[rigs.Rig, list[str]]:
    """A collector's folder in `home` with a sweep of `count` runs, and their ids."""
    rig = rigs.build(home, asyncio.new_event_loop(), [1000.0])
    rig.joined()
    width = next(number for number in (100, 50, 20, 10, 5, 2, 1) if count % number == 0)
    rig.submit(batch_sizes=tuple(range(1, width + 1)), runs_min=count // width, runs_max=count // width)
    query = runs.RUNS.select().order_by(runs.RUNS.c.block, runs.RUNS.c.turn)
    rows = rig.context.store.read_now(lambda connection: list(connection.execute(query)))
    return rig, [row.run_id for row in rows]


def written(lake: Lake, run_ids: list[str], size: int, *, is_merged: bool) -> Iterator[SealedFile]:
    """The sealed files of the runs, of `size` samples each, as they are written to the `lake`."""
    generator = np.random.default_rng(1)
    about = {"facts": json.dumps(facts())}
    if not is_merged:
        for run_id in run_ids:
            streams = streams_of(size, generator)
            relative = samples_file("s", run_id, 1)
            path = lake.put(relative, partial(_write, streams=streams, run_id=run_id, about=about))
            yield SealedFile(relative, run_id, 1, sha256_of(path), path.stat().st_size, size)
        return
    together = max(1, FULL_SAMPLES // size)
    alone = lake.temporary(".parquet")
    for first in range(0, len(run_ids), together):
        group, relative = run_ids[first : first + together], merged_file("s")

        def rows(group: list[str] = group) -> Iterator[merged.RunRows]:
            for run_id in group:
                _write(alone, streams_of(size, generator), run_id, about)
                yield merged.RunRows(samples.read_rows(alone), about)

        path = lake.put(relative, partial(_write_merged, runs=rows()))
        sha256, total = sha256_of(path), path.stat().st_size
        for number, run_id in enumerate(group):
            yield SealedFile(relative, run_id, 1, sha256, total, size, number * size)


def _write(path: Path, streams: dict[str, Stream], run_id: str, about: dict[str, str]) -> None:
    samples.write_parquet(path, streams, run_id, 1, about)


def _write_merged(path: Path, runs: Iterator[merged.RunRows]) -> None:
    merged.write_merged(path, runs)


def list_files(rig: rigs.Rig, files: list[SealedFile]) -> None:
    """Has the store say that the runs were measured and sealed, in these files."""
    attempt = {
        "attempt": 1, "device_id": "id-box", "session_id": "s", "state": "ended", "granted_unix_s": 1.0,
        "phase": "", "iterations": 0, "ok": True, "message": "", "chunks_json": "{}",
        "facts_json": json.dumps(facts()),
    }  # fmt: skip

    def write(connection: Any) -> None:
        connection.execute(ATTEMPTS.insert(), [{**attempt, "run_id": file.run_id} for file in files])
        connection.execute(runs.RUNS.update().values(state="sealed", attempt=1))
        for file in files:
            sealed.insert(connection, file, None, None, 1.0)

    rig.do(rig.context.store.write(write))


class Processes:
    """This process's children while something runs: CPU seconds of all, largest memory by command."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._cpu: dict[tuple[int, float], float] = {}
        self.memory: dict[str, int] = {}
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def cpu_s(self) -> float:
        """What all of them computed, in seconds, up to the last look."""
        return sum(self._cpu.values())

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self._look()
        self._look()

    def _look(self) -> None:
        for each in psutil.Process().children(recursive=True):
            try:
                times, words = each.cpu_times(), each.cmdline()
                kind = (
                    "java"
                    if "java" in words[0]
                    else "spark worker"
                    if "pyspark" in " ".join(words)
                    else "job"
                )
                self._cpu[each.pid, each.create_time()] = times.user + times.system
                memory = each.memory_info().rss
            except (psutil.Error, IndexError):
                continue
            self.memory[kind] = max(self.memory.get(kind, 0), memory)


async def rebuilt(rig: rigs.Rig, run_ids: list[str], python: str, master: str) -> tuple[dict[str, Any], Any]:
    """What an engine makes of all runs, with what its processes took."""
    worker = Worker(python)
    batch = engines.SPARK_BATCH if master else engines.LOCAL_BATCH
    summarizer = engines.Summarizer(rig.context, worker, batch, master)
    results: dict[str, Any] = {}
    began = time.perf_counter()
    try:
        with Processes() as processes:
            for start in range(0, len(run_ids), batch):
                results |= await summarizer.of(run_ids[start : start + batch])
            await asyncio.sleep(0.3)
        took_s = time.perf_counter() - began
    finally:
        await worker.close()
    sizes = ", ".join(f"{kind} {size / 1e6:.0f} MB" for kind, size in sorted(processes.memory.items()))
    print(
        f"{'spark' if master else 'local'}: {took_s:.1f} s, {processes.cpu_s:.1f} CPU s; {sizes}", flush=True
    )
    return results, processes


def main() -> None:
    """Prints the table; see above."""
    parser = parts.arguments(__doc__ or "")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--merged", action="store_true")
    parser.add_argument("--python", default=str(parts.ROOT / "build" / "spark" / "bin" / "python"))
    chosen = parser.parse_args()
    if not Path(chosen.python).exists() or shutil.which("java") is None:
        sys.exit(
            f"{chosen.python} or Java is not there: `bash scripts/spark.sh .venv/bin/python` makes the one"
        )
    count = 100 if chosen.short else chosen.runs
    with tempfile.TemporaryDirectory(prefix="paretofleet-spark-") as folder:
        rig, run_ids = planned(Path(folder), count)
        files = list(written(rig.context.lake, run_ids, chosen.samples, is_merged=chosen.merged))
        list_files(rig, files)
        size = sum({file.path: file.size_bytes for file in files}.values())
        number = len({file.path for file in files})
        print(f"{count} runs of {chosen.samples} samples, {number} files, {size / 1e6:.0f} MB", flush=True)
        here, local = rig.do(rebuilt(rig, run_ids, sys.executable, ""))
        there, spark = rig.do(rebuilt(rig, run_ids, chosen.python, MASTER))
        rig.stop()
    faults = [run_id for run_id, result in here.items() if not result.get("summary")]
    equal = json.dumps(here, sort_keys=True) == json.dumps(there, sort_keys=True)
    ratio = spark.cpu_s / local.cpu_s
    largest = max(size for kind, size in spark.memory.items() if kind != "java")
    print(f"equal to the last digit: {equal}; not summarised: {len(faults)}; CPU {ratio:.2f} times")
    is_judged = count * chosen.samples >= JUDGED
    missed = [
        *(["a digit differs"] if not equal or faults else []),
        *([f"CPU {ratio:.2f} times, at most {CPU_MAX}"] if ratio > CPU_MAX and is_judged else []),
        *([f"{largest / 1e6:.0f} MB, below {MEMORY_MAX / 1e6:.0f}"] if largest >= MEMORY_MAX else []),
    ]
    for each in missed:
        print(f"MISSED: {each}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
