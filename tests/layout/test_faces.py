"""What crosses a wall is the face of the room behind it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faces import FACES
from rooms import GROUND
from sources import DISTRIBUTIONS, imports, report, room_of, sources


def taken(distribution: str) -> Iterator[tuple[str, str, str]]:
    """Room, module and name of all that other rooms take; `*` for a module as a whole."""
    for source in sources(distribution):
        for each in imports(source):
            room = room_of(each.module)
            if room not in {source.room, "", *GROUND[distribution]}:
                yield room, each.module.partition(f".{room}")[2].lstrip("."), each.name or "*"


def shown(distribution: str) -> set[tuple[str, str, str]]:
    """The same of the table."""
    rooms = FACES[distribution].items()
    return {(room, module, name) for room, face in rooms for module in face for name in face[module].split()}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_other_rooms_take_only_what_a_room_shows(distribution: str) -> None:
    wrong = set(taken(distribution)) - shown(distribution)
    assert not wrong, report(wrong)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_room_shows_nothing_that_nobody_takes(distribution: str) -> None:
    wrong = shown(distribution) - set(taken(distribution))
    assert not wrong, report(wrong)
