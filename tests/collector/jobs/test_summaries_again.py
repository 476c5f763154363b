"""Summaries computed again: the same by the collector's process and by Spark, whatever files there are."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from lakes import read, spoil
from paretofleet_collector.errors import NotFound
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.service.merging import Merger
from paretofleet_collector.store import sealed
from rig import Rig, chunk, end_of
from spark_python import PYTHON, with_spark

RUNS = 6
STEP_NS = 1_000_000
SENSOR = {
    "stream": "power:ina3221/VDD_IN",
    "source": "ina3221",
    "rail": "VDD_IN",
    "scope": "module",
    "kind": "instant",
    "schema": "power/1",
    "period_s": 0.05,
    "lag_s": None,
    "quantum_w": 0.152,
    "quantum_j": None,
    "gain_relative_uncertainty": 0.03,
    "primary": True,
}
#: Java and its Python processes start, several at once on a busy machine.
pytestmark = pytest.mark.timeout(900)
Summaries = Callable[[Rig], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def spark() -> Iterator[Callable[..., Any]]:
    """The worker process in Spark's environment, one session for all tests."""
    loop, worker = asyncio.new_event_loop(), Worker(PYTHON)
    yield lambda **arguments: loop.run_until_complete(worker.run("summarize_again", **arguments))
    loop.run_until_complete(worker.close())


@pytest.fixture(params=["local", pytest.param("spark", marks=with_spark)])
def summaries(request: pytest.FixtureRequest) -> Summaries:
    """What an engine makes of all runs that are listed."""

    def of(rig: Rig) -> dict[str, dict[str, Any]]:
        arguments = {
            "database": rig.context.store.address,
            "lake": rig.context.lake.address,
            "run_ids": [file.run_id for file in rig.context.store.read_now(sealed.files)],
        }
        if request.param == "local":
            return rig.do(rig.context.worker.run("summarize_again", **arguments))
        return request.getfixturevalue("spark")(**arguments, spark="local[2,4]")

    return of


@pytest.fixture
def swept(rig: Rig) -> Rig:
    """A sealed sweep of 6 runs with noise, each with power beside it."""
    session = rig.joined()
    rig.submit(batch_sizes=tuple(range(1, RUNS + 1)))
    for seed in range(RUNS):
        grant, generator = rig.lease(session), np.random.default_rng(seed)
        durations = generator.normal(STEP_NS, STEP_NS / 50, 5_000).astype(np.int64)
        starts = 10**9 + np.cumsum(durations) - durations
        end = int(starts[-1] + durations[-1])
        times = np.arange(0, end + 10**9, 50 * STEP_NS)
        made = [
            chunk(grant.key, "marks", 0, [0, 10**9, end, end + 10**9], [2, 4, 5, 7]),
            chunk(grant.key, "iterations", 0, starts, durations),
            chunk(
                grant.key,
                SENSOR["stream"],
                0,
                times,
                generator.normal(7.4e6, 1e5, times.size).astype(np.int64),
            ),
        ]
        for each in made:
            rig.send(session, each)
        rig.end(session, end_of(grant.key, made, facts={"sensors": [SENSOR]}))
    rig.seal()
    return rig


def stored(rig: Rig) -> dict[str, Any]:
    """The summaries as they were stored at the seal, by run."""
    rows = rig.context.store.read_now(lambda connection: list(connection.execute(sealed.SUMMARIES.select())))
    return {row.run_id: json.loads(row.summary_json) for row in rows}


def test_both_engines_give_the_very_digits_of_the_seal(swept, summaries):
    results = summaries(swept)
    assert {run_id: result["summary"] for run_id, result in results.items()} == stored(swept)
    assert len(results) == RUNS
    assert all(result["summary"]["energy_j_per_item"] for result in results.values())
    assert {result["why_not"] for result in results.values()} == {""}
    assert {result["attempt"] for result in results.values()} == {1}


def test_both_engines_read_files_of_several_runs(swept, summaries):
    assert swept.do(Merger(swept.context, swept.context.worker).merge_due()) == RUNS
    results = summaries(swept)
    assert {run_id: result["summary"] for run_id, result in results.items()} == stored(swept)


def test_both_engines_say_which_run_a_damaged_file_costs_and_compute_the_others(swept, summaries):
    damaged = swept.context.store.read_now(sealed.files)[2]
    whole = read(swept.context.lake, damaged.path)
    spoil(swept.context.lake, damaged.path, whole[:-1])
    results = summaries(swept)
    assert f"{damaged.path} is damaged in the lake" in results.pop(damaged.run_id)["unreadable"]
    summarised = {run_id: result["summary"] for run_id, result in results.items()}
    assert summarised == {run_id: each for run_id, each in stored(swept).items() if run_id != damaged.run_id}


def test_both_engines_refuse_a_lake_that_is_gone_in_one_sentence(swept, summaries):
    shutil.rmtree(swept.context.lake.root)
    with pytest.raises(NotFound, match=f"The lake {swept.context.lake.root} is not there on "):
        summaries(swept)
    assert not swept.context.lake.root.exists()
