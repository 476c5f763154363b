"""`paretofleet rank` for papers, on a stored sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_harness import Command

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"


@pytest.mark.parametrize(
    ("form", "begins", "holds"),
    [
        ("markdown", "Ranked for realtime", "| mobilenet\\_v2 |"),
        ("latex", "% needs", "mobilenet\\_v2 &"),
        ("html", "<table>", ">mobilenet_v2<"),
    ],
)
def test_the_table_goes_to_standard_output(paretofleet: Command, form: str, begins: str, holds: str) -> None:
    done = paretofleet("rank", REPORT, "-o", form)
    assert done.out.startswith(begins)
    assert holds in done.out
    assert "Evidence" not in done.out


def test_methods_are_one_paragraph(paretofleet: Command) -> None:
    done = paretofleet("rank", REPORT, "--methods")
    assert done.out.count("\n") == 1
    assert "simulated" in done.out


def test_another_form_is_a_usage_error(paretofleet: Command) -> None:
    assert "latex" in paretofleet("rank", REPORT, "-o", "word", code=2).err
