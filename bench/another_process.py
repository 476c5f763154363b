"""Is another process predicted? `python bench/another_process.py [--data FILE]`.

FILE holds timings of networks measured in several processes; without it those of
jcjohnson/cnn-benchmarks that the tests carry are taken. A cell is a network on one device with one version of
cuDNN. Of each cell with two files or more every file is left out once: an interval of 95 % for the mean of
another process is made from the cell's other files and from how the files of the device's other cells differ,
and should hold the mean of the one left out. Passes are iterations of a process; the first is cold and left
out. Exit code 1 below 90 %.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from paretofleet_analysis.statistics.prediction import Prediction, another_process
from paretofleet_analysis.statistics.stopping import device_prior

DATA = Path(__file__).parents[1] / "tests/analysis/pareto/data/cnn_benchmarks_passes.csv"
GOAL = 0.90
#: Of a setup the files of each cell, a cell being a network and a version of cuDNN.
Cells = dict[tuple[str, str], list[float]]


def process_means(path: Path, column: str) -> dict[str, Cells]:
    """By setup and cell the mean seconds of each file in `column`, its first pass left out."""
    passes: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    with path.open() as file:
        for row in csv.DictReader(file):
            if int(row["pass"]) > 1:
                key = (row["setup"], row["model"], row["cudnn_version"], row["source_file"])
                passes[key].append(float(row[column]))
    found: dict[str, Cells] = defaultdict(lambda: defaultdict(list))
    for (setup, model, cudnn, _), values in passes.items():
        found[setup][model, cudnn].append(float(np.mean(values)))
    return found


def left_out(cells: Cells) -> Iterator[tuple[tuple[str, str], float, Prediction | None]]:
    """Each file of a cell with two or more: the cell, the file's mean, and what the others predict."""
    for cell, means in cells.items():
        for k, mean in enumerate(means):
            rest = means[:k] + means[k + 1 :]
            if rest:
                others = [values for other, values in cells.items() if other != cell]
                yield cell, mean, another_process(rest, prior=device_prior([*others, rest]))


def main(arguments: list[str]) -> int:
    """Print what was held; 1 below the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, metavar="FILE")
    path = parser.parse_args(arguments).data
    print("| setup | time | files | unknown | held | median reach |\n|---|---|---|---|---|---|")
    held: list[bool] = []
    for column in ("forward_s", "backward_s"):
        for setup, cells in process_means(path, column).items():
            found = list(left_out(cells))
            known = [(mean, each) for _, mean, each in found if each is not None]
            if not found:
                continue
            inside = [each.lo <= mean <= each.hi for mean, each in known]
            reach = [100 * (each.hi / each.lo) ** 0.5 - 100 for _, each in known]
            held += inside
            print(
                f"| {setup} | {column} | {len(found)} | {len(found) - len(known)} | {sum(inside)} | "
                f"{f'{np.median(reach):.2f} %' if reach else '-'} |"
            )
    share = np.mean(held) if held else 0.0
    print(f"\n{sum(held)} of {len(held)} held: {share:.1%}, goal {GOAL:.0%}")
    return int(share < GOAL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
