"""The long forms of what happens to a search: many kills, several seeds; a device away from trial 30 to 60.

python tests/system/faults/search_soak.py --trials 16 --kills 20 --seeds 3
python tests/system/faults/search_soak.py --kills 0 --away 30 60
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "collector"), str(HERE.parents[1])]

from farm import Farm
from search_away import Absence, play_absence
from search_farm import drivers
from search_kills import at_random, disturbed, undisturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("trials", 16), ("kills", 20), ("seeds", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--away", type=int, nargs=2, metavar=("FROM", "TO"))
    options = parser.parse_args()
    if options.kills:
        _kill(options.trials, options.kills, options.seeds)
    if options.away:
        _send_away(*options.away)


def _kill(trials: int, kills: int, seeds: int) -> None:
    expected = undisturbed(_folder(), trials)
    for seed in range(1, seeds + 1):
        began_s = time.monotonic()
        folder = _folder()
        table = disturbed(folder, trials, at_random(kills, seed), _note)
        verdict = "the same" if table == expected else f"NOT the same, see {folder}"
        print(f"seed {seed}: {len(table.trials)} trials, {verdict}, {time.monotonic() - began_s:.0f} s")


def _send_away(gone_at: int, back_at: int) -> None:
    began_s = time.monotonic()
    farm = Farm(_folder())
    try:
        farm.start_collector()
        farm.start_agent("tx2", "--simulate", "jetson-tx2")
        play_absence(farm, Absence(back_at + 8, gone_at, back_at), _note)
    finally:
        for process in drivers(farm):
            process.kill()
        farm.close()
    print(f"away: {back_at + 8} trials, {time.monotonic() - began_s:.0f} s")


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="paretofleet-search-"))


def _note(text: str) -> None:
    print("  ", text, flush=True)


if __name__ == "__main__":
    main()
