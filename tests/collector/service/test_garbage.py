"""What an operator may have removed goes, after it was said, and never under a running collector."""

from __future__ import annotations

import time

import pytest
from paretofleet_collector.cli import garbage_text
from paretofleet_collector.config import Config
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.messages import Session
from paretofleet_collector.service import garbage, home
from paretofleet_collector.service.garbage import Scope
from paretofleet_collector.store import chunks, discarded, models, sealed
from rig import chunk

EVERYTHING = Scope(orphans_older_than_days=0.0, models=True)


def staged(rig, key) -> int:
    return rig.context.store.read_now(lambda connection: len(list(chunks.staged(connection, key))))


@pytest.fixture
def superseded(rig):
    """The key of an attempt that left two chunks and was superseded; its run is open still."""
    session = rig.joined()
    rig.submit()
    key = rig.lease(session).key
    for seq in range(2):
        rig.send(session, chunk(key, "iterations", seq, range(10), range(10)))
    rig.clock[0] += 120
    return key


def test_chunks_of_a_superseded_attempt_go_when_their_run_is_over(rig, superseded):
    store, lake = rig.context.store, rig.context.lake
    later = Session("id-box", 2, "again")
    rig.hello(later)
    grant = rig.lease(later)
    assert grant.key.attempt == superseded.attempt + 1
    assert garbage.collect(store, lake, EVERYTHING).kept_aside == ()
    rig.upload(later, grant)
    rig.seal()
    assert staged(rig, superseded) == 2
    removable = garbage.collect(store, lake, Scope())
    assert garbage_text.lines(removable) == [
        f"chunks kept aside: attempt 1 of run {superseded.run_id}, 2 chunks, 320 B"
    ]
    assert staged(rig, superseded) == 2
    garbage.remove(store, lake, removable)
    assert staged(rig, superseded) == 0
    (file,) = store.read_now(sealed.files)
    assert lake.verified(file.path, file.sha256).exists()
    assert garbage.collect(store, lake, Scope()) == garbage.Garbage((), (), ())


def test_chunks_that_wait_for_their_seal_are_nobody_s_garbage(rig):
    session = rig.joined()
    rig.submit()
    grant = rig.lease(session)
    made = rig.upload(session, grant)
    assert garbage.collect(rig.context.store, rig.context.lake, EVERYTHING).kept_aside == ()
    assert staged(rig, grant.key) == len(made)


def test_orphans_go_by_their_age_and_only_when_asked_for(rig):
    store, lake = rig.context.store, rig.context.lake
    lake.put("samples/s/r-1.parquet", lambda path: path.write_bytes(b"12345"))
    lake.set_aside(["samples/s/r-1.parquet"])
    assert garbage.collect(store, lake, Scope()).orphans == ()
    assert garbage.collect(store, lake, Scope(orphans_older_than_days=30.0)).orphans == ()
    in_31_days = time.time() + 31 * garbage.DAY_S
    removable = garbage.collect(store, lake, Scope(orphans_older_than_days=30.0), in_31_days)
    assert garbage_text.lines(removable) == ["orphan: orphans/samples/s/r-1.parquet, 5 B"]
    garbage.remove(store, lake, removable)
    assert lake.orphans() == []


def test_files_that_others_took_the_place_of_go_and_nothing_that_is_listed(rig):
    store, lake = rig.context.store, rig.context.lake
    rig.measure("first")
    (kept, *_) = store.read_now(sealed.files)
    lake.put("samples/s/r-1.parquet", lambda path: path.write_bytes(b"12345"))
    paths = ["samples/s/r-1.parquet", kept.path]
    store.submit(lambda connection: discarded.add(connection, paths, 1.0)).result()
    removable = garbage.collect(store, lake, Scope())
    assert garbage_text.lines(removable) == ["samples that nothing lists any more: samples/s, 1 file, 5 B"]
    assert removable.size_bytes == 5
    garbage.remove(store, lake, removable)
    assert not lake.has("samples/s/r-1.parquet")
    assert lake.verified(kept.path, kept.sha256).exists()
    assert garbage.collect(store, lake, Scope()) == garbage.Garbage((), (), ())


def test_a_model_that_shall_be_kept_stays_and_a_misspelt_one_is_no_silent_loss(rig):
    store, lake = rig.context.store, rig.context.lake
    assert [each.model for each in garbage.collect(store, lake, Scope(models=True)).models] == ["tiny"]
    assert garbage.collect(store, lake, Scope(models=True, kept=("tiny",))).models == ()
    with pytest.raises(NotFound, match="no model 'tyny' to keep; did you mean tiny"):
        garbage.collect(store, lake, Scope(models=True, kept=("tyny",)))


def test_models_go_when_no_sweep_plans_them_and_none_descends_from_them(rig):
    store, lake = rig.context.store, rig.context.lake
    rig.joined()
    rig.submit()
    parent = Variant("old", "file", "1" * 64, 4)
    child = Variant("old", "int8", "2" * 64, 4, parent="1" * 64)
    for variant in (parent, child):
        store.submit(lambda connection, variant=variant: models.add(connection, variant)).result()
        lake.put(f"models/{variant.sha256}.onnx", lambda path: path.write_bytes(b"onnx"))
    assert garbage.collect(store, lake, Scope()).models == ()
    removable = garbage.collect(store, lake, Scope(models=True))
    assert removable.models == (child,)
    garbage.remove(store, lake, removable)
    assert not lake.model_path(child.sha256).exists()
    assert garbage.collect(store, lake, Scope(models=True)).models == (parent,)
    assert {each.model for each in store.read_now(models.listing)} == {"tiny", "old"}


def test_a_model_that_a_sweep_plans_by_now_stays(rig):
    store, lake = rig.context.store, rig.context.lake
    lake.put(f"models/{'ab' * 32}.onnx", lambda path: path.write_bytes(b"onnx"))
    removable = garbage.collect(store, lake, Scope(models=True))
    assert [each.model for each in removable.models] == ["tiny"]
    rig.joined()
    rig.submit()
    garbage.remove(store, lake, removable)
    assert [each.model for each in store.read_now(models.listing)] == ["tiny"]
    assert lake.model_path(removable.models[0].sha256).exists()


def test_a_folder_without_a_collector_is_left_as_it_is(tmp_path):
    with (
        pytest.raises(Refused, match="holds no collector"),
        garbage.opened(Config(home=tmp_path)),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_under_a_running_collector_nothing_is_looked_at(rig):
    with (
        home.hold_home(rig.home),
        pytest.raises(Refused, match="A collector works in"),
        garbage.opened(rig.context.config),
    ):
        pass
