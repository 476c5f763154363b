"""`search show --page`: the three kinds of figures of a search in one file that asks for nothing."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from command_harness import Command
from fake_control import FakeControl
from paretofleet_collector.rpc.convert.searches import search_detail_to_proto
from paretofleet_collector.searches.process import search_folder
from stored_search import write_stored


@pytest.fixture
def stored(control: FakeControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    detail = write_stored(search_folder("s1"), ("wide1", "deep1", "deep2"), simulated=("deep2",))
    control.searches["edge1"] = search_detail_to_proto(detail)


@pytest.mark.usefixtures("stored")
def test_a_page_has_projections_hypervolume_and_the_pair_of_devices(
    paretofleet: Command, tmp_path: Path
) -> None:
    page = tmp_path / "search.html"
    assert f"wrote {page}" in paretofleet("search", "show", "edge1", "--page", page).err
    text = page.read_text()
    heads = re.findall("<h2>(.*?)</h2>", text)
    assert [head.partition(",")[0] for head in heads] == [
        "What was tried: wide1",
        "Hypervolume beside random members: wide1",
        "What was tried: deep1",
        "Hypervolume beside random members: deep1",
        "What was tried: deep2 (simulated)",
        "Hypervolume beside random members: deep2 (simulated)",
        "From device to device",
    ]
    pictures = [base64.b64decode(each) for each in re.findall('src="data:image/svg[^,]*,([^"]*)"', text)]
    assert len(pictures) == 7
    assert all(picture.startswith(b"<svg") for picture in pictures)
    assert "SIMULATED: deep2" in text
    assert "In 1 of 1 pairs of devices" in text, "a simulated device is compared with no real one"
    assert "<script" not in text
    assert "of the hypervolume of its 16 trials" in text
    assert not re.search("(src|href)=[\"']?http", text)


@pytest.mark.usefixtures("stored")
def test_a_page_in_no_folder_is_refused(paretofleet: Command, tmp_path: Path) -> None:
    page = tmp_path / "nowhere" / "search.html"
    assert "is no folder" in paretofleet("search", "show", "edge1", "--page", page, code=1).err
