"""What a sample of small runs costs in the lake: a file each, and merged as the collector does it.

Runs are like those of a simulated board under `quick`: 25 iterations with noise, 98 power readings, 6 marks,
and facts of about 1.2 kB, in which what differs from run to run differs. The control is the same samples in
one file of one run.

    .venv/bin/python bench/merged_files.py [RUNS]
"""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from paretofleet_collector.jobs.merge import merge
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.files import Lake, samples_file, sha256_of
from paretofleet_collector.lake.samples import Stream

SWEEP = "0" * 16


def streams_of(generator: np.random.Generator) -> dict[str, Stream]:
    """The samples of one run, times in ns, powers in uW."""
    start = int(generator.integers(10**12, 10**15))
    lengths = (generator.normal(9.3e6, 9e4, 25)).astype(np.int64)
    starts = start + 2_000_000_000 + np.concatenate([[0], np.cumsum(lengths[:-1] + 900)])
    readings = start + np.cumsum(generator.normal(5e7, 2e5, 98)).astype(np.int64)
    powers = (generator.normal(7.4e6, 1.5e5, 98) // 152 * 152).astype(np.int64)
    marks = start + np.sort(generator.integers(0, 5 * 10**9, 6))
    return {
        "iterations": Stream("iterations/1", starts, lengths),
        "power:sim/VDD_IN": Stream("power/1", readings, powers),
        "marks": Stream("marks/1", marks, np.arange(6)),
    }


def _write(path: Path, streams: dict[str, Stream], run_id: str, about: dict[str, str]) -> None:
    samples.write_parquet(path, streams, run_id, 1, about)


def facts_of(generator: np.random.Generator) -> str:
    """Facts of the usual size: most of a device's, some of this run's."""
    shared = {f"setting_{number}": "0123456789abcdef" for number in range(30)}
    seen = {
        "started_unix_s": 1.7e9 + generator.random() * 1e6,
        "load_ns": int(generator.integers(10**9, 2 * 10**9)),
    }
    return json.dumps({**shared, **seen, "memory_peak_bytes": int(generator.integers(10**9, 2 * 10**9))})


class Sizes(NamedTuple):
    """Runs as a file each (`alone`) and merged, in bytes; their samples; seconds that the merge took."""

    samples: int
    alone_bytes: int
    merged_bytes: int
    took_s: float


def measured(count: int) -> Sizes:
    """What `count` runs take."""
    generator = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        parts, size, total = [], 0, 0
        for number in range(count):
            run_id, streams = secrets.token_hex(8), streams_of(generator)
            about = {
                "sweep_id": SWEEP,
                "block": str(number),
                "facts": facts_of(generator),
                "configuration": "{}",
            }
            relative = samples_file(SWEEP, run_id, 1)
            path = lake.put(relative, partial(_write, streams=streams, run_id=run_id, about=about))
            rows = sum(stream.first.size for stream in streams.values())
            parts.append((relative, sha256_of(path), 0, rows))
            size, total = size + path.stat().st_size, total + rows
        began = time.perf_counter()
        result = merge(folder, SWEEP, parts)
        return Sizes(total, size, result["size_bytes"], time.perf_counter() - began)


def main() -> None:
    """Prints bytes per sample before and after."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    sizes = measured(count)
    print(f"{count} runs of {sizes.samples // count} samples")
    print(f"a file each: {sizes.alone_bytes / sizes.samples:.1f} bytes a sample")
    print(f"merged:      {sizes.merged_bytes / sizes.samples:.2f} bytes a sample, in {sizes.took_s:.1f} s")


if __name__ == "__main__":
    main()
