"""The long form of the fault suite: every scenario with many seeds, as a table that a page keeps.

python tests/system/faults/soak.py --seeds 100 [--only WORDS] [--page docs/faults.md]

Two collectors over one store and one bucket are played last.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from fault_oracle import Difference
from fault_runs import Outcome, expected_samples, play
from fault_scenarios import SCENARIOS
from fault_stage import make_template
from pair_soak import NAME, Played, pair_played, why_no_pair

BEGIN, END = "<!-- the table of make soak -->", "<!-- its end -->"
HEAD = "| scenario | seeds | lost | doubled | changed | not sealed | time to recover, median and most |"


def row_of(name: str, outcomes: list[Outcome], broken: int) -> str:
    """The line of a scenario; `broken` seeds came to no end at all."""
    total = sum((outcome.difference for outcome in outcomes), Difference())
    unfinished = sum(outcome.unfinished for outcome in outcomes)
    times = [outcome.recover_s for outcome in outcomes] or [float("nan")]
    recover = f"{statistics.median(times):.1f} s, {max(times):.1f} s"
    ended = f"{len(outcomes) + broken}" + (f", {broken} without an end" if broken else "")
    return (
        f"| {name} | {ended} | {total.lost} | {total.doubled} | {total.changed} | {unfinished} | {recover} |"
    )


def soak(name: str, played: Played, seeds: range) -> str:
    """Plays what is called `name` with each of `seeds`; what fails is kept and named on standard error."""
    outcomes, broken = [], 0
    for seed in seeds:
        folder, begin_s = Path(tempfile.mkdtemp(prefix="paretofleet-soak-")), time.monotonic()
        try:
            outcome = played(seed, folder)
        except Exception as error:  # noqa: BLE001 - the other seeds are worth as much
            broken += 1
            note(f"{name}, seed {seed}: {error!r}; see {folder}")
            continue
        outcomes.append(outcome)
        note(f"{name}, seed {seed}: played in {time.monotonic() - begin_s:.0f} s")
        if outcome.is_clean():
            subprocess.run(["rm", "-rf", folder], check=False)
        else:
            note(f"{name}, seed {seed}: {outcome}; see {folder}")
    return row_of(name, outcomes, broken)


def write_page(page: Path, rows: list[str]) -> None:
    """Puts the rows between the marks of `page`."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=HERE
    ).stdout.strip()
    date = dt.datetime.now(dt.UTC).date().isoformat()
    table = [f"Made on {date} from commit {commit or 'unknown'}.", "", HEAD, "|---|---|---|---|---|---|---|"]
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n" + "\n".join(table + rows) + f"\n{END}{after}", encoding="utf-8")


def note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    rows, seeds = [], range(arguments.first, arguments.first + arguments.seeds)
    with tempfile.TemporaryDirectory(prefix="paretofleet-soak-") as folder:
        template = make_template(Path(folder) / "template", devices=6)
        expected = expected_samples(template, Path(folder) / "undisturbed", devices=6)
        print(HEAD, flush=True)
        for scenario in SCENARIOS:
            if arguments.only in scenario.name and scenario.why_not:
                note(f"{scenario.name}: NOT PLAYED: {scenario.why_not}")
            elif arguments.only in scenario.name:
                played = partial(play, scenario, template, expected)
                rows.append(soak(scenario.name, played, seeds))
                print(rows[-1], flush=True)
        if arguments.only in NAME and why_no_pair():
            note(f"{NAME}: NOT PLAYED: {why_no_pair()}")
        elif arguments.only in NAME:
            with pair_played(template, expected) as played_by_two:
                rows.append(soak(NAME, played_by_two, seeds))
            print(rows[-1], flush=True)
    if arguments.page:
        write_page(arguments.page, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
