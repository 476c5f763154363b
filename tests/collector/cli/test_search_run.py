"""What a search is resumed from: the code with which it began, whatever training has written since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_collector.cli.search_run import checked_origin
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.searches import SearchView
from paretofleet_collector.searches.parsing import parse_search
from paretofleet_collector.searches.stored import stored_json
from paretofleet_collector.searches.truth import truth_file
from search_spaces import MODULE, SPECIFICATION, written

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


@pytest.mark.parametrize("name", ["images.py", "layers/conv.py"])
def test_what_the_code_imports_from_its_folder_is_named(
    search: SearchView, name: str, tmp_path: Path
) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers/conv.py").write_text("WIDTH = 3")
    (tmp_path / "images.py").write_text("from layers import conv")
    specification = written(tmp_path, module=f"import images\n{MODULE}", text=TEXT)
    search = replace(search, spec_json=stored_json(specification, ("box",)))
    assert checked_origin(search, tmp_path / "space.yaml")
    (tmp_path / name).write_text("CHANGED = 1")
    with pytest.raises(Refused) as refused:
        checked_origin(search, tmp_path / "space.yaml")
    assert str(refused.value).startswith(f"{tmp_path / name}")
    assert " changed since 'edge1' began" in str(refused.value)


def test_a_search_that_began_before_imports_counted_goes_on(search: SearchView, tmp_path: Path) -> None:
    (tmp_path / "images.py").write_text("SIDE = 14")
    files = written(tmp_path, module=f"import images\n{MODULE}", text=TEXT).files
    assert "images.py" in files
    before = {name: sha256 for name, sha256 in files.items() if name != "images.py"}
    began = replace(written(tmp_path, module=f"import images\n{MODULE}", text=TEXT), files=before)
    search = replace(search, spec_json=stored_json(began, ("box",)))
    (tmp_path / "images.py").write_text("SIDE = 28")
    assert checked_origin(search, tmp_path / "space.yaml")


def test_all_that_has_changed_is_named(search: SearchView, tmp_path: Path) -> None:
    (tmp_path / "space.py").write_text("CHANGED = 1")
    (tmp_path / "train.py").write_text("CHANGED = 1")
    with pytest.raises(Refused, match=r"space\.py, .*/train\.py have changed since 'edge1' began"):
        checked_origin(search, tmp_path / "space.yaml")


def test_code_beside_the_folder_of_the_specification_counts_too(tmp_path: Path) -> None:
    for name in ("runs", "lib"):
        (tmp_path / name).mkdir()
    text = TEXT.replace("./space.py", "../lib/space.py").replace("train.py", "../lib/train.py")
    (tmp_path / "lib/helpers.py").write_text("")
    written(tmp_path / "lib", module=f"import helpers\n{MODULE}")
    files = parse_search(text, tmp_path / "runs").files
    assert set(files) == {"specification", "../lib/space.py", "../lib/train.py", "../lib/helpers.py"}


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


@pytest.mark.parametrize(
    ("budget", "why"), [("0", "--budget 0: within no time there is no trial"), ("", "write a time such as")]
)
@pytest.mark.parametrize("verb", ["plan", "start"])
def test_a_budget_of_nothing_is_an_error_of_usage(
    paretofleet: Command, verb: str, budget: str, why: str, tmp_path: Path
) -> None:
    written(tmp_path, text=TEXT)
    (tmp_path / "space.yaml").write_text(TEXT)
    assert why in paretofleet("search", verb, tmp_path / "space.yaml", "--budget", budget, code=2).err
