"""What samples and rows cost, by how many: sealed, kept, merged, computed again, ranked."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import merged_files
import numpy as np
import parts
import psutil
import rank_million
from growth_fit import Growth, Limit
from paretofleet_collector.model.entities import AttemptKey, Chunk
from paretofleet_collector.service import reports
from paretofleet_collector.store import sealed

sys.path.insert(0, str(parts.ROOT / "tests" / "collector"))
sys.path.insert(0, str(parts.ROOT / "tests"))

import rig as rigs

COMMAND, MEMORY = Limit(60.0, "60 s for a command"), Limit(16 * 2**30, "16 GiB of memory")
DISK, DAY = Limit(1e12, "1 TB of disk"), Limit(86_400.0, "one core for a day")
CHUNK_SAMPLES, TOGETHER = 16_384, 25
MEAN_NS, SPREAD_NS = 1e6, 2e4
#: Rows of the report whose ranking is taken off: what the command costs before there is anything to rank.
FEW_ROWS = 10
#: What the instruments tell from nothing: the system's clock of a process; pages that a table begins.
CLOCK_S, PAGES_BYTES, MEMORY_SEEN_BYTES = 0.04, 65_536.0, 1e6


def ranked(name: str, sizes: Sequence[int]) -> list[Growth]:
    """CPU and memory of `paretofleet rank` for reports of so many rows, above those of one of ten.

    Up to 20,000 rows each is listed; of more, those are counted that are surely dominated.
    """
    least_s, least_bytes = _rank(FEW_ROWS)
    costs = [_rank(size) for size in sizes]
    cpu = tuple((float(size), max(0.0, cpu - least_s)) for size, (cpu, _) in zip(sizes, costs, strict=True))
    memory = tuple(
        (float(size), max(0.0, peak - least_bytes)) for size, (_, peak) in zip(sizes, costs, strict=True)
    )
    return [
        Growth(f"{name}, CPU", "rows", "s", cpu, COMMAND, CLOCK_S),
        Growth(f"{name}, memory", "rows", "B", memory, MEMORY, MEMORY_SEEN_BYTES),
    ]


def _rank(rows: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory(prefix="paretofleet-growth-") as folder:
        rank_million.write_fleet(rows, Path(folder))
        command = str(Path(sys.executable).with_name("paretofleet"))
        _, cpu_s, peak_bytes = rank_million.costs([command, "rank", folder])
    return cpu_s, peak_bytes


def merged(sizes: Sequence[int]) -> list[Growth]:
    """Bytes of the lake for so many runs of a simulated board under `quick`, merged."""
    found = [merged_files.measured(size) for size in sizes]
    points = tuple((float(each.samples), float(each.merged_bytes)) for each in found)
    return [Growth("lake, short runs merged", "samples", "B", points, DISK)]


def sealed_runs(sizes: Sequence[int], samples: int) -> list[Growth]:
    """What runs of so many iterations cost a collector, in sweeps of so many runs.

    By the runs: CPU from the uploaded run to the sealed one, and bytes of the store. By the samples: bytes
    of the lake, and CPU of `report rebuild`. Chunks come as they do from agents, but within this process,
    and are not counted.
    """
    with tempfile.TemporaryDirectory(prefix="paretofleet-growth-") as folder:
        collector = Collector(Path(folder))
        try:
            collector.sweep(1, samples)  # the worker starts
            swept = [collector.sweep(size, samples) for size in sizes]
        finally:
            collector.close()
    runs = [float(size) for size in sizes]
    totals = [size * samples for size in runs]
    name = f"runs of {samples:,} samples"
    seal, store, lake, rebuild = (tuple(column) for column in zip(*swept, strict=True))
    made = [(f"{name} sealed, CPU", "runs", "s", runs, seal, DAY, CLOCK_S)]
    made += [(f"{name}, the store", "runs", "B", runs, store, DISK, PAGES_BYTES)]
    made += [(f"{name}, the lake", "samples", "B", totals, lake, DISK, 0.0)]
    made += [(f"{name} computed again, CPU", "samples", "s", totals, rebuild, COMMAND, CLOCK_S)]
    return [
        Growth(what, things, unit, tuple(zip(at, costs, strict=True)), limit, seen)
        for what, things, unit, at, costs, limit, seen in made
    ]


class Collector:
    """A collector within this process, whose worker is a process of its own, and a device that measures."""

    def __init__(self, home: Path) -> None:
        self._rig = rigs.build(home, asyncio.new_event_loop(), [1000.0])
        self._session = self._rig.joined()
        self._draws = np.random.default_rng(1)

    def sweep(self, count: int, samples: int) -> tuple[float, float, float, float]:
        """Measures `count` runs of so many `samples`.

        CPU seconds to seal them, bytes more in the store and in the lake, CPU seconds to compute them again.
        """
        before_bytes, seal_s, name = self._store_bytes(), 0.0, secrets.token_hex(4)
        width = next(number for number in (100, 50, 20, 10, 5, 2, 1) if count % number == 0)
        repeats = {"runs_min": count // width, "runs_max": count // width}
        sweep_id = self._rig.submit(batch_sizes=tuple(range(1, width + 1)), name=name, **repeats).sweep_id
        for first in range(0, count, TOGETHER):
            for _ in range(min(TOGETHER, count - first)):
                self._upload(samples)
            begin_s = self._cpu_s()
            self._rig.seal()
            seal_s += self._cpu_s() - begin_s
        files = self._rig.context.store.read_now(lambda connection: sealed.files(connection, sweep_id))
        if len(files) != count:
            raise SystemExit(f"{len(files)} of {count} runs were sealed")
        store_bytes, begin_s = self._store_bytes() - before_bytes, self._cpu_s()
        rebuilt = self._rig.do(reports.rebuild(self._rig.context, name))
        rebuild_s = self._cpu_s() - begin_s
        if rebuilt.runs != count or rebuilt.faults:
            raise SystemExit(f"{rebuilt.runs} of {count} runs were computed again: {rebuilt.faults[:1]}")
        return seal_s, store_bytes, float(sum(file.size_bytes for file in files)), rebuild_s

    def close(self) -> None:
        """Ends both processes' work."""
        self._rig.stop()
        self._rig.loop.close()

    def _upload(self, samples: int) -> None:
        grant = self._rig.lease(self._session)
        if grant is None:
            raise SystemExit("the collector granted no run")
        made = chunks_of(grant.key, samples, self._draws)
        for each in made:
            self._rig.send(self._session, each)
        facts = json.loads(merged_files.facts_of(self._draws))
        self._rig.end(self._session, rigs.end_of(grant.key, made, facts=facts))

    def _store_bytes(self) -> float:
        """What the store's tables take; pages that were given back do not count."""

        def pages(name: str) -> int:
            query = f"PRAGMA {name}"
            return int(self._rig.context.store.read_now(lambda c: c.exec_driver_sql(query).scalar_one()))

        return float((pages("page_count") - pages("freelist_count")) * pages("page_size"))

    def _cpu_s(self) -> float:
        """Of this process and its worker, in seconds so far."""
        times = [child.cpu_times() for child in psutil.Process(os.getpid()).children()]
        return time.process_time() + sum(each.user + each.system for each in times)


def chunks_of(key: AttemptKey, samples: int, draws: np.random.Generator) -> list[Chunk]:
    """An attempt of so many iterations of a millisecond with 2 % of noise, between its marks."""
    lengths = draws.normal(MEAN_NS, SPREAD_NS, samples).astype(np.int64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    made = [rigs.chunk(key, "marks", 0, [0, int(ends[-1])], [4, 5])]
    for seq, first in enumerate(range(0, samples, CHUNK_SAMPLES)):
        part = slice(first, first + CHUNK_SAMPLES)
        made.append(rigs.chunk(key, "iterations", seq, starts[part], lengths[part]))
    return made
