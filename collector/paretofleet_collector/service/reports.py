"""What the command asks for about results: the report of a sweep, its samples, its summaries again."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.views import Rebuilt
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import sealed, sweeps
from paretofleet_collector.store.sealed import SealedFile

REBUILD_BATCH = 200


async def report_file(context: Context, name: str) -> tuple[str, Path]:
    """The report of the sweep in `context` with a `name` or an id, as it stands; raises NotFound.

    Returns the report's name and a temporary file, which the caller deletes.
    """
    sweep = await context.store.read(lambda connection: sweeps.find(connection, name))
    path = await context.worker.run(
        "report", database=context.store.address, lake=str(context.lake.root), sweep_id=sweep.sweep_id
    )
    return f"{sweep.name}.parquet", Path(path)


async def sample_files(context: Context, name: str) -> list[tuple[str, Path]]:
    """The sealed files of the sweep in `context` with a `name` or an id: path to show, and where each lies.

    Raises NotFound, also where there are none yet.
    """

    def work(connection: sa.Connection) -> tuple[str, list[SealedFile]]:
        sweep = sweeps.find(connection, name)
        return sweep.name, sealed.files(connection, sweep.sweep_id)

    sweep_name, files = await context.store.read(work)
    if not files:
        raise NotFound(
            f"Sweep '{sweep_name}' has no sealed samples yet; see `paretofleet sweep watch {sweep_name}`."
        )
    return [(f"{sweep_name}/{Path(file.path).name}", context.lake.root / file.path) for file in files]


async def rebuild(context: Context, name: str) -> Rebuilt:
    """Computes every summary of a sweep again from its sealed samples and stores what comes out.

    The sweep in `context` with a `name` or an id; raises NotFound.
    """

    def sealed_runs(connection: sa.Connection) -> list[str]:
        sweep = sweeps.find(connection, name)
        return [file.run_id for file in sealed.files(connection, sweep.sweep_id)]

    run_ids = await context.store.read(sealed_runs)
    changed, version = 0, ""
    for start in range(0, len(run_ids), REBUILD_BATCH):
        summaries = await context.worker.run(
            "summarize_again",
            database=context.store.address,
            lake=str(context.lake.root),
            run_ids=run_ids[start : start + REBUILD_BATCH],
        )

        def store(connection: sa.Connection, summaries: dict[str, dict[str, object]] = summaries) -> int:
            return sum(
                sealed.replace_summary(connection, run_id, summary) for run_id, summary in summaries.items()
            )

        changed += await context.store.write(store)
        version = next(iter(summaries.values()))["rule_version"]
    return Rebuilt(len(run_ids), changed, version)
