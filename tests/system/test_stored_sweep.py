"""A sweep that an earlier version sealed: its numbers, its report and its rankings are today's, too."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from farm import Farm

pytestmark = pytest.mark.system
STORED = Path(__file__).parents[1] / "fixtures" / "stored_sweep"
RANKINGS = sorted(path.name for path in STORED.glob("rank-*.json"))
#: Processors round logarithms and sums in their own ways, and a fit stops a little earlier or later.
ROUNDING = 1e-6


@pytest.fixture
def stored(tmp_path: Path) -> Farm:
    """A farm whose collector's folder is the stored one; nothing runs yet."""
    with tarfile.open(STORED / "collector.tar.xz") as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own
    shutil.copy(STORED / "report.parquet", tmp_path)
    return Farm(tmp_path)


def without_versions(ranking: dict[str, Any]) -> dict[str, Any]:
    """A ranking without the versions that made it, which are the only thing that may differ."""
    evidence = {key: value for key, value in ranking["evidence"].items() if key != "versions"}
    return {**ranking, "evidence": evidence}


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """The places at which two JSON documents differ by more than rounding."""
    if isinstance(before, float) and isinstance(now, float):
        same = before == now or math.isclose(before, now, rel_tol=0.0, abs_tol=ROUNDING)
        return [] if same else [f"{where}: {before!r} is now {now!r}"]
    if isinstance(before, dict) and isinstance(now, dict) and list(before) == list(now):
        return [line for key in before for line in differences(before[key], now[key], f"{where}.{key}")]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [line for i, (old, new) in pairs for line in differences(old, new, f"{where}[{i}]")]
    return [] if before == now and type(before) is type(now) else [f"{where}: {before!r} is now {now!r}"]


def test_rebuilding_changes_no_summary_and_the_report_is_the_same_table(stored: Farm) -> None:
    stored.start_collector()
    try:
        assert stored.listing("report", "rebuild", "stored")["changed"] == 0
        stored.command("report", "pull", "stored", "-o", stored.root / "again.parquet")
    finally:
        stored.close()
    before, now = pq.read_table(STORED / "report.parquet"), pq.read_table(stored.root / "again.parquet")
    now = now.select(before.column_names)  # younger columns have what nobody kept then
    assert now.schema.equals(before.schema)
    assert now.equals(before)


@pytest.mark.parametrize("name", RANKINGS)
def test_a_ranking_says_what_it_said(stored: Farm, name: str) -> None:
    before = json.loads((STORED / name).read_text())
    program, *words = shlex.split(before["evidence"]["command"])
    assert program == "paretofleet"
    now = json.loads(stored.command(*words))
    assert differences(without_versions(before), without_versions(now)) == []
