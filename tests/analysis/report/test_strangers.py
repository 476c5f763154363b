"""What a file from anywhere may be: a small one that unpacks to terabytes is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report import files, strangers


def written(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path, compression="zstd")
    return path


def bomb_of(text: str, rows: int) -> pa.Array:
    """One text, stored once, that stands in every row."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def nested(depth: int) -> pa.Array:
    kind = pa.int32()
    for _ in range(depth):
        kind = pa.struct([("a", kind)])
    return pa.nulls(1, kind)


def test_a_kilobyte_that_unpacks_to_a_terabyte_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "bomb.parquet", model=bomb_of("x" * (10 << 20), 100_000))
    assert path.stat().st_size < 2000
    with pytest.raises(ReportError, match=r"the texts in .*bomb\.parquet have 1,048,576,000,000 bytes"):
        files.read(path)


def test_so_are_texts_in_lists(tmp_path: Path) -> None:
    texts = bomb_of("x" * (10 << 20), 1000)
    lists = pa.ListArray.from_arrays(pa.array(range(0, 1001, 1000), pa.int32()), texts)
    path = written(tmp_path / "bomb.parquet", flags=lists)
    with pytest.raises(ReportError, match="the texts in"):
        files.read(path)


def test_numbers_that_compress_to_nothing_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "VALUES_MAX", 10_000)
    lists = pa.ListArray.from_arrays(pa.array([0, 20_000], pa.int32()), pa.nulls(20_000, pa.float64()))
    path = written(tmp_path / "many.parquet", run_mean_error_s=lists)
    monkeypatch.setattr(pq.ParquetFile, "read", None)
    with pytest.raises(ReportError, match="unpacks to 20,000 values"):
        files.read(path)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"model": nested(20)}, "is nested more than 16 deep"),
        ({"model": nested(300)}, "not a readable Parquet file"),
        ({f"c{number}": pa.array([1]) for number in range(6000)}, "not a readable Parquet file"),
        ({"c": pa.array(["x" * (20 << 20)]), "model": pa.array(["m"])}, "lacks the column"),
    ],
    ids=["deep", "deeper than Arrow reads", "wide", "a large text in a column of nobody's"],
)
def test_what_is_too_deep_or_too_wide_is_refused(
    tmp_path: Path, columns: dict[str, pa.Array], sentence: str
) -> None:
    with pytest.raises(ReportError, match=sentence):
        files.read(written(tmp_path / "odd.parquet", **columns))


def test_a_large_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    with path.open("wb") as file:
        file.truncate(strangers.FILE_BYTES_MAX + 1)
    with pytest.raises(ReportError, match="1,073,741,825 bytes and at most 1,073,741,824 are read"):
        files.read(path)
