"""What agents, chunks, runs, rows and samples cost, by their number, and how many reach a limit.

    python bench/growth.py [--short] [--full]

Each cost is measured at a few sizes, in CPU seconds or bytes, so that a busy machine changes it little.
Through each goes a power law, by least squares of log cost on log size; its exponent is printed with its
standard error, and the size at which the law reaches a limit: one core, 16 GiB, 1 TB, 60 s; beside it the
size if each more costs as much as each did at the largest size. A size larger than any measured is marked.
`--full` adds 1e8 and 1e9 samples, 1e6 rows and 1e6 runs in the store, and takes most of an hour.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import growth_data
import growth_fit
import growth_fleet
import machine
import parts
from growth_fit import Growth

SMALL_RUN, LARGE_RUN = 125, 100_000


@dataclass(frozen=True)
class Sizes:
    """The sizes at which everything is measured; `seconds` of idling, and of sending."""

    agents: tuple[int, ...]
    idle_s: float
    senders: tuple[int, ...]
    send_s: float
    sweeps: tuple[int, ...]
    rows: tuple[int, ...]
    many_rows: tuple[int, ...]
    merged_runs: tuple[int, ...]
    small_runs: tuple[int, ...]
    large_runs: tuple[int, ...]


SHORT = Sizes((10, 50, 100), 4.0, (1, 2), 1.5, (1, 5), (1_000, 5_000), (30_000,), (10, 50), (5, 20), (1, 5))
USUAL = Sizes(
    agents=(10, 100, 1_000, 5_000),
    idle_s=10.0,
    senders=(1, 2, 4, 8),
    send_s=3.0,
    sweeps=(1, 10, 100),
    rows=(1_000, 5_000, 20_000),
    many_rows=(30_000, 100_000),
    merged_runs=(10, 100, 1_000),
    small_runs=(10, 50, 200),
    large_runs=(1, 10, 100, 300),
)
FULL = replace(
    USUAL,
    idle_s=30.0,
    sweeps=(1, 10, 100, 1_000),
    many_rows=(30_000, 100_000, 1_000_000),
    small_runs=(10, 100, 1_000),
    large_runs=(1, 10, 100, 1_000, 10_000),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds to a `parser` what chooses the sizes, beside `--short`."""
    parser.add_argument("--full", action="store_true", help="with --growth: 1e9 samples, 1e6 runs")


def measurements(sizes: Sizes) -> list[Callable[[], list[Growth]]]:
    """What is measured, each when it is called."""
    return [
        lambda: growth_fleet.idle(sizes.agents, sizes.idle_s),
        lambda: growth_fleet.chunks(sizes.senders, sizes.send_s),
        lambda: growth_fleet.kept_runs(sizes.sweeps),
        lambda: growth_data.sealed_runs(sizes.small_runs, SMALL_RUN),
        lambda: growth_data.sealed_runs(sizes.large_runs, LARGE_RUN),
        lambda: growth_data.merged(sizes.merged_runs),
        lambda: growth_data.ranked("rank of all rows", sizes.rows),
        lambda: growth_data.ranked("rank of more", sizes.many_rows),
    ]


def print_tables(*, is_short: bool, is_full: bool) -> int:
    """Measures, and prints what was measured and what follows from it; always 0."""
    sizes = SHORT if is_short else FULL if is_full else USUAL
    watch, begin_s, grown = machine.Watch(), time.perf_counter(), []
    print(f"{parts.conditions()}\n\n| what | size | all of them | each |\n|---|---|---|---|", flush=True)
    for measure in measurements(sizes):
        found = measure()
        grown += found
        print("\n".join(row for each in found for row in growth_fit.measured_rows(each)), flush=True)
    print("\n| what | exponent | limit | by the law at | by the last size's cost each at |")
    print("|---|---|---|---|---|")
    print("\n".join(map(growth_fit.fitted_row, grown)))
    took_s = time.perf_counter() - begin_s
    print(f"\nin {took_s:.0f} s; {watch.idle_cores():.2f} cores idle, by what this bench started and others")
    return 0


def main() -> int:
    """Reads the options; see above."""
    parser = parts.arguments(__doc__ or "")
    add_arguments(parser)
    options = parser.parse_args()
    return print_tables(is_short=options.short, is_full=options.full)


if __name__ == "__main__":
    sys.exit(main())
