"""Every file stands in a room with one reason; a room imports only rooms below it."""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from rooms import GROUND, ROOMS, WHOLE
from sources import DISTRIBUTIONS, Import, imports, report, room_of, sources


def across(distribution: str) -> list[Import]:
    """The imports that cross a wall."""
    taken = [each for source in sources(distribution) for each in imports(source)]
    return [each for each in taken if room_of(each.module) not in {each.source.room, ""}]


def described(each: Import) -> str:
    return f"{each.source.name}:{each.line} takes {each.module}{'.' + each.name if each.name else ''}"


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_file_stands_in_a_room_of_the_table(distribution: str) -> None:
    rooms = {source.room for source in sources(distribution)} - {""}
    assert rooms == set(ROOMS[distribution]) | GROUND[distribution]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_room_imports_only_rooms_that_the_table_allows(distribution: str) -> None:
    ground = GROUND[distribution]
    wrong = [
        described(each)
        for each in across(distribution)
        if (each.source.room or distribution not in WHOLE)
        and room_of(each.module) not in ground | ROOMS[distribution].get(each.source.room, set())
    ]
    assert not wrong, report(wrong)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_arrows_run_down(distribution: str) -> None:
    """The table itself is a house: each room stands above all that it may import."""
    order = list(ROOMS[distribution])
    wrong = [
        (room, below)
        for room in order
        for below in ROOMS[distribution][room]
        if order.index(below) <= order.index(room)
    ]
    assert not wrong, report(wrong)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_no_private_name_crosses_a_wall(distribution: str) -> None:
    wrong = [
        described(each)
        for each in across(distribution)
        if any(part.startswith("_") and part != "__main__" for part in (*each.module.split("."), each.name))
    ]
    assert not wrong, report(wrong)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_no_files_import_one_another_in_a_circle(distribution: str) -> None:
    graph = {source.module: {each.module for each in imports(source)} for source in sources(distribution)}
    while True:
        leaves = {module for module, below in graph.items() if not below & set(graph) - {module}}
        if not leaves:
            break
        graph = {module: below for module, below in graph.items() if module not in leaves}
    assert graph == {}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_class_name_is_one_class_in_a_distribution(distribution: str) -> None:
    names = Counter(
        node.name
        for source in sources(distribution)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []
