"""A published table as what simulated devices show: by the parameters of a member, and unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from paretofleet_analysis.errors import SearchError
from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.stored import stored_json, stored_specification
from paretofleet_collector.searches.truth import load_truth, truth_file
from search_examples import SPECIFICATION

PARAMETERS = {"block": ["conv", "ib"], "expand": {"values": [2, 4], "if": {"block": "ib"}}}
TABLE = "block,expand,ms,mj\nconv,,20,100\nib,2,30,\nib,4,50,300\n"
COLUMNS = {"tx2": ("ms", "mj"), "tx1": ("ms",)}


def written(folder: Path, text: str = TABLE):
    path = folder / "table.csv"
    path.write_text(text)
    return replace(SPECIFICATION, parameters=PARAMETERS, truth=truth_file(path, COLUMNS))


def test_a_member_is_found_by_its_values_and_an_absent_one_by_an_empty_cell(tmp_path: Path) -> None:
    specification, _ = stored_specification(stored_json(written(tmp_path), ("tx2", "tx1")))
    truth = load_truth(specification)
    shown = truth.simulated(
        {"a@file": {"block": "conv"}, "b@file": {"block": "ib", "expand": 4}}, ("tx2", "tx1")
    )
    assert shown["a@file"]["tx2"] == pytest.approx({"item_s": 0.02, "item_j": 0.1})
    assert shown["a@file"]["tx1"] == pytest.approx({"item_s": 0.02})
    assert shown["b@file"]["tx2"] == pytest.approx({"item_s": 0.05, "item_j": 0.3})
    assert truth.lacking({"block": "conv"}) == ""
    for member in ({"block": "ib", "expand": 2}, {"block": "ib", "expand": 8}, {"block": "dw"}):
        assert "has no row of it" in truth.lacking(member), "no energy, no such row, no such value"


def test_without_a_table_devices_show_what_they_do() -> None:
    assert load_truth(SPECIFICATION) is None


def test_a_table_that_changed_or_lacks_a_parameter_is_a_sentence(tmp_path: Path) -> None:
    specification = written(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE.replace("20", "21"))
    with pytest.raises(Refused, match="has changed since the search began"):
        load_truth(specification)
    with pytest.raises(SearchError, match="no column expand"):
        load_truth(written(tmp_path, TABLE.replace("expand", "ratio")))
    (tmp_path / "table.csv").unlink()
    with pytest.raises(Refused, match="cannot be read"):
        load_truth(specification)
