"""Pyfrontier's answer to fleets on standard input, for `efficiency.py`; runs in requirements-oracle.txt.

One JSON object a line: `costs`, `gains`, `returns` (constant, variable), `orientation` (costs, gains). The
answer to each is a line with the list of scores in (0, 1].
"""

from __future__ import annotations

import json
import sys

import numpy as np
from Pyfrontier.frontier_model import EnvelopDEA


def scores(fleet: dict) -> list[float]:
    """The scores of a fleet's units."""
    model = EnvelopDEA(
        "CRS" if fleet["returns"] == "constant" else "VRS", "in" if fleet["orientation"] == "costs" else "out"
    )
    model.fit(np.array(fleet["costs"]), np.array(fleet["gains"]))
    found = [float(result.score) for result in model.result]
    return found if fleet["orientation"] == "costs" else [1.0 / score for score in found]


for line in sys.stdin:
    print(json.dumps(scores(json.loads(line))), flush=True)
