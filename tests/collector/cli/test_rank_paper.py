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


def test_a_figure_is_written_and_a_plot_goes_before_the_table(paretofleet: Command, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    pytest.importorskip("plotext")
    done = paretofleet("rank", REPORT, "--figure", tmp_path / "front.svg", "--plot")
    assert "mobilenet_v2" in (tmp_path / "front.svg").read_text()
    assert f"wrote {tmp_path / 'front.svg'}" in done.err
    assert done.out.index("o front") < done.out.index("For realtime")


def test_a_figure_in_no_folder_is_refused(paretofleet: Command, tmp_path: Path) -> None:
    done = paretofleet("rank", REPORT, "--figure", tmp_path / "no" / "front.svg", code=1)
    assert "is no folder" in done.err
