"""Old samples go when an operator says so: their summaries and reports stay, and say by which rule."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from lakes import files_in
from paretofleet_analysis.runs.summary import RULE_VERSION
from paretofleet_collector.cli import garbage_text, units
from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.service import garbage, reports
from paretofleet_collector.service import sweeps as deleting
from paretofleet_collector.service.garbage import Garbage, Scope
from paretofleet_collector.service.merging import Merger
from paretofleet_collector.store import retired, sealed, sweeps
from paretofleet_collector.store.sealed import SUMMARIES
from rig import Rig

#: Of each sweep.
RUNS = 3
ALL_OLD = Scope(samples_older_than_days=0.0)


@pytest.fixture
def measured(rig) -> Rig:
    """A collector with the sealed sweeps `first` and `second`."""
    rig.measure("first")
    rig.measure("second")
    return rig


def old(rig: Rig, scope: Scope = ALL_OLD, now: float | None = None) -> Garbage:
    now = rig.clock[0] + 1 if now is None else now
    return garbage.collect(rig.context.store, rig.context.lake, scope, now)


def free(rig: Rig, removable: Garbage) -> None:
    garbage.remove(rig.context.store, rig.context.lake, removable)


def report_of(rig: Rig, name: str) -> list[dict[str, Any]]:
    _, path = rig.do(reports.report_file(rig.context, name))
    return pq.read_table(path).to_pylist()


def pulled(rig: Rig, name: str) -> list[str]:
    async def work() -> list[str]:
        return [shown async for shown, _ in reports.sample_files(rig.context, name)]

    return rig.do(work())


def summarised_by(rig: Rig, rule: str) -> None:
    """Pretends that an older release made all summaries."""

    def work(connection: sa.Connection) -> None:
        for run_id, text in list(connection.execute(sa.select(SUMMARIES.c.run_id, SUMMARIES.c.summary_json))):
            sealed.replace_summary(connection, run_id, {**json.loads(text), "rule_version": rule})

    rig.context.store.submit(work).result()


def test_samples_stay_for_ever_where_nobody_says_how_long(measured):
    assert old(measured, Scope()).old == ()


def test_only_samples_that_are_old_enough_go(measured):
    rig = measured
    ninety = Scope(samples_older_than_days=90.0)
    assert old(rig, ninety, rig.clock[0] + 89 * garbage.DAY_S).old == ()
    assert len(old(rig, ninety, rig.clock[0] + 91 * garbage.DAY_S).old) == 2 * RUNS


def test_gc_says_what_it_would_free_and_frees_that(measured):
    rig = measured
    removable = old(rig)
    sizes = Counter()
    for file in removable.old:
        sizes[file.sweep] += file.size_bytes
    assert garbage_text.lines(removable) == [
        f"old samples, whose summaries stay: sweep {name}, 3 runs, {units.size(sizes[name])}"
        for name in ("first", "second")
    ]
    assert removable.size_bytes == sizes.total()
    assert len(files_in(rig.context.lake)) == 2 * RUNS
    free(rig, removable)
    assert files_in(rig.context.lake) == []
    assert old(rig) == Garbage((), (), (), old_before_unix_s=rig.clock[0] + 1)


def test_the_report_is_the_same_without_its_samples(measured):
    rig = measured
    before = report_of(rig, "first")
    free(rig, old(rig))
    assert report_of(rig, "first") == before
    rebuilt = rig.do(reports.rebuild(rig.context, "first"))
    assert (rebuilt.runs, rebuilt.changed, rebuilt.faults) == (0, 0, ())
    assert rebuilt.kept.startswith("The samples of 3 runs were removed for their age, last on ")
    assert rebuilt.kept.endswith(f"their summaries by rule {RULE_VERSION} stay.")
    assert report_of(rig, "first") == before


def test_who_asks_for_samples_hears_that_they_were_removed(measured):
    rig = measured
    run_id = rig.context.store.read_now(sealed.files)[0].run_id
    free(rig, old(rig))
    with pytest.raises(NotFound, match=f"has no samples: The samples of 3 runs .* rule {RULE_VERSION} stay"):
        pulled(rig, "first")
    with pytest.raises(NotFound, match=f"The samples of run '{run_id}' were removed on "):
        rig.do(reports.run_file(rig.context, run_id))


def test_what_is_left_of_a_sweep_is_brought_and_what_is_not_is_named(rig):
    session = rig.joined()
    name = rig.submit(batch_sizes=(1, 2)).name
    rig.upload(session, rig.lease(session))
    rig.seal()
    free(rig, old(rig))
    rig.clock[0] += 1
    rig.upload(session, rig.lease(session))
    rig.seal()
    brought = []

    async def collect() -> None:
        async for shown, _ in reports.sample_files(rig.context, name):
            brought.append(shown)

    with pytest.raises(CollectorError, match="1 of 2 files were left out: The samples of 1 run were"):
        rig.do(collect())
    assert len(brought) == 1


def test_samples_without_a_summary_by_the_rule_of_today_stay(measured):
    rig = measured
    summarised_by(rig, "0")
    removable = old(rig)
    assert removable.old == ()
    assert [file.unsummarised for file in removable.old_that_stay] == [1] * 2 * RUNS
    rig.do(reports.rebuild(rig.context, "first"))
    assert [file.sweep for file in old(rig).old] == ["first"] * RUNS


def test_a_summary_that_is_lost_between_the_look_and_the_removal_keeps_the_samples(measured):
    rig = measured
    removable = old(rig)
    summarised_by(rig, "0")
    free(rig, removable)
    assert len(files_in(rig.context.lake)) == 2 * RUNS


def test_a_crash_after_the_list_was_changed_leaves_a_file_that_goes_later(measured):
    rig = measured
    store, lake = rig.context.store, rig.context.lake
    path = old(rig).old[0].path
    retire = partial(
        retired.retire, path=path, before_unix_s=rig.clock[0] + 1, rule_version=RULE_VERSION, now=1.0
    )
    assert store.submit(retire).result()
    assert lake.has(path)
    free(rig, old(rig, Scope()))
    assert not lake.has(path)
    assert not store.submit(retire).result()


def test_a_merged_file_goes_when_all_its_runs_are_old(rig):
    session = rig.joined()
    name = rig.submit(batch_sizes=(1, 2)).name
    rig.upload(session, rig.lease(session))
    rig.seal()
    first_s = rig.clock[0]
    rig.clock[0] += 10
    rig.upload(session, rig.lease(session))
    rig.seal()
    assert rig.do(Merger(rig.context, rig.context.worker).merge_due()) == 2
    assert old(rig, now=first_s + 5).old == ()
    (file,) = old(rig).old
    assert file.runs == 2
    free(rig, old(rig))
    sweep_id = rig.context.store.read_now(lambda connection: sweeps.find(connection, name)).sweep_id
    retirement = rig.context.store.read_now(lambda connection: retired.of_sweep(connection, sweep_id))
    assert (retirement.runs, retirement.rule_versions) == (2, (RULE_VERSION,))


def test_a_sweep_is_deleted_with_what_is_noted_of_its_samples(measured):
    rig = measured
    free(rig, old(rig))
    sweep_id = rig.context.store.read_now(lambda connection: sweeps.find(connection, "first")).sweep_id
    rig.do(deleting.delete(rig.context, "first"))
    assert rig.context.store.read_now(lambda connection: retired.of_sweep(connection, sweep_id)) is None
