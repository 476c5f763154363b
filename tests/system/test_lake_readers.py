"""The lines of the page on reading the lake, run as they stand over a bucket and a folder."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.samples import read_rows
from paretofleet_collector.service.manifests import Manifests
from paretofleet_collector.service.merging import GRACE_S, Merger, delete_discarded
from paretofleet_collector.store import sealed
from rig import Rig, build
from seaweed import answering

pytestmark = pytest.mark.system
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "lake.md"
#: run, attempt, stream, t_ns, value, of every sample.
Rows = list[tuple[str, int, str, int, int]]
SPARK = os.environ.get("PARETOFLEET_TEST_SPARK_PYTHON", "")


def lines(heading: str) -> str:
    """The block of code under a heading that begins so."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}")[2].partition("\n## ")[0]
    return re.search(r"```\w+\n(.*?)```", section, re.DOTALL)[1]


def measured(home: Path, lake: str) -> tuple[Rig, Rows]:
    """A collector whose sweep `night` was merged and whose `morning` was not, and all its rows."""
    rig = build(home, asyncio.new_event_loop(), [1000.0], lake=lake)
    rig.measure("night")
    merger = Merger(rig.context, rig.context.worker)
    rig.do(merger.merge_due())
    rig.measure("morning")
    rig.clock[0] += GRACE_S + 1
    rig.do(delete_discarded(rig.context))
    assert rig.do(Manifests(rig.context, rig.context.worker).write_due()) == 2
    rows: Rows = []
    for file in rig.context.store.read_now(sealed.files):
        path = rig.context.lake.verified(file.path, file.sha256)
        table = read_rows(path, file.first_row, file.samples)
        for row in table.to_pylist():
            rows.append((row["run_id"], row["attempt"], row["stream"], row["t_ns"], row["value"]))
    return rig, rows


def of_sweep(rig: Rig, rows: Rows, name: str) -> Rows:
    sweep_id = rig.sweep(name).sweep_id
    listed = rig.context.store.read_now(lambda connection: sealed.files(connection, sweep_id))
    runs = {file.run_id for file in listed}
    return sorted(row for row in rows if row[0] in runs)


def close(rig: Rig) -> None:
    rig.do(rig.context.worker.close())
    rig.context.store.close()
    rig.loop.close()


def as_rows(frame: Any) -> Rows:
    columns = ("run_id", "attempt", "stream", "t_ns", "value")
    return sorted(zip(*(frame[name].to_list() for name in columns), strict=True))


@pytest.fixture
def bucket(objects, tmp_path):
    """A lake in a bucket: its collector, its rows, and where the bucket is."""
    lake = f"s3://fleet/paretofleet?endpoint_override={objects.endpoint}&scheme=http&region=us-east-1"
    (tmp_path / "home").mkdir()
    answering(open_lake(address_of(tmp_path / "home", lake)))
    rig, rows = measured(tmp_path / "home", lake)
    yield rig, rows, objects.endpoint
    close(rig)


def pandas_lines(endpoint: str) -> str:
    here = f'"us-east-1", endpoint_override="{endpoint}", scheme="http"'
    return lines("pandas").replace('"eu-central-1"', here)


def test_pandas_and_polars_read_merged_files_and_others_from_a_bucket(bucket):
    rig, rows, endpoint = bucket
    for name in ("night", "morning"):
        names: dict[str, Any] = {}
        exec(pandas_lines(endpoint).replace('"night"', f'"{name}"'), names)  # noqa: S102 - our own page
        assert as_rows(names["samples"]) == of_sweep(rig, rows, name)
        merged = names["samples"].merge(names["runs"], on=["run_id", "attempt"], suffixes=("", "_of_run"))
        assert len(merged) == len(names["samples"])
        exec(lines("DuckDB, over S3"), names)  # noqa: S102 - our own page
        batches = names["counts"]
        assert [(model, batch_size, runs) for model, batch_size, runs, _ in batches] == [
            ("tiny", 1, 1),
            ("tiny", 2, 1),
            ("tiny", 4, 1),
        ]
        assert sum(each[3] for each in batches) == len(names["samples"])
    here = f'"us-east-1", "aws_endpoint_url": "http://{endpoint}", "aws_allow_http": "true"'
    names = {}
    exec(lines("Polars").replace('"eu-central-1"', here), names)  # noqa: S102 - our own page
    assert as_rows(names["samples"]) == of_sweep(rig, rows, "night")


@pytest.mark.skipif(not SPARK, reason="NOT TRIED: PARETOFLEET_TEST_SPARK_PYTHON names no Python with PySpark")
def test_spark_reads_files_from_a_bucket(bucket, tmp_path):
    rig, rows, endpoint = bucket
    out = tmp_path / "out.json"
    script = tmp_path / "read.py"
    columns = "'run_id', 'attempt', 'stream', 't_ns', 'value'"
    end = f"samples.select({columns}).toPandas().to_json({str(out)!r}, orient='values')\n"
    script.write_text(pandas_lines(endpoint) + lines("Spark") + end)
    light = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    here = {"PYSPARK_PYTHON": SPARK, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_SUBMIT_OPTS": light}
    environment = {**os.environ, **here}
    subprocess.run([SPARK, str(script)], check=True, env=environment)
    assert sorted(map(tuple, json.loads(out.read_text()))) == of_sweep(rig, rows, "night")


def test_duckdb_reads_merged_files_from_a_folder(tmp_path, monkeypatch):
    rig, rows = measured(tmp_path, "local")
    monkeypatch.chdir(tmp_path)
    *before, query = [text for text in lines("DuckDB, over a folder").split(";") if text.strip()]
    connection = duckdb.connect()
    for text in before:
        connection.execute(text)
    read = connection.sql(query).project("run_id, 1, stream, t_ns, value").fetchall()
    assert sorted(read) == of_sweep(rig, rows, "night")
    close(rig)
