"""How far do search methods get? Replayed against tables of NAS-Bench-201 on boards, whose fronts are known.

Scores: hypervolume of what was tried over that of the table's true front, as docs/methods/search.md defines
it. `methods`: random, Optuna's TPE and NSGA-II, ours one by one and by fours, on a Raspberry Pi 5 with ONNX
Runtime. `tables`: ours, and alone each of the two ways in which it ranks candidates, on seven tables.
`fleet`: one search for four devices beside four of a quarter. `failures`: the tenth with the most 3x3
convolutions, or the slowest, does not fit in memory. `confirmed`: the front measured anew at three times the
noise, or `--noise` times. `statements`: fronts of two boards, and of one measured twice, 200 times.

    python bench/search_methods.py [FOLDER] [--part NAME ...] [--seeds 12] [--first-seed 100] [--short]

FOLDER holds nb201_accuracy_training.csv.gz, nb201_pi5_latency_energy.parquet, nb201_help.parquet and
nb201_latency_tx2_nano_1999.csv; otherwise shared/data/nas beside this repository.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.search.fronts import confirmed_front, front_of_trials, is_near
from paretofleet_analysis.search.members import members_at
from paretofleet_analysis.search.propose import by_added_volume, by_process, by_weight
from paretofleet_analysis.search.replay import Replayed, replay
from paretofleet_analysis.search.samplers import method_of, search_of
from paretofleet_analysis.search.statements import Measured, fronts_differ
from paretofleet_analysis.search.table import ColumnMap, Join, PublishedTable, read_table

BESIDE = Path(__file__).parents[2] / "shared/data/nas"
#: Error in percent; log10 of 2 %.
POINTS, SHARE = 0.2, float(np.log10(1.02))
DEVICES = {
    "pi5-onnxruntime": ("onnx.latency_ms_median", "onnx.energy_mj"),
    "pi5-litert": ("litert.latency_ms_median", "litert.energy_mj"),
    "raspi4": ("help.ms_raspi4",),
    "gtx-1080-ti": ("help.ms_1080ti_1",),
}
#: Of `tables`: the accuracy and the devices.
TABLES = (
    ("cifar100_top1", "pi5-onnxruntime"),
    ("onnx.accuracy", "pi5-onnxruntime"),
    ("imagenet16_120_top1", "pi5-onnxruntime"),
    ("cifar100_top1", "pi5-litert"),
    ("cifar100_top1", "gtx-1080-ti"),
    ("cifar10_top1", "gtx-1080-ti"),
    ("cifar10_top1", "raspi4"),
)
REPEATS = 200


def table_of(folder: Path, devices: tuple[str, ...], accuracy: str = "cifar100_top1") -> PublishedTable:
    """The members, each with its own `accuracy`, and the times and energies of its graph on `devices`.

    CIFAR-100's has a front of 41 on the Raspberry Pi 5. With one accuracy a graph, as that board's file has
    it (`onnx.accuracy`), it is 60 graphs.
    """
    pi5 = folder / "nb201_pi5_latency_energy.parquet"
    joins = [
        Join(name, pi5, "same_graph_as", "arch_index", {"framework": name}) for name in ("onnx", "litert")
    ]
    joins.append(Join("help", folder / "nb201_help.parquet", "same_graph_as", "arch", {}))
    columns = ColumnMap(
        accuracy, {name: DEVICES[name] for name in devices}, letters="ops", graph="same_graph_as"
    )
    return read_table(folder / "nb201_accuracy_training.csv.gz", columns, joins, worst_error=60.0)


def searched(
    table: PublishedTable, name: str, seed: int, *, trials: int, batch: int = 1, noise: float = 1.0
) -> Replayed:
    """One search of a table by the method called `name`."""
    search = search_of(table, name, seed)
    return replay(table, search, method_of(name), trials=trials, batch=batch, noise=noise)


def methods(folder: Path, seeds: range, trials: int) -> None:
    """Prints the methods, and how often each is above random and above TPE with the same seed."""
    table = table_of(folder, ("pi5-onnxruntime",))
    marks = [at for at in (50, 100, 200) if at <= trials]
    heads = ["method", *map(str, marks), "worst seed", "above random in", "above TPE in", "CPU s a proposal"]
    print(f"| {' | '.join(heads)} |")
    print("| --- " * len(heads) + "|")
    last: dict[str, np.ndarray] = {}
    cases = [("random", 1), ("tpe", 1), ("nsga2", 1), ("gp", 1), ("gp", 4)]
    for name, batch in cases:
        done = [searched(table, name, seed, trials=trials, batch=batch) for seed in seeds]
        scores = np.array([each.scores["pi5-onnxruntime"] for each in done])
        label = name if batch == 1 else f"{name}, by fours"
        last[label] = scores[:, -1]
        means = " | ".join(f"{scores[:, at - 1].mean():.3f}" for at in marks)
        above = " | ".join(
            f"{(scores[:, -1] > last[other]).sum()} of {len(seeds)}" if other in last else ""
            for other in ("random", "tpe")
        )
        cpu_s = np.mean([each.cpu_s for each in done])
        print(f"| {label} | {means} | {scores[:, -1].min():.3f} | {above} | {cpu_s:.3f} |", flush=True)


def tables(folder: Path, seeds: range, trials: int) -> None:
    """Prints ours beside its two ways of ranking alone: mean at half of the trials and at the end, worst."""
    ways = {
        "both": by_process,
        "volume": partial(by_process, ranks=[by_added_volume]),
        "one weight": partial(by_process, ranks=[by_weight]),
    }
    print(f"| accuracy, device | {' | '.join(ways)} |")
    print("| --- " * (len(ways) + 1) + "|")
    for accuracy, device in TABLES:
        table = table_of(folder, (device,), accuracy)
        cells = []
        for way in ways.values():
            done = [replay(table, search_of(table, "gp", seed), way, trials=trials) for seed in seeds]
            scores = np.array([each.scores[device] for each in done])
            last = scores[:, -1]
            cells.append(f"{scores[:, trials // 2 - 1].mean():.3f}, {last.mean():.3f}, {last.min():.3f}")
        print(f"| {accuracy}, {device} | {' | '.join(cells)} |", flush=True)


def fleet(folder: Path, seeds: range, trials: int) -> None:
    """Prints one search for four devices, and four searches of a quarter of the trainings."""
    whole = table_of(folder, tuple(DEVICES))
    alone = [table_of(folder, (name,)) for name in DEVICES]
    together, apart = [], []
    for seed in seeds:
        scores = searched(whole, "gp", seed, trials=trials).scores
        together.append([scores[name][-1] for name in DEVICES])
        each = [searched(table, "gp", seed, trials=trials // 4) for table in alone]
        apart.append([done.scores[name][-1] for done, name in zip(each, DEVICES, strict=True)])
    print(f"| {trials} trainings | {' | '.join(DEVICES)} | mean | worst |")
    print("| --- " * (len(DEVICES) + 3) + "|")
    for label, rows in (("one search", together), ("four searches", apart)):
        means = np.mean(rows, axis=0)
        cells = " | ".join(f"{value:.3f}" for value in means)
        print(f"| {label} | {cells} | {means.mean():.3f} | {means.min():.3f} |", flush=True)


def failures(folder: Path, seeds: range, trials: int) -> None:
    """Prints which share of the proposals after the 20th do not fit in memory, and graphs tried twice.

    TPE, four times as slow as ours, stands beside the first case only.
    """
    table = table_of(folder, ("pi5-onnxruntime",))
    codes = np.empty((len(table.costs), len(table.space.parameters)), dtype=np.int64)
    codes[table.rows] = members_at(table.space, range(table.space.size))
    need = (codes == 3).sum(axis=1) + 0.2 * (codes == 2).sum(axis=1)
    heavy = need > np.quantile(need, 0.9)
    # members of one graph fail together, as its first does
    first = np.unique(table.graphs, return_index=True)[1][table.graphs]
    costly = table.costs[:, 1] > np.quantile(table.costs[:, 1], 0.9)
    cases = (
        ("most 3x3 convolutions", heavy, "gp"),
        ("slowest tenth", costly, "gp"),
        ("most 3x3 convolutions", heavy, "tpe"),
    )
    for label, failed, name in cases:
        broken = replace(table, has_failed=failed[first])
        done = [searched(broken, name, seed, trials=trials) for seed in seeds]
        late = np.mean([each.late_failures for each in done])
        twice = sum(len(each.rows) - len(set(table.graphs[each.rows].tolist())) for each in done)
        share = broken.has_failed.mean()
        print(f"{label} ({share:.1%} fail), {name}: {late:.1%} after the 20th; {twice} twice", flush=True)


def confirmed(folder: Path, seeds: range, trials: int, *, noise: float = 3.0) -> None:
    """Prints how much of a front at so many times the `noise` is within the margins of the true front of what
    was tried, and of the table's, before and after its members are measured anew with three trainings; by
    how much its error is too good; and how many members it has.
    """
    table = table_of(folder, ("pi5-onnxruntime",))
    margins = np.array([POINTS, SHARE, SHARE])
    best = true_front(table.costs[table.costs[:, 0] <= table.worst_error])
    before, after = [], []
    for seed in seeds:
        done = searched(table, "gp", seed, trials=trials, noise=noise)
        seen = done.trials.costs
        front, _ = front_of_trials(seen, done.trials.errors, margins.tolist(), seed=seed)
        rows = done.rows[front]
        random = np.random.default_rng([seed, 2])
        errors = noise * table.noise / 3**0.5
        anew = table.costs[rows] + errors * random.standard_normal((len(rows), 3))
        again, _ = confirmed_front(anew, np.broadcast_to(errors, anew.shape), margins.tolist(), seed=seed)
        tried = true_front(table.costs[done.rows])
        for chosen, said, kept in ((before, seen[front], rows), (after, anew[again], rows[again])):
            costs = table.costs[kept]
            near = [is_near(costs, each, margins).mean() for each in (tried, best)]
            chosen.append((*near, (costs[:, 0] - said[:, 0]).mean(), len(kept)))
    for label, of in (("unconfirmed", before), ("confirmed", after)):
        near, near_best, too_good, size = np.mean(of, axis=0)
        print(
            f"{label}: {near:.1%} near the true front of what was tried, {near_best:.1%} near the table's, "
            f"error {too_good:+.2f} points off, {size:.0f} members"
        )


def true_front(costs: np.ndarray) -> np.ndarray:
    """Those of the `costs` (n, d) that none dominates."""
    return costs[nondominated(costs, maximize=[False] * costs.shape[1])]


def statements(folder: Path, seeds: range, trials: int) -> None:
    """Prints whether the TX2's front is the VPU's, and how often a device's is not its own."""
    del trials
    path = folder / "nb201_latency_tx2_nano_1999.csv"
    accuracy = Join("of", folder / "nb201_accuracy_training.csv.gz", "arch_index", "arch_index", {})
    columns = ColumnMap(
        "of.cifar10_top1",
        {"tx2": ("jetson_tx2_tensorrt_ms",), "vpu": ("nnmeter_myriad_vpu_ms",)},
        parameters=("arch_index",),
    )
    table = read_table(path, columns, [accuracy])
    random = np.random.default_rng(seeds.start)
    margins = np.array([POINTS, SHARE])

    def measured(name: str, errors: np.ndarray) -> Measured:
        costs = table.costs[:, table.devices[name]]
        noise = table.noise[list(table.devices[name])]
        costs = np.column_stack([errors, costs[:, 1] + noise[1] * random.standard_normal(len(costs))])
        return Measured(name, costs, np.broadcast_to(noise, costs.shape))

    def errors() -> np.ndarray:
        return table.costs[:, 0] + table.noise[0] * random.standard_normal(len(table.costs))

    shared = errors()
    print(fronts_differ(measured("tx2", shared), measured("vpu", shared), margins), flush=True)
    for name in table.devices:
        verdicts = []
        for _ in range(REPEATS if len(seeds) > 2 else 20):
            shared = errors()
            verdicts.append(fronts_differ(measured(name, shared), measured(name, shared), margins).verdict)
        print(f"{name} against itself: holds in {verdicts.count('holds')} of {len(verdicts)}", flush=True)


PARTS: dict[str, Callable[[Path, range, int], None]] = {
    "methods": methods,
    "tables": tables,
    "fleet": fleet,
    "failures": failures,
    "confirmed": confirmed,
    "statements": statements,
}


def main() -> None:
    """Prints the parts that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=BESIDE)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--noise", type=float, default=3.0, help="of `confirmed`, times that of the table")
    parser.add_argument("--short", action="store_true", help="2 seeds, 60 trials")
    given = parser.parse_args()
    if not given.folder.is_dir():
        sys.exit(f"{given.folder} is not there: name the folder of the tables")
    seeds = range(given.first_seed, given.first_seed + (2 if given.short else given.seeds))
    parts = {**PARTS, "confirmed": partial(confirmed, noise=given.noise)}
    for part in given.part or parts:
        print(f"\n{part}\n", flush=True)
        parts[part](given.folder, seeds, 60 if given.short else given.trials)


if __name__ == "__main__":
    main()
