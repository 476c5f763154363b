"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.whole_file import written_whole


def test_what_stood_there_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def fill() -> None:
        with written_whole(path, "a page") as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(ReportError, match="No space left"):
        fill()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ReportError, match="cannot write a page to"),
        written_whole(tmp_path / "gone" / "page.html", "a page"),
    ):
        pass
