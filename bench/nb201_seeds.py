"""Is a ranking right where it calls itself sure? Architectures of NAS-Bench-201, trained three times each.

Fleets of architectures are ranked by accuracy on CIFAR-10 and latency on a Jetson TX2 (taken as certain, for
one value is known). The first training, or the first two, are known to the ranking; the last decides what is
true. `one seed`: the accuracy of one training is taken for the model's, as a table of published figures has
it. `seeds`: `--accuracy-question seeds`. `sure`: rows called front or beaten with 95 %; `right`: of these.

    python bench/nb201_seeds.py TRAININGS.csv.gz LATENCIES.csv
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from paretofleet_analysis.pareto import Shared, front_probability
from paretofleet_analysis.ranking.accuracy import next_trainings

FLEETS, SIZE, SURE = 300, 20, 0.95
COLUMNS = {"fp32": "cifar10_top1_fp32", "int8": "cifar10_top1_int8_espdl"}
LATENCY = "jetson_tx2_tensorrt_ms"


@dataclass
class Calls:
    """What was called of how many rows, how often with 95 %, and how often that was right."""

    rows: int = 0
    sure: int = 0
    right: int = 0

    def add(self, front: np.ndarray, is_front: np.ndarray) -> None:
        """Counts the rows of a fleet by their probabilities `front` and by what is true."""
        sure = (front >= SURE) | (front <= 1 - SURE)
        self.rows += front.size
        self.sure += int(sure.sum())
        self.right += int(((front >= SURE) == is_front)[sure].sum())

    def line(self, weights: str, ranking: str) -> str:
        """A row of the table."""
        return (
            f"| {weights} | {ranking} | {self.rows:,} | {self.sure / self.rows:.1%} | "
            f"{self.right / self.sure:.1%} |"
        )


def front(latencies: np.ndarray, values: list[np.ndarray]) -> np.ndarray:
    """(N,) how probable it is that nobody is as fast and as accurate, and better in one."""
    shared = Shared(np.arange(len(values)), values, maximize=True)
    return front_probability(latencies[:, None, None], maximize=[False], shared=shared)


def main() -> None:
    """Prints the table for fp32 and int8."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    trainings, latencies = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2]).set_index("arch_index")
    print("| weights | ranking | rows | sure | right where sure |\n| --- | --- | --- | --- | --- |")
    for weights, column in COLUMNS.items():
        table = trainings.pivot_table(index="arch_index", columns="seed", values=column).dropna()
        table = table[table.min(axis=1) > 50].join(latencies[LATENCY], how="inner")
        table = table[table[LATENCY] > 0]
        calls = {"one seed": Calls(), "seeds (2 known)": Calls()}
        random = np.random.default_rng(1)
        for _ in range(FLEETS):
            fleet = table.iloc[random.choice(len(table), SIZE, replace=False)].to_numpy()
            seeds, times = fleet[:, :3], fleet[:, 3]
            seeds = seeds[:, random.permutation(3)]
            is_front = front(times, [np.array([each]) for each in seeds[:, 2]]) > 0.5
            calls["one seed"].add(front(times, [np.array([each]) for each in seeds[:, 0]]), is_front)
            calls["seeds (2 known)"].add(front(times, next_trainings(seeds[:, :2].tolist())), is_front)
        for ranking, counted in calls.items():
            print(counted.line(f"{weights} (of {len(table):,})", ranking))


if __name__ == "__main__":
    main()
