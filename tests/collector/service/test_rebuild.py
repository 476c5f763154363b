"""A report rebuilt: whole or as it was, by the engine that was chosen."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any

import psutil
import pytest
from lakes import forget_copies, read, spoil
from object_server import remove_bucket
from paretofleet_collector.errors import CollectorError, StorageUnavailable
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.model.run_faults import together
from paretofleet_collector.service import engines, reports
from paretofleet_collector.store import sealed
from rig import Rig
from spark_python import PYTHON, with_spark

#: Java and its Python processes start, several at once on a busy machine.
pytestmark = pytest.mark.timeout(900)
#: What the seal says of an iteration of 10 ms, as the clock puts it, and what is put in its place.
RIGHT_S, WRONG_S = pytest.approx(0.01, rel=1e-12), 7.0


@pytest.fixture
def wrong(rig: Rig) -> Rig:
    """A collector with the sealed sweep `night` of 3 runs, whose stored summaries are all wrong."""
    rig.measure("night")

    def falsify(connection) -> None:
        for run_id, summary in stored(rig).items():
            sealed.replace_summary(connection, run_id, {**summary, "batch_latency_mean_s": WRONG_S})

    rig.do(rig.context.store.write(falsify))
    return rig


def stored(rig: Rig) -> dict[str, dict[str, Any]]:
    rows = rig.context.store.read_now(lambda connection: list(connection.execute(sealed.SUMMARIES.select())))
    return {row.run_id: json.loads(row.summary_json) for row in rows}


def latencies_s(rig: Rig) -> list[float]:
    return sorted(summary["batch_latency_mean_s"] for summary in stored(rig).values())


def with_python(rig: Rig, python: str) -> None:
    """Starts the collector again, with that Python for Spark."""
    rig.stop()
    rig.start(spark_python=python, spark_master="local[2,4]")


def processes_of_spark(monkeypatch: pytest.MonkeyPatch) -> list[psutil.Process]:
    """Fills with the processes that Spark had when the collector ends it."""
    started, close = [], Worker.close

    async def watched(self: Worker) -> None:
        if self._python == PYTHON and self._process is not None:
            started.extend(psutil.Process(self._process.pid).children(recursive=True))
        await close(self)

    monkeypatch.setattr(Worker, "close", watched)
    return started


def refusal(rig: Rig, engine: str = engines.SPARK) -> str:
    with pytest.raises(CollectorError) as refused:
        rig.do(reports.rebuild(rig.context, "night", engine))
    assert latencies_s(rig) == [WRONG_S] * 3
    assert list((rig.context.lake.root / "tmp").iterdir()) == []
    return str(refused.value)


@with_spark
@pytest.mark.parametrize("lake_address", ["objects"], indirect=True)
def test_spark_rebuilds_a_report_but_for_a_run_whose_file_is_damaged_and_ends_with_it(wrong, monkeypatch):
    damaged = wrong.context.store.read_now(sealed.files)[0]
    spoil(wrong.context.lake, damaged.path, read(wrong.context.lake, damaged.path)[:-1])
    with_python(wrong, PYTHON)
    started = processes_of_spark(monkeypatch)
    rebuilt = wrong.do(reports.rebuild(wrong.context, "night", engines.SPARK))
    assert (rebuilt.runs, rebuilt.changed) == (3, 2)
    (fault,) = rebuilt.faults
    assert damaged.run_id in fault
    assert "is damaged in the lake" in fault
    assert latencies_s(wrong) == [RIGHT_S, RIGHT_S, WRONG_S]
    assert len(started) >= 2  # Java, and what it starts
    assert psutil.wait_procs(started, timeout=120)[1] == []


def test_an_engine_that_fails_in_the_middle_changes_nothing(wrong, monkeypatch):
    monkeypatch.setattr(engines, "LOCAL_BATCH", 1)
    of, calls = engines.Summarizer.of, []

    async def fail_at_the_second(self: engines.Summarizer, run_ids: list[str]) -> dict[str, Any]:
        calls.append(run_ids)
        if len(calls) == 2:
            raise CollectorError("here it fails")
        return await of(self, run_ids)

    monkeypatch.setattr(engines.Summarizer, "of", fail_at_the_second)
    assert refusal(wrong, engines.LOCAL) == "here it fails"
    monkeypatch.setattr(engines.Summarizer, "of", of)
    assert wrong.do(reports.rebuild(wrong.context, "night")).changed == 3
    assert latencies_s(wrong) == [RIGHT_S] * 3


@pytest.mark.parametrize("lake_address", ["objects"], indirect=True)
def test_a_bucket_that_is_gone_is_one_sentence_and_no_run_is_to_blame(wrong, moto):
    bucket = wrong.context.lake.shown.split("/")[2]
    remove_bucket(moto, bucket)
    forget_copies(wrong.context.lake)
    assert (
        refusal(wrong, engines.LOCAL)
        == f"There is no bucket '{bucket}' at the lake's address; make it first."
    )

    async def pull() -> list[Any]:
        return [each async for each in reports.sample_files(wrong.context, "night")]

    with pytest.raises(StorageUnavailable, match="There is no bucket"):
        wrong.do(pull())


def test_runs_of_one_damaged_file_share_a_sentence():
    faults = [*(f"run r{number}: f is damaged." for number in range(5)), "run x: g is missing.", "other"]
    assert together(faults) == [
        "runs r0, r1, r2 and 2 more: f is damaged.",
        "run x: g is missing.",
        "other",
    ]
    assert together(["run a: f.", "run b: f."]) == ["runs a, b: f."]


@with_spark
def test_without_java_the_old_report_stands(wrong, monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with_python(wrong, PYTHON)
    assert refusal(wrong).startswith("Spark needs Java 17 or newer")


@with_spark
def test_a_driver_without_memory_leaves_the_old_report_standing(wrong, monkeypatch, tmp_path):
    (tmp_path / "spark-defaults.conf").write_text("spark.driver.memory 128m\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path))
    with_python(wrong, PYTHON)
    said = refusal(wrong)
    assert said.startswith("Spark did not start at local[2,4]: its driver has too little memory")
    assert "spark.driver.memory" in said


def test_a_collector_without_spark_says_how_it_gets_it(wrong):
    assert "spark_python" in refusal(wrong)


def test_an_engine_that_nobody_knows_is_refused(wrong):
    assert refusal(wrong, "sparc") == "Unknown engine 'sparc'; did you mean spark?"


def test_a_python_that_is_not_there_is_named(wrong):
    with_python(wrong, "/nowhere/python")
    said = refusal(wrong)
    assert "see that /nowhere/python has 'paretofleet-collector[spark]'" in said


def test_a_python_without_the_collector_is_named(wrong):
    bare = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    with_python(wrong, bare)
    assert f"see that {bare} has" in refusal(wrong)


def test_an_environment_without_pyspark_is_named(wrong):
    with_python(wrong, sys.executable)
    assert f"{sys.executable} cannot import PySpark" in refusal(wrong)


def test_summaries_by_another_rule_are_refused(wrong, monkeypatch):
    monkeypatch.setattr(engines, "RULE_VERSION", "5")
    assert "by rule 5" in refusal(wrong, engines.LOCAL)
