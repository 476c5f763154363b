"""What a ranking costs of which hardly any row is surely dominated: `python bench/rank_noisy.py [--short]`.

30,000 rows (`--short`: 6,000) of five runs with 50 % noise, on two devices, whose sensors' gains are
integrated over, and on one, where the tails of pairs are looked at: `paretofleet rank FOLDER` in a fresh
process, CPU seconds and the peak of its memory. Exit code 1 where a ranking takes 4 GiB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import parts
from rank_million import LIMIT_BYTES, RUNS, costs, write_fleet

ROWS, SHORT, NOISE = 30_000, 6_000, 0.5


def main() -> int:
    """Prints the costs; 1 where a limit is missed."""
    options = parts.arguments(__doc__ or "").parse_args()
    rows, worst = SHORT if options.short else ROWS, 0
    print(f"{rows:,} rows, {RUNS} runs of {NOISE:.0%} noise each; {parts.conditions()}")
    for devices in (2, 1):
        with tempfile.TemporaryDirectory(prefix="paretofleet-bench-") as folder:
            write_fleet(rows, Path(folder), noise=NOISE, devices=devices)
            command = [str(Path(sys.executable).with_name("paretofleet")), "rank", folder]
            wall_s, cpu_s, peak_bytes = costs(command)
        worst = max(worst, peak_bytes)
        print(
            f"{devices} device{'s' * (devices > 1)}: {cpu_s:.1f} s CPU, {wall_s:.1f} s wall, "
            f"{peak_bytes / 2**30:.2f} GiB",
            flush=True,
        )
    parts.verdict(holds=worst < LIMIT_BYTES, what=f"memory below {LIMIT_BYTES / 2**30:g} GiB")
    return int(worst >= LIMIT_BYTES)


if __name__ == "__main__":
    sys.exit(main())
