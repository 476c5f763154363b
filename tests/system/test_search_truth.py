"""Simulated boards that show the times and energies of a published table, from the command to the front."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from farm import Farm
from search_farm import drivers, watched
from tiny_search import write_search

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]
COLUMNS = ("--truth", "tx2=tx2_ms,tx2_mj", "--truth", "tx1=tx1_ms,tx1_mj")


@pytest.fixture
def boards(farm: Farm) -> Iterator[Farm]:
    farm.start_agent("tx2", "--simulate", "jetson-tx2")
    farm.start_agent("tx1", "--simulate", "jetson-tx1")
    try:
        yield farm
    finally:
        for process in drivers(farm):
            process.kill()


def write_table(path: Path) -> dict[tuple[int, ...], tuple[float, float, float, float]]:
    """Wide ones are slow on one board, deep ones on the other; those of depth 3 are not in the table."""
    truth = {}
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("width", "depth", "kernel", "twin", "tx2_ms", "tx2_mj", "tx1_ms", "tx1_mj"))
        for width, depth, kernel, twin in product((4, 8, 12, 16, 24), (1, 2), (1, 3), (0, 1)):
            values = (1.0 * width, 5.0 * width, 15.0 * depth, 100.0 * depth)
            truth[width, depth, kernel, twin] = values
            table.writerow((width, depth, kernel, twin, *values))
    return truth


def test_simulated_boards_show_a_table_and_stay_simulated(boards: Farm) -> None:
    file, _ = write_search(boards.root / "space", ["tx2", "tx1"])
    table = boards.root / "table.csv"
    truth = write_table(table)
    words = ("--simulate-truth", str(table), *COLUMNS, "--trials", "8", "--watch")
    watched(boards, "start", file, "--name", "edge1", *words)
    rows = boards.listing("search", "show", "edge1", "--trials")
    assert len(rows) == 16
    for row in rows:
        member = tuple(row[f"member.{name}"] for name in ("width", "depth", "kernel", "twin"))
        first = 0 if row["device"] == "tx2" else 2
        time_ms, energy_mj = truth[member][first : first + 2]
        # the sensor of a board is off by a factor of its own, a run by a percent
        assert row["batch_latency_p90_s"] == pytest.approx(time_ms / 1e3, rel=0.1)
        assert row["energy_j_per_item"] == pytest.approx(energy_mj / 1e3, rel=0.2)
        assert row["simulated"]
    assert "tx2, simulated" in boards.command("search", "show", "edge1")

    # what is confirmed is measured by the same table
    words = ("--seeds", "1", "--members", "1", "--protocol", "quick")
    watched(boards, "confirm", "edge1", *words)
    anew = [row for row in boards.listing("search", "show", "edge1") if row["verdict"] != "selected"]
    assert anew
    for row in anew:
        name = "confirmed.batch_latency_p90_s"
        assert row[name] == pytest.approx(row["batch_latency_p90_s"], rel=0.1)


def test_what_cannot_be_shown_is_a_sentence(boards: Farm) -> None:
    file, _ = write_search(boards.root / "space", ["tx2", "tx1"])
    table = boards.root / "table.csv"
    write_table(table)
    for words, sentence in (
        ((), "give --simulate-truth TABLE and --truth"),
        (COLUMNS[:2], "The table has nothing of tx1"),
        ((*COLUMNS[:2], "--truth", "tx1=tx1_ms"), "--truth tx1 has no column of energies"),
        ((*COLUMNS, "--truth", "nano=tx1_ms,tx1_mj"), "nano, which is no device of the search"),
        ((*COLUMNS[:2], "--truth", "tx1=ms,mj"), "the table has no column ms"),
        ((*COLUMNS[:2], "--truth", "tx1"), "write NAME=TIME"),
    ):
        refused = boards.run("search", "start", file, "--trials", "8", "--simulate-truth", table, *words)
        assert refused.returncode != 0
        assert sentence in refused.stderr, refused.stderr
    assert boards.listing("search", "list") == []
