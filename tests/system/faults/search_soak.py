"""The long form of the kills of a search: many kills, several seeds, a line of each.

python tests/system/faults/search_soak.py --trials 16 --kills 20 --seeds 3
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "collector"), str(HERE.parents[1])]

from search_kills import at_random, disturbed, undisturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("trials", 16), ("kills", 20), ("seeds", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    expected = undisturbed(Path(tempfile.mkdtemp(prefix="paretofleet-search-")), options.trials)
    for seed in range(1, options.seeds + 1):
        began_s = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="paretofleet-search-"))
        kills = at_random(options.kills, seed)
        table = disturbed(folder, options.trials, kills, lambda text: print("  ", text, flush=True))
        verdict = "the same" if table == expected else f"NOT the same, see {folder}"
        print(f"seed {seed}: {len(table.trials)} trials, {verdict}, {time.monotonic() - began_s:.0f} s")


if __name__ == "__main__":
    main()
