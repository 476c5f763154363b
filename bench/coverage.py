"""Do the report's 95 % intervals cover the truth in 93 to 97 % of sweeps, their stopping rule included?

`python bench/coverage.py [SWEEPS]`. Exit code 1 when a gated law leaves the range.
"""

from __future__ import annotations

import sys

import simulated_sweeps as sweeps

NOISES = (0.02, 0.03, 0.04, 0.05)
LOW, HIGH = 93.0, 97.0


def table(count: int, seed: int = 1) -> list[tuple[str, float, float, float]]:
    """Law, noise, percent covered, mean number of runs; gated laws first."""
    rows = []
    for law in (*sweeps.GATED, *sweeps.REPORTED):
        for noise in NOISES:
            played = sweeps.play(law, noise, count, seed)
            rows.append((law, noise, sweeps.coverage(played), float(played.runs.mean())))
    return rows


def main(arguments: list[str]) -> int:
    """Prints the table; 1 where a gated figure is out of range."""
    count = int(arguments[0]) if arguments else 4000
    print(
        f"Coverage of 95 % intervals, {count} sweeps of {sweeps.CONFIGURATIONS} configurations a row, "
        f"stop at {sweeps.HALF_WIDTH:.0%} after {sweeps.RUNS_MIN} to {sweeps.RUNS_MAX} runs"
    )
    print(f"{'noise between runs':22} {'sd':>4} {'covered':>9} {'runs':>6}")
    outside = 0
    for law, noise, covered, runs in table(count):
        is_out = not LOW <= covered <= HIGH
        outside += is_out and law in sweeps.GATED
        remark = "" if law in sweeps.GATED else "  reported, not gated"
        if is_out:
            remark += "  outside 93 to 97 %"
        print(f"{law:22} {noise:4.0%} {covered:7.1f} % {runs:6.1f}{remark}")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
