"""Runs in Spark's environment: one session, works of all kinds, and a line of JSON for what came of each."""

from __future__ import annotations

import json
import sys

import spark_work
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.distributed import Part, spark_results

for name, parts in json.loads(sys.argv[1]):
    works = [Part(f"part {number}", text.encode()) for number, text in enumerate(parts)]
    try:
        results = spark_results(getattr(spark_work, name), works, "local[2,4]")
        said = {"results": {part: made.decode() for part, made in results.items()}}
    except ReportError as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)  # noqa: T201 - it is read by the test
