"""Who computes summaries again: the collector's own process, or Spark, in an environment of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.runs.summary import RULE_VERSION

from paretofleet_collector.config import NO_SPARK
from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.service.context import Context
from paretofleet_collector.suggest import did_you_mean

LOCAL, SPARK = "local", "spark"
ENGINES = (LOCAL, SPARK)
#: Runs of one job: of Spark's many, for its cores wait for the last of them.
LOCAL_BATCH, SPARK_BATCH = 200, 2_000
_PAGE = "docs/how-to/spark.md"


@dataclass(frozen=True)
class Summarizer:
    """A process that computes summaries again, at most of `batch` runs at once."""

    context: Context
    worker: Worker
    batch: int
    master: str = ""

    async def of(self, run_ids: list[str]) -> dict[str, dict[str, Any]]:
        """What `jobs.rebuild` makes of the runs `run_ids`; raises CollectorError where it cannot."""
        results: dict[str, dict[str, Any]] = await self.worker.run(
            "summarize_again",
            database=self.context.store.address,
            lake=self.context.lake.address,
            run_ids=run_ids,
            spark=self.master,
        )
        for result in results.values():
            rule = (result.get("summary") or {}).get("rule_version", RULE_VERSION)
            if rule != RULE_VERSION:
                raise CollectorError(
                    f"Spark computes by rule {rule} and this collector by rule {RULE_VERSION}; install the "
                    f"same version of paretofleet for both ({_PAGE})."
                )
        return results


@asynccontextmanager
async def summarizer(context: Context, engine: str) -> AsyncIterator[Summarizer]:
    """The process of the `engine`, one of ENGINES, for the collector in `context`.

    Spark's ends with the block. Raises Refused where there is no such engine.
    """
    if engine in ("", LOCAL):
        yield Summarizer(context, context.worker, LOCAL_BATCH)
        return
    if engine != SPARK:
        raise Refused(f"Unknown engine '{engine}'; {did_you_mean(engine, ENGINES)}")
    python = context.config.spark_python
    if python == NO_SPARK:
        raise Refused(
            "This collector has no Spark: make an environment with 'paretofleet-collector[spark]' and name "
            f"its Python as spark_python in collector.toml ({_PAGE})."
        )
    async with context.spreading:
        worker = Worker(python, f"see that {python} has 'paretofleet-collector[spark]' ({_PAGE})")
        try:
            yield Summarizer(context, worker, SPARK_BATCH, context.config.spark_master)
        finally:
            await worker.close()
