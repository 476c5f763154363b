"""The process that drives a search says in the collector why it cannot begin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from paretofleet_collector.model.searches import FAILED, RUNNING, SearchDetail, SearchView
from paretofleet_collector.rpc import search_client
from paretofleet_collector.searches.__main__ import main
from paretofleet_collector.searches.specification import TruthFile
from paretofleet_collector.searches.stored import stored_json
from search_examples import SPECIFICATION


class Collector:
    """Holds a search whose table of truths is gone, and hears how it ends."""

    ends: list[tuple[str, str]]
    spec_json: str

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show_search(self, _search: str) -> SearchDetail:
        return SearchDetail(
            SearchView("s1", "edge1", RUNNING, "", self.spec_json, "d", 7, 0.0, 8, 0.0, 0.0, 0.0, None)
        )

    def change_search(self, _search: str, state: str, reason: str = "") -> None:
        self.ends.append((state, reason))


def test_a_search_whose_table_is_gone_fails_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "table.csv"
    specification = replace(SPECIFICATION, truth=TruthFile(str(gone), "0" * 64, {"box": ["ms"]}))
    Collector.ends, Collector.spec_json = [], stored_json(specification, ("box",))
    monkeypatch.setattr(search_client, "SearchClient", Collector)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main("127.0.0.1:1", "s1") == 1
    assert Collector.ends == [(FAILED, f"{gone} cannot be read: No such file or directory.")]
