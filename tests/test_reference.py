"""The pages of the reference say what the code says: each stored page is the one that the code makes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import reference
from reference.photographs import stamped


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_is_what_the_code_makes_of_it(name: str) -> None:
    stored = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert stored == reference.PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("name", reference.PICTURES)
def test_a_picture_is_what_the_code_makes_of_it(name: str) -> None:
    stored = (reference.FOLDER.parent / name).read_text(encoding="utf-8")
    assert stored == reference.PICTURES[name](), "run `make docs`"


def test_the_picture_of_a_frontier_has_all_rows_and_joins_the_front() -> None:
    drawn = reference.PICTURES["frontier.svg"]()
    assert drawn.count("<circle") == 6
    assert drawn.count('fill="white" stroke="#8a8a8a"') == 4, "beaten ones are hollow and grey"
    (corners,) = re.findall(r'<polyline points="([^"]+)"', drawn)
    assert len(corners.split()) == 2


@pytest.mark.parametrize("name", reference.PHOTOGRAPHS)
def test_a_photograph_shows_the_page_that_the_code_makes(name: str) -> None:
    pytest.importorskip("jinja2")
    stored = (reference.FOLDER.parent / name).read_bytes()
    assert reference.stamp_of(stored) == reference.page_stamp(), "run `make docs`"


def test_a_photograph_of_another_page_is_noticed(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    for name in reference.PHOTOGRAPHS:
        (tmp_path / name).write_bytes((reference.FOLDER.parent / name).read_bytes())
    assert reference.old_photographs(tmp_path) == []
    path = tmp_path / "page.png"
    path.write_bytes(stamped(path.read_bytes(), "0" * 64))
    assert reference.old_photographs(tmp_path) == [path]


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_index_leads_to_every_page(name: str) -> None:
    assert f"]({name})" in (reference.FOLDER / "README.md").read_text(encoding="utf-8")


def test_every_command_has_an_example() -> None:
    sections = reference.PAGES["commands.md"]().split("\n## ")[1:]
    assert len(sections) > 30
    assert [text.splitlines()[0] for text in sections if "```sh" not in text] == ["paretofleet-agent"]


def test_every_option_of_the_agent_says_what_it_is() -> None:
    sections = reference.PAGES["commands.md"]().partition("\n## paretofleet-agent\n")[2]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in sections.splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    assert [cells[0] for cells in rows if len(cells[1].strip()) < 10] == []


@pytest.mark.parametrize("name", ["specification.md", "configuration.md"])
def test_every_key_has_a_meaning(name: str) -> None:
    keys = reference.PAGES[name]().partition("\n## Protocols")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in keys.splitlines() if line.startswith("| `")]
    assert rows
    assert [cells[0] for cells in rows if len(cells[-1].strip()) < 20] == []


def test_the_pages_are_written_where_they_are_stored(tmp_path: Path) -> None:
    reference.write_pages(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(reference.PAGES)


@pytest.mark.parametrize("page", ["concepts/energy.md", "how-to/board.md", "getting-started.md"])
def test_output_that_a_page_shows_is_what_the_reference_has(page: str) -> None:
    """So that it stays what the commands print."""
    made = reference.PAGES["boards.md"]() + reference.PAGES["bench.md"]()
    stored = (reference.FOLDER.parent / page).read_text(encoding="utf-8")
    shown = re.findall(r"^```text\n(.*?)^```", stored, re.MULTILINE | re.DOTALL)
    assert shown
    assert [text for text in shown if f"\n{text}" not in made] == []
