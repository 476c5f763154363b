"""Tests of timing share their simulated sweeps with the benchmarks."""

from __future__ import annotations

import sys
from pathlib import Path

BENCH = str(Path(__file__).parents[3] / "bench")
if BENCH not in sys.path:
    sys.path.append(BENCH)
