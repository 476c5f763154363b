"""What relative efficiencies cost, and whether another library finds the same. `python bench/efficiency.py
[--short]`.

Free disposal: the exact law at 20 levels beside the loop everyone would write, 1,000 draws of a run of each
configuration, scored with numpy against their front; a few draws are timed and scaled. Envelopment: 2,000
units in linear programs, and 200 random fleets against Pyfrontier where PARETOFLEET_BENCH_ORACLE_PYTHON names
an interpreter that has requirements-oracle.txt. Times are CPU seconds of one thread, so that other work on
the machine counts little. Exit code 1 when a figure misses its goal.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from paretofleet_analysis.pareto import efficiency_survival
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.studies import dea

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "analysis" / "pareto"))
from fleets import noisy_shell  # noqa: E402 - the path above

ORACLE = "PARETOFLEET_BENCH_ORACLE_PYTHON"
DRAWS, LEVELS = 1000, np.linspace(0.5, 0.975, 20)
TIMES_FASTER_MIN, BCC_S_MAX, APART_MAX = 100.0, 60.0, 1e-6
_CELLS = 2_000_000


def cpu(call: Callable[[], object]) -> float:
    """Seconds of a call."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def numpy_draw(samples: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The control: one run of each configuration, each scored against the front of the draw."""
    drawn = np.array([runs[rng.integers(len(runs))] for runs in samples])
    logs = np.log(drawn)
    front = logs[nondominated(drawn, maximize=[False] * drawn.shape[1])]
    out = np.empty(len(logs))
    step = max(1, _CELLS // front.size)
    for at in range(0, len(logs), step):
        out[at : at + step] = (front - logs[at : at + step, None]).max(axis=2).min(axis=1)
    return np.exp(out)


def free_disposal(size: int, repeats: int) -> bool:
    """Prints the law's time beside the control's; whether it is as much faster as is wanted."""
    samples = noisy_shell(1, size, 4, 0.05)
    rng = np.random.default_rng(1)
    maximize = [False] * 4
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(cpu(lambda: efficiency_survival(samples, maximize=maximize, thresholds=LEVELS)))
        theirs.append(cpu(lambda: numpy_draw(samples, rng)))
    law, control = statistics.median(ours), DRAWS * statistics.median(theirs)
    print(
        f"| law of free disposal, {size:,} configurations, 4 costs, {len(LEVELS)} levels | {law:.2f} s | "
        f"{control:.0f} s with numpy against the front, {DRAWS:,} draws | {control / law:.0f} x |",
        flush=True,
    )
    return control / law >= TIMES_FASTER_MIN


def envelopment(size: int) -> bool:
    """Prints the time of linear programs; whether variable returns keep their limit."""
    rng = np.random.default_rng(1)
    costs, gains = rng.lognormal(sigma=0.5, size=(size, 2)), rng.lognormal(sigma=0.5, size=(size, 2))
    took = {
        "BCC, by costs": cpu(lambda: dea.efficiency(costs, gains)),
        "BCC, by gains": cpu(lambda: dea.efficiency(costs, gains, orientation="gains")),
        "CCR, by costs": cpu(lambda: dea.efficiency(costs, gains, returns="constant")),
        "BCC, super-efficiency": cpu(lambda: dea.super_efficiency(costs, gains)),
    }
    for name, seconds in took.items():
        print(f"| {name}, {size:,} units, 2 costs, 2 gains | {seconds:.2f} s | - | - |", flush=True)
    return took["BCC, by costs"] <= BCC_S_MAX


def random_fleets(count: int) -> list[dict]:
    """Fleets of 2 to 8 units, 1 to 3 costs, 1 or 2 gains, for each returns and orientation by turns."""
    rng = np.random.default_rng(200)
    fleets = []
    for at in range(count):
        units, inputs, outputs = int(rng.integers(2, 9)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
        fleets.append(
            {
                "costs": rng.lognormal(sigma=0.7, size=(units, inputs)).tolist(),
                "gains": rng.lognormal(sigma=0.7, size=(units, outputs)).tolist(),
                "returns": ("constant", "variable")[at % 2],
                "orientation": ("costs", "gains")[at // 2 % 2],
            }
        )
    return fleets


def oracle(count: int) -> bool:
    """Prints how far another library's scores are apart; True where there is none to ask."""
    python = os.environ.get(ORACLE)
    if not python:
        print(f"skipped: {ORACLE} names no interpreter with requirements-oracle.txt")
        return True
    fleets = random_fleets(count)
    lines = "".join(f"{json.dumps(fleet)}\n" for fleet in fleets)
    command = [python, str(HERE / "efficiency_oracle.py")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    theirs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    apart = 0.0
    for fleet, scores in zip(fleets, theirs, strict=True):
        options = {"returns": fleet["returns"], "orientation": fleet["orientation"]}
        ours = dea.efficiency(fleet["costs"], fleet["gains"], **options)
        apart = max(apart, float(np.abs(ours - scores).max()))
    units = sum(map(len, theirs))
    print(f"{count} random fleets, {units:,} units, against Pyfrontier: {apart:.1e} apart at most")
    return apart <= APART_MAX


def main() -> int:
    """1 where a figure misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="smaller fleets; nothing is judged by time")
    short = parser.parse_args().short
    print("| what | CPU of one thread | the control | faster |")
    print("|---|---|---|---|")
    kept = [
        free_disposal(1_000 if short else 10_000, 1 if short else 3) or short,
        envelopment(300 if short else 2_000),
        oracle(20 if short else 200),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
