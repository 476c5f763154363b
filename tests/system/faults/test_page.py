"""The page on faults names scenarios and files that are there, and leaves none of the 48 faults out."""

from __future__ import annotations

import re
from pathlib import Path

from fault_scenarios import SCENARIOS

ROOT = Path(__file__).parents[3]
#: A command, and a file that stands beside the one named before it.
BESIDE = ("devices reset", "test_wire_fuzz.py", "soak.py")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/faults.md").read_text().partition("## Which fault")[2].splitlines()
    if line.startswith("| ")
]


def test_every_fault_of_the_list_has_a_row() -> None:
    assert [row[0] for row in ROWS if row[0].isdigit()] == [str(number) for number in range(1, 49)]


def test_what_plays_a_fault_is_there() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    for row in ROWS[1:]:
        played = [each for each in re.findall(r"`([^`]+)`", row[2]) if each not in BESIDE]
        assert played or row[2].startswith("not applicable: "), row
        for each in played:
            start = each.removesuffix("...")
            is_scenario = any(
                name.startswith(start) if each.endswith("...") else name == each for name in names
            )
            assert is_scenario or ("/" in each and (ROOT / each).is_file()), each
