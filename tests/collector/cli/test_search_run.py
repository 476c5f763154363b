"""What a search is resumed from: the code with which it began, whatever training has written since."""

from __future__ import annotations

from pathlib import Path

import pytest
from paretofleet_collector.cli.search_run import checked_origin
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchView
from paretofleet_collector.searches.stored import stored_json
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


def test_what_is_gone_has_changed(search: SearchView, tmp_path: Path) -> None:
    (tmp_path / "rates.json").unlink()
    with pytest.raises(Refused, match=r"rates\.json has changed"):
        checked_origin(search, tmp_path / "space.yaml")
