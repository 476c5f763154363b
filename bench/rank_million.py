"""What a ranking of a million rows costs, the whole command, or the page of one.

    python bench/rank_million.py [ROWS] [--analyze]

A folder of reports of 100,000 rows each: larger networks are more accurate, slower and hungrier, each with
much scatter; two devices, five runs of 2 % noise in every row. `paretofleet rank FOLDER` in a fresh process:
seconds by the clock, CPU seconds and the peak of its memory, beside a control that only reads the same files.
Exit code 1 where a million rows take 60 CPU seconds or more, or 4 GiB (by the clock undecided where others
used the core meanwhile). `--analyze`: `paretofleet analyze FOLDER` instead, where 100,000 rows, of which all
studies are made, may take as much.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import machine
import numpy as np
import pyarrow as pa
from paretofleet_analysis.report import files
from paretofleet_analysis.report.schema import schema

ROWS, RUNS, NOISE, PART = 1_000_000, 5, 0.02, 100_000
NETWORKS, DEVICES = 500, 2
LIMIT_S, LIMIT_BYTES = 60.0, 4 << 30
ANALYZE_ROWS, ANALYZE_LIMIT_S = 100_000, 60.0
_CONTROL = """
import sys
from pathlib import Path
from paretofleet_analysis.report import files
print(sum(files.read(path).num_rows for path in sorted(Path(sys.argv[1]).iterdir())))
"""


@dataclass(frozen=True)
class Fleet:
    """What is common to the rows of a generated report: `noise` of a run, by networks their `capacity`, and
    how many `runs` a row has; on so many `devices`.
    """

    noise: float
    capacity: np.ndarray
    runs: int = RUNS
    devices: int = DEVICES

    @classmethod
    def drawn(cls, rng: np.random.Generator, noise: float = NOISE) -> Fleet:
        """Networks drawn by `rng`."""
        return cls(noise, rng.uniform(0, 1, NETWORKS))


def write_fleet(
    rows: int, folder: Path, *, noise: float = NOISE, devices: int = DEVICES, seed: int = 1
) -> None:
    """Writes a report of so many `rows` below the `folder`, in files of 100,000."""
    rng = np.random.default_rng(seed)
    fleet = replace(Fleet.drawn(rng, noise), devices=devices)
    for part, start in enumerate(range(0, rows, PART)):
        table = fleet_rows(np.arange(start, min(start + PART, rows)), fleet, rng)
        files.write(table, folder / f"part-{part:03}.parquet")


def fleet_rows(numbers: np.ndarray, fleet: Fleet, rng: np.random.Generator) -> pa.Table:
    """The report's rows of these `numbers`."""
    n, network = len(numbers), numbers % NETWORKS
    latency = 0.005 * np.exp(2.5 * fleet.capacity[network] + 0.8 * rng.standard_normal(n))
    energy = 10 * latency * np.exp(0.4 * rng.standard_normal(n))
    given = _identity(numbers, fleet) | _runs(numbers, fleet)
    for name, values in (
        ("batch_latency_mean_s", latency),
        ("batch_latency_p90_s", latency),
        ("energy_j_per_item", energy),
    ):
        runs = values[:, None] * np.exp(fleet.noise * rng.standard_normal((n, fleet.runs)))
        given |= {name: runs.mean(axis=1), f"{name}_runs": _lists(runs.ravel(), fleet.runs)}
    absent = pa.array([[None] * fleet.runs] * n, pa.list_(pa.float64()))
    columns = [_column(field, given, n, absent) for field in schema()]
    return pa.Table.from_arrays(columns, schema=schema())


