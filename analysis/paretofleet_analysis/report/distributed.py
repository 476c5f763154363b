"""The values of many runs, computed by this process or by Spark: an engine spreads, and computes nothing.

A part is work that one function does by itself; its bytes mean something to that function alone, and so do
those that come of it. Both engines call the same function with the same bytes, so no digit can differ.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from paretofleet_analysis.errors import ReportError

#: Partitions for each core: few enough to cost little, many enough that no core waits long for the last.
PARTITIONS_PER_CORE = 16
_RESULT = "name string, result binary"
_TOO_SMALL = "INVALID_DRIVER_MEMORY"
_MEMORY_KEY = "spark.driver.memory in spark-defaults.conf, in the folder that SPARK_CONF_DIR names"
_SENTENCE_MAX = 300
#: For a Java that only hands parts out: its best compiler would take more time than it saves.
_LIGHT_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
#: What Java says where its process came to an end under a call.
_ENDED = ("OutOfMemoryError", "SparkContext was shut down")
#: The full name of an exception's class.
_CLASS = re.compile(r"^(?:[\w$]+\.)+[\w$]+: ")


@dataclass(frozen=True)
class Part:
    """Work for one call: a `name` that no other part has, and the bytes that the function takes."""

    name: str
    work: bytes


#: What does a part's work. For Spark it is a function that its Python processes can import.
Work = Callable[[bytes], bytes]
#: What comes of each part, by its name.
Results = Mapping[str, bytes]


def local_results(function: Work, parts: Sequence[Part]) -> Results:
    """What `function` makes of each of `parts`, one after the other in this process."""
    return {part.name: function(part.work) for part in parts}


def spark_results(function: Work, parts: Sequence[Part], master: str) -> Results:
    """What `function` makes of each of `parts`, on the cores of the Spark at `master` (`local[2,4]`).

    Each part is a group of its own, and what is shuffled are the parts alone. A part whose process dies is
    done again, as often as `master` or Spark's settings say. The session stays for the next call. Raises
    ReportError where Spark is not there, or gave up.
    """
    if not parts:
        return {}

    def results_of(group: pa.Table) -> pa.Table:
        made = [function(work) for work in group["work"].to_pylist()]
        return pa.table({"name": group["name"], "result": pa.array(made, pa.binary())})

    session = _session(master)
    try:
        cores = session.sparkContext.defaultParallelism
        session.conf.set("spark.sql.shuffle.partitions", min(len(parts), PARTITIONS_PER_CORE * cores))
        names = pa.array([part.name for part in parts], pa.string())
        works = pa.array([part.work for part in parts], pa.binary())
        frame = session.createDataFrame(pa.table({"name": names, "work": works}))
        rows = frame.groupBy("name").applyInArrow(results_of, _RESULT).collect()
    except Exception as error:  # py4j, Spark and Java have a tree of errors each
        raise ReportError(_gave_up(error)) from error
    return {row["name"]: bytes(row["result"]) for row in rows}


def _session(master: str) -> Any:
    """The Spark session of this process, started for its first call; raises ReportError."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ReportError(
            f"{sys.executable} cannot import PySpark ({error}); install 'paretofleet-collector[spark]' there."
        ) from None
    if _java() is None:
        raise ReportError(
            "Spark needs Java 17 or newer, and neither JAVA_HOME nor PATH leads to one; install it (Debian: "
            "apt-get install openjdk-17-jre-headless)."
        )
    # Spark's own choice is whatever `python3` is on PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("paretofleet").master(master)
    # Parts are small as bytes and long as work: put together by size they would all go to one core.
    builder = builder.config("spark.sql.adaptive.enabled", "false")
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        os.environ.setdefault("SPARK_SUBMIT_OPTS", _LIGHT_JAVA)
        for name in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
            builder = builder.config(name, "false")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
    except Exception as error:
        raise ReportError(_did_not_start(error, master)) from error
    return session


def _java() -> str | None:
    """The Java that Spark will start; None without one."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home, "bin")) if home else None)


def _did_not_start(error: Exception, master: str) -> str:
    """What kept Spark from its start at `master`, and what helps."""
    if _TOO_SMALL in str(error):
        return (
            f"Spark did not start at {master}: its driver has too little memory; give it 1 GiB or more by "
            f"{_MEMORY_KEY}."
        )
    return f"Spark did not start at {master}: {_reason(error)}."


def _gave_up(error: Exception) -> str:
    """What kept Spark from an answer, and what helps."""
    is_cut_off = isinstance(error, OSError | EOFError) or type(error).__name__ == "Py4JNetworkError"
    if is_cut_off or any(sign in str(error) for sign in _ENDED):
        return (
            "Spark's driver ended, most likely for want of memory; give it more than its 1 GiB by "
            f"{_MEMORY_KEY}."
        )
    return f"Spark gave up: {_reason(error)}."


def _reason(error: Exception) -> str:
    """What an error of Spark says in one line: the end of a Python traceback, else the first of Java."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if "Traceback (most recent call last):" in lines:
        line = lines[-1]
    else:
        line = next((line for line in lines if line.startswith(": ")), lines[0])
    line = _CLASS.sub("", line.removeprefix(": ")).partition(". Consider setting")[0]
    return line[:_SENTENCE_MAX].rstrip(".")
