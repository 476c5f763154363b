"""A real object store is killed while runs are sealed into it: nothing goes, nothing is there twice."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.service.merging import GRACE_S, Merger, delete_discarded
from paretofleet_collector.store import sealed
from rig import TINY, build
from seaweed import answering

pytestmark = pytest.mark.system


def measured(rig, session):
    """The attempt at the next run, and its chunks, which were uploaded."""
    grant = rig.lease(session)
    return grant.key, rig.upload(session, grant)


def test_a_killed_object_store_costs_nothing_that_was_acknowledged(objects, tmp_path, monkeypatch):
    monkeypatch.setattr("paretofleet_collector.service.backoff.FIRST_S", 0.2, raising=False)
    loop = asyncio.new_event_loop()
    lake = objects.lake
    (tmp_path / "home").mkdir()
    answering(open_lake(address_of(tmp_path / "home", lake)))
    rig = build(tmp_path / "home", loop, [1000.0], lake=lake)
    session = rig.joined()
    rig.submit(runs_min=2, runs_max=2)
    first, made = measured(rig, session)
    second, _ = measured(rig, session)
    rig.seal()
    assert {rig.state(key) for key in (first, second)} == {"sealed"}
    shutil.rmtree(rig.context.lake.root / "samples")
    rig.submit()

    objects.kill()
    late, _ = measured(rig, session)
    rig.seal(patience_s=4.0)
    assert rig.state(late) == "uploaded"
    with pytest.raises(StorageUnavailable):
        rig.context.lake.unlisted((), ())
    merger = Merger(rig.context, rig.context.worker)
    with pytest.raises(StorageUnavailable):
        rig.do(merger.merge_due())
    objects.start()
    answering(rig.context.lake)
    rig.seal()
    assert rig.state(late) == "sealed"
    assert rig.do(merger.merge_due()) == 2
    rig.clock[0] += GRACE_S + 1
    objects.kill()
    with pytest.raises(StorageUnavailable):
        rig.do(delete_discarded(rig.context))
    objects.start()
    answering(rig.context.lake)
    rig.do(delete_discarded(rig.context))

    files = rig.context.store.read_now(sealed.files)
    elsewhere = open_lake(f"{lake}#{tmp_path / 'another machine'}")
    for file in files:
        rows = samples.read_rows(elsewhere.verified(file.path, file.sha256), file.first_row, file.samples)
        assert rows.num_rows == file.samples == sum(each.n for each in made)
        assert set(rows["run_id"].to_pylist()) == {file.run_id}
    assert len({file.path for file in files if file.run_id != late.run_id}) == 1
    assert {file.run_id for file in files} == {first.run_id, second.run_id, late.run_id}
    assert elsewhere.unlisted({file.path for file in files}, {TINY.sha256}) == []
    rig.do(rig.context.worker.close())
    rig.context.store.close()
    loop.close()
