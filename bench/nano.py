"""A real board's power sensor through our energy rules: logs of a Jetson Nano; prints the table.

    python bench/nano.py [PATH] [--short]

PATH: the Parquet file of the logs, or its folder, models.csv.gz beside it; otherwise shared/data/nano beside
the repository. `tests/analysis/nano_logs.py` says what is compared. Exits with 1 where the board's input is
not covered as often as is wanted; with 0, and a sentence, where there are no logs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "analysis"))

import nano_logs
from nano_logs import Log
from paretofleet_agent.power.stopping import UNCERTAINTY_MAX

#: The rail that speaks for the board; the others are shown.
JUDGED = "in_mw"
COVERED_MIN, COVERED_MAX = 0.94, 0.99
#: The short form takes every so many logs.
SHORT_EVERY = 10
#: Lines of windows that hold hardly any.
FEW = (2, 3, 4, 6, 10)


def share(hits: Iterable[bool]) -> float:
    """The share of hits; nan where there is nothing to hit."""
    listed = list(hits)
    return float(np.mean(listed)) if listed else float("nan")


def line(what: str, share_of: float, plain: float | None = None, wanted: str = "") -> None:
    """One line of the table: our rule, and a plain standard error beside it."""
    beside = "" if plain is None else f"{plain:>9.1%}"
    shown = "-" if np.isnan(share_of) else f"{share_of:.1%}"
    print(f"  {what:64}{shown:>9}{beside:>9}  {wanted}".rstrip(), flush=True)


def means(logs: list[Log], rail: str) -> float:
    """Two measurements of the same load against one another; returns the share of halves that agree."""
    halves = [nano_logs.halves(log, rail) for log in logs]
    covered = share(map(nano_logs.agree, halves))
    plain = share(nano_logs.agree(pair, plain=True) for pair in halves)
    line("(a) halves differ by at most sqrt(U1^2 + U2^2)", covered, plain, "94 to 99 %")
    known = sorted(halves, key=lambda pair: np.hypot(*(mean.uncertainty_w / mean.power_w for mean in pair)))
    quarter = known[: max(len(known) // 4, 1)]
    line(
        "    the quarter with the smallest U",
        share(map(nano_logs.agree, quarter)),
        share(nano_logs.agree(pair, plain=True) for pair in quarter),
    )
    more = float(np.mean([2 * (a.power_w - b.power_w) / (a.power_w + b.power_w) for a, b in halves]))
    line("    the first draws more, on average by", more)
    sides = [nano_logs.odd_and_even(log, rail) for log in logs]
    line(
        "(d) odd and even lines differ by at most as much",
        share(map(nano_logs.agree, sides)),
        share(nano_logs.agree(pair, plain=True) for pair in sides),
    )
    return covered


def stops(logs: list[Log], rail: str) -> float:
    """Windows that our rule ends at 2 %; returns the share whose error is within what was stated."""
    wholes = [nano_logs.whole(log, rail).power_w for log in logs]
    early = [
        (stop, power_w)
        for log, power_w in zip(logs, wholes, strict=True)
        if (stop := nano_logs.early_stop(log, rail))
    ]
    plain = [
        (stop, power_w)
        for log, power_w in zip(logs, wholes, strict=True)
        if (stop := nano_logs.plain_stop(log, rail))
    ]
    print(f"  (b) windows that our rule ends early, at 2 %: {len(early)} of {len(logs)}", end="")
    if early:
        print(f", after {np.median([stop.lines for stop, _ in early]):.0f} lines (median)", end="")
    print(f"; by a plain standard error {len(plain)}")
    covered = share(abs(stop.mean.power_w - power_w) <= stop.mean.uncertainty_w for stop, power_w in early)
    plainly = share(abs(mean_w - power_w) <= off_w for (mean_w, off_w), power_w in plain)
    line("    differ from the whole by at most their U", covered, plainly, "94 % and more")
    line(
        "    the same, U by the agent",
        share(abs(stop.mean.power_w / power_w - 1) <= stop.agent_relative for stop, power_w in early),
    )
    line(
        "    differ from the rest by at most both U",
        share(nano_logs.agree((stop.mean, stop.rest)) for stop, _ in early if stop.rest is not None),
    )
    return covered


def few_readings(logs: list[Log], rail: str) -> None:
    """Windows of so few lines that their spread is hardly seen: how often they are covered, and sure."""
    wholes = [nano_logs.whole(log, rail).power_w for log in logs]
    for count in FEW:
        few = [nano_logs.few_lines(log, rail, count) for log in logs]
        covered = share(
            abs(mean.power_w - power_w) <= mean.uncertainty_w
            for mean, power_w in zip(few, wholes, strict=True)
        )
        plain = share(
            abs(mean.power_w - power_w) <= mean.plain_w for mean, power_w in zip(few, wholes, strict=True)
        )
        sure = share(mean.uncertainty_w <= UNCERTAINTY_MAX * mean.power_w for mean in few)
        line(f"(e) {count} lines differ from the whole by at most their U", covered, plain)
        line("    they say 2 % or less", sure)


def last_lines(logs: list[Log], rail: str) -> bool:
    """Where the load had ended: whether the last line is outside of every window that the guards leave."""
    low = [
        float(
            log.milliwatts[rail][-1] / log.milliwatts[rail][nano_logs.FIRST_OUT : -nano_logs.LAST_OUT].mean()
        )
        for log in logs
    ]
    outside = share(nano_logs.last_line_is_outside(log, rail) for log in logs)
    line("(c) the last line is outside the window between the guards", outside, None, "100 %")
    line("    it is below the others on average by", 1 - float(np.mean(low)))
    return outside == 1.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", nargs="?", type=Path, default=nano_logs.LOGS)
    parser.add_argument("--short", action="store_true", help=f"every {SHORT_EVERY}th log")
    given = parser.parse_args()
    try:
        logs = nano_logs.read_logs(given.path)
    except FileNotFoundError as error:
        print(f"there are no logs of a Jetson Nano: {error} is missing; name their folder as PATH")
        return 0
    logs = logs[:: SHORT_EVERY if given.short else 1]
    interval_s = np.mean([log.interval_s for log in logs])
    print(f"{len(logs)} logs; a line every {interval_s:.3f} s on average; U is of 95 %")
    print(f"{'':66}{'our rule':>9}{'plain':>9}  wanted")
    well = True
    for rail in nano_logs.RAILS:
        print(rail)
        covered, stopped = means(logs, rail), stops(logs, rail)
        outside = last_lines(logs, rail)
        few_readings(logs, rail)
        if rail == JUDGED:
            well = COVERED_MIN <= covered <= COVERED_MAX and stopped >= COVERED_MIN and outside
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
