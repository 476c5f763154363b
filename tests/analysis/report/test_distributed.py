"""An engine spreads parts and computes nothing: every result once, a death is a retry, a fault a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spark_work
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.distributed import Part, local_results, spark_results

PYTHON = os.environ.get("PARETOFLEET_TEST_SPARK_PYTHON")
with_spark = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_SPARK_PYTHON names no Python with PySpark"
)
#: Java and its Python processes start, several at once on a busy machine.
pytestmark = pytest.mark.timeout(900)
FOLDER = Path(spark_work.__file__).parent
TEXTS = [f"text {number}" for number in range(40)]


def run(works: list[tuple[str, list[str]]], **environ: str) -> list[dict[str, Any]]:
    """What Spark said of each of the works, in a process of its own."""
    done = subprocess.run(
        [PYTHON, FOLDER / "spark_program.py", json.dumps(works)],
        env={**os.environ, "PYTHONPATH": str(FOLDER), **environ},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What one session said of every kind of work; the last one ends it."""
    mark = tmp_path_factory.mktemp("spark") / "mark"
    works = [
        ("doubled", TEXTS),
        ("doubled", []),
        ("killed_once", [str(mark), *[__file__] * 9]),
        ("killed", ["x"]),
        ("refused", ["/lake"]),
        ("too_large", ["x"] * 8),
    ]
    names = ["doubled", "nothing", *(name for name, _ in works[2:])]
    return dict(zip(names, run(works), strict=True))


def test_here_every_part_gives_what_its_function_made_of_it():
    results = local_results(spark_work.doubled, [Part("a", b"x"), Part("b", b"y")])
    assert results == {"a": b"xx", "b": b"yy"}


@with_spark
def test_spark_gives_every_result_once_under_its_part_s_name(said):
    assert said["doubled"]["results"] == {f"part {number}": text + text for number, text in enumerate(TEXTS)}
    assert said["nothing"]["results"] == {}


@with_spark
def test_a_process_that_is_killed_costs_a_retry_and_no_result(said):
    assert len(said["killed_once"]["results"]) == 10


@with_spark
def test_spark_gives_up_in_a_sentence_after_its_tries(said):
    assert said["killed"]["error"].startswith("Spark gave up: Job aborted")
    assert "failed 4 times" in said["killed"]["error"]
    assert "\n" not in said["killed"]["error"]


@with_spark
def test_what_a_function_refuses_is_said_in_its_own_words(said):
    assert said["refused"]["error"] == "Spark gave up: FileNotFoundError: There is no folder /lake."


@with_spark
def test_a_driver_without_memory_says_which_setting_helps(said):
    assert "spark.driver.memory" in said["too_large"]["error"]


@with_spark
def test_without_java_it_is_said_what_to_install(tmp_path):
    (said,) = run([("doubled", ["x"])], PATH=str(tmp_path), JAVA_HOME="")
    assert "Spark needs Java 17 or newer" in said["error"]
    assert "openjdk-17-jre-headless" in said["error"]


@with_spark
def test_a_java_that_ends_at_once_is_a_sentence(tmp_path):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    (said,) = run([("doubled", ["x"])], JAVA_HOME=str(tmp_path))
    assert said["error"].startswith("Spark did not start at local[2,4]: ")
    assert "\n" not in said["error"]


def test_without_pyspark_it_is_said_which_extra_to_install():
    with pytest.raises(ReportError) as refused:
        spark_results(spark_work.doubled, [Part("a", b"x")], "local[2,4]")
    assert f"{sys.executable} cannot import PySpark" in str(refused.value)
    assert "paretofleet-collector[spark]" in str(refused.value)
