"""What a search is resumed from: the code with which it began, whatever training has written since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from paretofleet_collector.cli.search_run import checked_origin
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchView
from paretofleet_collector.searches.stored import stored_json
from paretofleet_collector.searches.truth import truth_file
from search_spaces import SPECIFICATION, written

TEXT = SPECIFICATION.replace("[python, train.py]", "[python, train.py, losses.csv, rates.json]")


@pytest.fixture
def search(tmp_path: Path) -> SearchView:
    (tmp_path / "rates.json").write_text("{}")
    (tmp_path / "space.yaml").write_text(TEXT)
    specification = written(tmp_path, text=TEXT)
    text = stored_json(specification, ("box",))
    return SearchView(
        "s1", "edge1", "stopped", "", text, specification.digest, 1, 0.0, 8, 0.0, 0.0, 0.0, None
    )


def test_what_training_writes_where_nothing_was_is_no_change(search: SearchView, tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_text("0.3\n")
    assert checked_origin(search, tmp_path / "space.yaml") == tmp_path / "space.yaml"


@pytest.mark.parametrize("name", ["space.yaml", "space.py", "train.py", "rates.json"])
def test_what_was_there_and_has_changed_is_named(search: SearchView, name: str, tmp_path: Path) -> None:
    changed = f"{TEXT}\nstart: 30\n" if name == "space.yaml" else "CHANGED = 1"
    (tmp_path / name).write_text(changed)
    with pytest.raises(Refused) as refused:
        checked_origin(search, tmp_path / "space.yaml")
    assert str(refused.value).startswith(f"{tmp_path / name} has changed since 'edge1' began")
    assert "those there are kept" in str(refused.value)


def test_a_table_of_truths_that_has_changed_is_named(search: SearchView, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("width,depth,ms\n4,1,20\n8,2,30\n")
    specification = written(tmp_path, text=TEXT)
    given = replace(specification, truth=truth_file(table, {"box": ("ms",)}))
    search = replace(search, spec_json=stored_json(given, ("box",)))
    assert checked_origin(search, tmp_path / "space.yaml")
    table.write_text("width,depth,ms\n4,1,21\n8,2,30\n")
    with pytest.raises(Refused, match=r"table\.csv has changed since the search began"):
        checked_origin(search, tmp_path / "space.yaml")


def test_what_is_gone_has_changed(search: SearchView, tmp_path: Path) -> None:
    (tmp_path / "rates.json").unlink()
    with pytest.raises(Refused, match=r"rates\.json has changed"):
        checked_origin(search, tmp_path / "space.yaml")