def _identity(numbers: np.ndarray, fleet: Fleet) -> dict[str, object]:
    """Columns that say which configuration a row is; one value is that of all rows."""
    network = numbers % NETWORKS
    names = [f"network-{k}" for k in network]
    same = {
        **dict.fromkeys(("variant", "weights_precision", "precision"), "fp32"),
        "sweep": "bench",
        "environment_id": "e" * 16,
        "device_class": "bench",
        "target": "cpu",
        "runtime": "onnxruntime",
        "options": "{}",
        "batch_size": 1,
        "threads": 1,
        "mode": "latency",
        "timing_scope": "copy+compute",
        "protocol": "standard",
        "status": "ok",
        "simulated": False,
        "top1_n": 50_000,
        "top1_source": "user",
        "rule_version": "1",
        "power_scope": "package",
        "power_source": "rapl",
        "energy_gain_uncertainty": 0.03,
        "runs": fleet.runs,
        "iterations": 100 * fleet.runs,
    }
    return same | {
        "configuration_id": [f"{k:016x}" for k in numbers],
        "model": names,
        "accuracy_group": names,
        "variant_sha256": [f"{k:064x}" for k in network],
        "device": [f"device-{k}" for k in numbers // NETWORKS % fleet.devices],
        "top1": np.round(55 + 25 * fleet.capacity[network], 2),
        "flags": pa.array([[]] * len(numbers), pa.list_(pa.string())),
    }


def _runs(numbers: np.ndarray, fleet: Fleet) -> dict[str, object]:
    """Columns with an entry for each run."""
    n, blocks = len(numbers), range(1, fleet.runs + 1)
    return {
        "run_ids": _lists([f"{k}-{block}" for k in numbers for block in blocks], fleet.runs),
        "run_blocks": _lists(np.tile(np.array(blocks), n), fleet.runs),
        "run_boots": _lists(["boot"] * n * fleet.runs, fleet.runs),
        "run_started_s": _lists(np.tile(1.7e9 + np.array(blocks, dtype=float), n), fleet.runs),
        "run_flags": pa.array([[[]] * fleet.runs] * n, pa.list_(pa.list_(pa.string()))),
        "run_counted": _lists([True] * n * fleet.runs, fleet.runs),
    }


def _lists(values: object, runs: int) -> pa.Array:
    flat = pa.array(values)
    return pa.ListArray.from_arrays(np.arange(0, len(flat) + 1, runs, dtype=np.int32), flat)


def _column(field: pa.Field, given: dict[str, object], n: int, absent: pa.Array) -> pa.Array:
    if field.name not in given:
        is_of_runs = field.name.endswith("_runs") or field.name.startswith("run_")
        return absent.cast(field.type) if is_of_runs else pa.nulls(n, field.type)
    values = given[field.name]
    if isinstance(values, (pa.Array, list, np.ndarray)):
        return pa.array(values).cast(field.type)
    return pa.repeat(pa.scalar(values), n).cast(field.type)


#: Starts a command and says what it took. A process begins with the memory peak of whoever started it,
#: which here is small, while this bench holds its tables.
_STARTER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps([process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))
"""


def costs(command: list[str]) -> tuple[float, float, int]:
    """Seconds by the clock, CPU seconds and the peak of memory in bytes of a `command`."""
    start = time.perf_counter()
    said = subprocess.run([sys.executable, "-c", _STARTER, *command], stdout=subprocess.PIPE, check=True)
    code, cpu_s, peak_bytes = json.loads(said.stdout)
    if code:
        raise SystemExit(f"{' '.join(command[:3])} ended with {code}")
    return time.perf_counter() - start, cpu_s, peak_bytes


def main(arguments: list[str]) -> int:
    """Prints the costs; 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=ROWS)
    parser.add_argument("--analyze", action="store_true", help="the page of `analyze` instead of `rank`")
    options = parser.parse_args(arguments)
    rows, named = options.rows, "analyze" if options.analyze else "rank"
    command = [str(Path(sys.executable).with_name("paretofleet")), named]
    with tempfile.TemporaryDirectory(prefix="paretofleet-bench-") as folder:
        reports, page = Path(folder) / "reports", Path(folder) / "page.html"
        reports.mkdir()
        write_fleet(rows, reports)
        size = sum(path.stat().st_size for path in reports.iterdir())
        read_s, read_cpu_s, read_bytes = costs([sys.executable, "-c", _CONTROL, str(reports)])
        watch = machine.Watch()
        to_page = ["--output", str(page)] if options.analyze else []
        wall_s, cpu_s, peak_bytes = costs([*command, str(reports), *to_page])
        page_bytes = page.stat().st_size if options.analyze else 0
    print(f"{rows:,} rows, {RUNS} runs of {NOISE:.0%} noise each, {size / 1e6:.0f} MB of Parquet")
    print(f"only read: {read_s:.1f} s wall, {read_cpu_s:.1f} s CPU, {read_bytes / 2**30:.2f} GiB")
    limit_s, at_rows = (ANALYZE_LIMIT_S, ANALYZE_ROWS) if options.analyze else (LIMIT_S, ROWS)
    is_missed = rows == at_rows and (cpu_s >= limit_s or peak_bytes >= LIMIT_BYTES)
    is_late = rows == at_rows and wall_s >= limit_s
    said = "MISSED" if is_missed else machine.judged(kept=not is_late, idle=watch.had(1))
    page_text = f", a page of {page_bytes / 1e6:.1f} MB" if options.analyze else ""
    print(
        f"{named}: {wall_s:.1f} s wall, {cpu_s:.1f} s CPU, {peak_bytes / 2**30:.2f} GiB{page_text} "
        f"(limits {limit_s:g} s and {LIMIT_BYTES / 2**30:g} GiB for {at_rows:,}) {said}".rstrip()
    )
    return int(is_missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
