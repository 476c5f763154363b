"""`search replay`: a method against a published table, its score, and columns that are misspelt."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from command_harness import Command

WORDS = ("--letters", "cell", "--accuracy", "acc", "--seeds", "2", "--trials", "30")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = ["cell,acc,ms,mj"]
    for cell in itertools.product("0123", repeat=4):
        work = 1 + sum(map(int, cell))
        rows.append(f"{''.join(cell)},{40 + 3 * work + int(cell[0])},{work},{2 * work + int(cell[1])}")
    path = tmp_path / "cells.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_method_is_scored_by_the_true_front(paretofleet: Command, table: Path) -> None:
    done = paretofleet("search", "replay", table, *WORDS, "--device", "pi=ms,mj", "-o", "json")
    rows = done.json
    assert [(row["method"], row["device"], row["trials"]) for row in rows] == [
        ("gp", "pi", 25),
        ("gp", "pi", 30),
    ]
    assert rows[0]["score"] <= rows[1]["score"] <= 1.0
    assert rows[1]["worst"] <= rows[1]["score"]
    assert rows[1]["score"] > 0.6
    assert "256 members, 256 graphs" in done.err
    assert "CPU s a proposal" in done.err


def test_devices_have_scores_of_their_own(paretofleet: Command, table: Path) -> None:
    words = ("--device", "pi=ms,mj", "--device", "tx2=ms", "--method", "random", "-o", "json")
    rows = paretofleet("search", "replay", table, *WORDS, *words).json
    assert {row["device"] for row in rows} == {"pi", "tx2"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--device", "ms"), "write NAME=TIME"),
        (("--device", "pi=ms", "--join", "pi.csv"), "write NAME=FILE:OURS=THEIRS"),
    ],
)
def test_a_misspelt_option_is_an_error_of_usage(
    paretofleet: Command, table: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in paretofleet("search", "replay", table, *WORDS, *words, code=2).err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--device", "pi=time"), "no column time: it has cell, acc, ms, mj"),
        (("--device", "pi=ms", "--method", "annealing"), "annealing is no method"),
    ],
)
def test_what_the_table_does_not_have_is_named(
    paretofleet: Command, table: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in paretofleet("search", "replay", table, *WORDS, *words, code=1).err
