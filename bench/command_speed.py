"""How long the command takes to answer: `python bench/command_speed.py [--short]`.

`--help` of both commands, `paretofleet rank` of 24 rows of five runs on one device, and the same with
`--figure`: the whole process, from the start of the interpreter to its end, by the CPU seconds (user and
system) that it and its children took. Modules are compiled before, in a folder of this bench, whatever the
environment says of bytecode.

A limit holds for the best of nine. The work is the same each time, and what others do on a shared core (its
caches, its twin, its clock) only makes CPU seconds longer: the least is nearest to the command's own. The
median says how it goes on the machine as it was, and stands beside, as do controls: an interpreter that
imports numpy. Exit code 1 where the best of one exceeds its limit.
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

BIN = Path(sys.executable).parent
ROWS, TIMES, TIMES_SHORT = 24, 9, 3
CONTROL = [sys.executable, "-c", "import numpy"]
#: What is typed, and the seconds that it may take.
LIMITS_S = {
    "paretofleet --help": 0.25,
    "paretofleet-agent --help": 0.25,
    "paretofleet rank report.parquet": 1.0,
    "paretofleet rank report.parquet --figure front.svg": 3.0,
    "paretofleet rank report.parquet --figure front.pdf": 3.0,
    "paretofleet rank report.parquet --figure front.png": 3.0,
}


def cpu_s(words: list[str], folder: Path) -> float:
    """CPU seconds of the program with these `words`, run in the `folder`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "XDG_STATE_HOME": str(folder), "TERM": "dumb"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    subprocess.run(words, cwd=folder, env=env, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Prints a row for each command; 1 where one is too slow."""
    short = parts.arguments(__doc__ or "").parse_args().short
    times, code = TIMES_SHORT if short else TIMES, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files.write(rank_speed.fleet(ROWS), folder / "report.parquet")
        cpu_s(CONTROL, folder)
        control_s = statistics.median(cpu_s(CONTROL, folder) for _ in range(times))
        print(parts.conditions())
        print(f"control: an interpreter that imports numpy, {control_s:.2f} CPU s\n")
        print(f"| command | best, CPU s | median of {times} | in controls | at most, s |")
        print("|---|---|---|---|---|")
        for line, limit_s in LIMITS_S.items():
            program, *words = line.split()
            command = [str(BIN / program), *words]
            cpu_s(command, folder)  # what is compiled at the first start
            taken = [cpu_s(command, folder) for _ in range(times)]
            median_s, best_s = statistics.median(taken), min(taken)
            said = "" if best_s <= limit_s else " MISSED"
            print(
                f"| `{line}` | {best_s:.2f} | {median_s:.2f} | {median_s / control_s:.1f} "
                f"| {limit_s:g}{said} |",
                flush=True,
            )
            code = code or int(best_s > limit_s)
    return code


if __name__ == "__main__":
    sys.exit(main())
