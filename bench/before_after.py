"""Are twin sweeps told apart, is a change found? `python bench/before_after.py [--short]`.

A pair of sweeps holds the same configurations before and after a change; their verdicts are the product's.
For a half of the figures nothing changed, for the other half of the configurations became 5 % slower. Exit
code 1 where a figure passes its limit.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from paretofleet_analysis.diagnostics.paired import benjamini_hochberg
from paretofleet_analysis.diagnostics.shift import BootSpread, Side, boot_spread, shifts

MARGIN, CHANGE = 0.02, 0.05
FALSE_DISCOVERIES_MAX, FOUND_MIN, COVERED_MIN = 5.0, 80.0, 90.0
#: Correlation of what neighbouring blocks do to all runs, where drift lasts.
LASTING = 0.8


@dataclass(frozen=True)
class World:
    """A kind of sweeps: `noise` of a run, the `shared` part of its variance that a block gives to all runs,
    whether that `lasts`, a `trend` over a sweep, and how far `boots` of a side shift all runs; `assumed`: how
    far the user takes them to.
    """

    name: str
    noise: float = 0.02
    shared: float = 0.0
    lasts: bool = False
    trend: float = 0.0
    boot_sd: float = 0.0
    boots: int = 1
    blocks: tuple[int, int] = (10, 10)
    configurations: int = 24
    is_gated: bool = True
    assumed: float = 0.0


WORLDS = (
    World("own noise"),
    World("half of it drift between blocks", shared=0.5),
    World("half of it drift that lasts", shared=0.5, lasts=True),
    World("a trend of 3 % in one sweep", trend=0.03),
    World("5 runs before, 10 after", blocks=(5, 10), shared=0.5),
    World("1 run before, 10 after", blocks=(1, 10), shared=0.5, is_gated=False),
    World("3 configurations", configurations=3, shared=0.5),
    World("1 configuration", configurations=1, shared=0.5),
    World("one boot a side, which shifts all by 0.5 %", boot_sd=0.005),
    World("one boot a side, which shifts all by 1 %", boot_sd=0.01, is_gated=False),
    World("one boot a side, which shifts all by 2 %", boot_sd=0.02, is_gated=False),
    World("no shift by boots, 1 % is assumed", assumed=0.01),
    World("one boot a side, which shifts all by 1 %, as is assumed", boot_sd=0.01, assumed=0.01),
    World("one boot a side, which shifts all by 2 %, as is assumed", boot_sd=0.02, assumed=0.02),
    World(
        "one boot a side, which shifts all by 2 %, 1 % is assumed", boot_sd=0.02, assumed=0.01, is_gated=False
    ),
    World("3 boots a side, each shifts all by 1 %", boot_sd=0.01, boots=3, blocks=(12, 12)),
    World("3 boots a side, each shifts all by 2 %", boot_sd=0.02, boots=3, blocks=(12, 12)),
)


@dataclass(frozen=True)
class Rates:
    """In percent: false discoveries of twins and where half changed, changes found, intervals that cover."""

    false: float
    false_among_changed: float
    found: float
    covered: float


def side(world: World, blocks: int, factors: np.ndarray, rng: np.random.Generator) -> Side:
    """One sweep: its runs as the product reads them from a report."""
    own = np.sqrt(1 - world.shared) * rng.standard_normal((len(factors), blocks))
    common = rng.standard_normal(blocks)
    for at in range(1, blocks if world.lasts else 0):
        common[at] = LASTING * common[at - 1] + np.sqrt(1 - LASTING**2) * common[at]
    logs = world.noise * (own + np.sqrt(world.shared) * common)
    logs += world.trend * np.linspace(-0.5, 0.5, blocks)
    boot = np.arange(blocks) * world.boots // blocks
    logs += (world.boot_sd * rng.standard_normal(world.boots))[boot]
    values = factors[:, None] * np.exp(logs)
    side_name = rng.integers(1 << 62)
    return Side(
        [dict(enumerate(map(float, row))) for row in values],
        {block: f"{side_name}-{number}" for block, number in enumerate(boot)},
        [0.0] * len(factors),
    )


def rates(world: World, pairs: int, seed: int = 1) -> Rates:
    """Judges so many `pairs` of sweeps without a change, and as many with."""
    rng = np.random.default_rng([seed, sum(world.name.encode())])
    size = world.configurations
    alone = np.ones(size)
    changed = np.where(np.arange(size) % 2 == 0, 1 + CHANGE, 1.0)
    seen: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
    for has_change in (False, True):
        truth = changed if has_change else alone
        for _ in range(pairs):
            found, covered = judge(world, truth, rng)
            is_real = truth != 1.0
            false = float((found & ~is_real).sum()) / max(int(found.sum()), 1)
            right = float(found[is_real].mean()) if is_real.any() else np.nan
            seen[has_change].append((false, right, covered))
    twins, mixed = (100 * np.mean(seen[key], axis=0) for key in (False, True))
    return Rates(float(twins[0]), float(mixed[0]), float(mixed[1]), float((twins[2] + mixed[2]) / 2))


def judge(world: World, truth: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Which configurations are called changed, and the share of intervals that hold the true ratio."""
    old, new = (
        side(world, blocks, factors, rng)
        for blocks, factors in zip(world.blocks, (np.ones(len(truth)), truth), strict=True)
    )
    boots = boot_spread([old, new])
    if not boots.freedom and world.assumed:
        boots = BootSpread(world.assumed**2, 1_000_000)
    moved = shifts(old, new, boots)
    found = np.array(benjamini_hochberg([shift.p_value(MARGIN) for shift in moved]))
    ends = [shift.interval or (0.0, np.inf) for shift in moved]
    covered = np.mean([lo <= real <= hi for (lo, hi), real in zip(ends, truth, strict=True)])
    return found, float(covered)


def main(arguments: list[str]) -> int:
    """Prints the table; 1 where a limit is passed."""
    pairs = 40 if "--short" in arguments else 200
    print(f"{pairs} pairs of sweeps a row and case, margin {MARGIN:.0%}, change {CHANGE:.0%}")
    print("| sweeps | false, twins | false, half changed | changes found | intervals that cover |")
    print("|---|---|---|---|---|")
    missed = 0
    for world in WORLDS:
        one = rates(world, pairs)
        missed += world.is_gated and max(one.false, one.false_among_changed) > FALSE_DISCOVERIES_MAX
        missed += world.name == "own noise" and one.found < FOUND_MIN
        cells = (one.false, one.false_among_changed, one.found, one.covered)
        print(f"| {world.name} | {' | '.join(f'{value:.1f} %' for value in cells)} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
