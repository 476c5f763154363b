"""Power sensors: one small protocol, one file each, named here.

To add one: a file beside this one with a function like `rapl.find`, a line in `BUILT_IN`, a fixture
`tests/fixtures/<name>*` of the files it reads, and a row in CONTRIBUTING.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Mapping, Sequence, Tuple

from paretofleet_agent.model import Absent
from paretofleet_agent.sensors import rapl
from paretofleet_agent.sensors._protocol import Rail, Sensor

__all__ = ["BUILT_IN", "Found", "Rail", "Sensor", "find_all"]

Found = Tuple[Sequence[Sensor], Sequence[Absent]]

#: Every sensor that is looked for.
BUILT_IN: Mapping[str, Callable[[Path], Found]] = {"rapl": rapl.find}


def find_all(sysroot: Path) -> tuple[list[Sensor], list[Absent]]:
    """Every built-in sensor under `sysroot`, opened; and what was not found, why, and the fix."""
    found: list[Sensor] = []
    absent: list[Absent] = []
    for find in BUILT_IN.values():
        sensors, missing = find(sysroot)
        found += sensors
        absent += missing
    return found, absent
