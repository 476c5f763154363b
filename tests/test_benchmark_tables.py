"""Tables of the benchmarks that a bench writes itself, a piece at a time."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "bench"))
from benchmark_tables import Table

PAGE = """# Figures

### Others

| cell | value |
|---|---|
| one | 1 |

### Cells

Run on 2020-01-02.

| cell | value |
|---|---|
| one | 1 |
| two | 2 |

The end.
"""


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def test_a_row_replaces_the_one_of_its_name_and_a_new_one_is_added(page, capsys):
    table = Table("Cells", ("cell", "value"))
    table.head()
    table.row("two", "7")
    table.row("three", "3")
    days = [today()]
    table.write(page)
    days.append(today())
    rows = "| one | 1 |\n| two | 2 |\n\nThe end."
    written = "| one | 1 |\n| two | 7 |\n| three | 3 |\n\nThe end."
    assert page.read_text() in [PAGE.replace(rows, written).replace("2020-01-02", day) for day in days]
    assert "| two | 7 |  (0 s)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("heading", "columns"), [("Nothing", ("cell", "value")), ("Cells", ("cell", "time"))]
)
def test_a_table_that_is_not_there_is_not_written(page, heading, columns):
    with pytest.raises(ValueError, match="has no heading"):
        Table(heading, columns).write(page)
    assert page.read_text() == PAGE
