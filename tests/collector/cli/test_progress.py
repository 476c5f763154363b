"""How far long computations are: said on standard error, and nothing is left where they are ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_analysis.ranking import stages
from paretofleet_collector.cli import progress

REPORT = Path(__file__).parents[2] / "fixtures" / "stored_sweep" / "report.parquet"


def test_a_line_says_now_and_then_how_long_it_still_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = [100.0], []
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    follower = progress.Follower("ranking", said.append, every_s=10)
    for seconds, share in ((150.0, 0.0), (155.0, 0.1), (165.0, 0.2), (170.0, 0.3), (210.0, 0.75)):
        clock[0] = seconds
        follower.at("9,000 rows", share)
    assert said == [
        "ranking, 9,000 rows: 10%, about 40 s left",
        "ranking, 9,000 rows: 20%, about 1 min left",
        "ranking, 9,000 rows: 75%, about 20 s left",
    ]


def test_a_ranking_of_many_rows_says_how_far_it_is(
    paretofleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = paretofleet("rank", REPORT)
    assert "left" not in usual.err
    monkeypatch.setattr(stages, "ROWS_MIN", 1)
    monkeypatch.setattr(progress, "_SAID_S", 0.0)
    done = paretofleet("rank", REPORT)
    assert done.out == usual.out
    shares = [line.split(": ")[1].split("%")[0] for line in done.err.splitlines() if " left" in line]
    assert [int(share) for share in shares] == sorted(int(share) for share in shares)
    assert len(shares) >= 4


@pytest.mark.parametrize("words", [("rank", "--figure"), ("analyze", "-o")])
def test_a_ranking_that_is_interrupted_leaves_nothing(
    paretofleet: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, str]
) -> None:
    def interrupted(work: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt(work)

    monkeypatch.setattr(stages, "ROWS_MIN", 1)
    monkeypatch.setattr(stages, "report", interrupted)
    paretofleet(words[0], REPORT, words[1], tmp_path / "made.html", code=130)
    assert list(tmp_path.iterdir()) == []
