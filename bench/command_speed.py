"""How long the command takes to answer: `python bench/command_speed.py [--short]`.

`paretofleet --help`, `paretofleet rank` of 24 rows of five runs, and the same with `--figure`: the whole
process, from the start of the interpreter to its end, by the CPU seconds (user and system) that it and its
children took, which other work on the machine does not add to. The best and the median of nine. Exit code 1
where the median of one exceeds its limit.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import parts
import rank_speed
from paretofleet_analysis.report import files

COMMAND = Path(sys.executable).parent / "paretofleet"
ROWS, TIMES, TIMES_SHORT = 24, 9, 3
#: What is typed behind `paretofleet`, and the seconds that it may take.
LIMITS_S = {
    "--help": 0.25,
    "rank report.parquet": 1.0,
    "rank report.parquet --figure front.svg": 3.0,
}


def cpu_s(words: list[str], folder: Path) -> float:
    """CPU seconds of the command with these `words`, run in the `folder`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "XDG_STATE_HOME": str(folder), "TERM": "dumb"}
    subprocess.run([COMMAND, *words], cwd=folder, env=env, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Prints a row for each command; 1 where one is too slow."""
    short = parts.arguments(__doc__ or "").parse_args().short
    times, code = TIMES_SHORT if short else TIMES, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.write(rank_speed.fleet(ROWS), folder / "report.parquet")
        print(f"| `paretofleet ...` | best, CPU s | median of {times} | at most |\n|---|---|---|---|")
        for line, limit_s in LIMITS_S.items():
            cpu_s(line.split(), folder)  # what is compiled at the first start
            taken = [cpu_s(line.split(), folder) for _ in range(times)]
            median_s = statistics.median(taken)
            said = "" if median_s <= limit_s else " MISSED"
            print(f"| `{line}` | {min(taken):.2f} | {median_s:.2f} | {limit_s:g}{said} |")
            code = code or int(median_s > limit_s)
    return code


if __name__ == "__main__":
    sys.exit(main())
