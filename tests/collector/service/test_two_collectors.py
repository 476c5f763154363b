"""Two collectors over one store and one lake: what one began the other goes on with, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kept_worker import KeptWorker
from object_server import new_lake
from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.identity.authority import make_authority
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.planning.schedule import Repeats
from paretofleet_collector.service import access, neighbours, submission, unfinished
from paretofleet_collector.service.sealing import Sealer
from paretofleet_collector.store import runs, sealed, sweeps
from rig import Rig, build, end_of, samples_of


@pytest.fixture
def pair(tmp_path: Path, postgres, moto, monkeypatch) -> Iterator[tuple[Rig, Rig]]:
    loop, url, lake = asyncio.new_event_loop(), postgres.new_store(), new_lake(moto, monkeypatch)
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(
            build(tmp_path / name, loop, [1000.0], worker=KeptWorker(), shared=True, store=url, lake=lake)
        )
        made[-1].do(made[-1].context.neighbours.enter())
    yield made[0], made[1]
    for each in made:
        each.stop()
    loop.close()


def silence(rig: Rig, other: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has `other` find that the collector of `rig` is silent."""
    monkeypatch.setattr(neighbours, "SILENT_S", 0.05)
    rig.do(asyncio.sleep(0.1))
    assert rig.do(other.context.neighbours.beat())[0]


def test_an_attempt_that_is_granted_uploaded_and_sealed_here_and_there_is_one(pair):
    here, there = pair
    session = here.joined()
    here.submit()
    grant = there.lease(session)
    made = samples_of(grant.key)
    for number, chunk in enumerate(made):
        (here, there)[number % 2].send(session, chunk)
        (there, here)[number % 2].send(session, chunk)
    here.end(session, end_of(grant.key, made))
    there.seal()
    (file,) = here.context.store.read_now(sealed.files)
    assert file.samples == sum(chunk.n for chunk in made)
    assert here.lease(session) is None
    assert [rig.state(grant.key) for rig in pair] == ["sealed", "sealed"]


def test_a_run_that_another_seals_waits_until_that_one_is_silent(pair, monkeypatch):
    here, there = pair
    session = here.joined()
    here.submit()
    grant = here.lease(session)
    here.upload(session, grant)
    here.do(here.context.neighbours.take(f"seal {grant.key.run_id}"))
    there.seal(patience_s=2.0)
    assert there.state(grant.key) == "uploaded"
    silence(here, there, monkeypatch)
    there.seal()
    assert there.state(grant.key) == "sealed"


class LateWorker:
    """Seals as one that stood still: it puts the file when another has sealed and merged the run."""

    def __init__(self, rig: Rig, path: str) -> None:
        self._rig, self._path = rig, path

    async def run(self, _kind: str, **_arguments: Any) -> dict[str, Any]:
        self._rig.context.lake.put(self._path, lambda path: path.write_bytes(b"late"))
        facts = {"sha256": "", "size_bytes": 4, "samples": 1, "environment_id": ""}
        return {"path": self._path, **facts, "summary": None, "why_not": "it was late"}


def test_a_file_that_is_put_again_after_another_merged_it_away_does_not_stay(pair):
    here, there = pair
    session = here.joined()
    here.submit()
    grant = here.lease(session)
    here.upload(session, grant)
    run = here.context.store.read_now(lambda there: runs.get(there, grant.key.run_id))
    there.seal()
    (file,) = there.context.store.read_now(sealed.files)

    async def seal_late() -> None:
        await Sealer(here.context, LateWorker(here, file.path))._seal(run)

    here.do(seal_late())
    assert there.context.lake.has(file.path), "it is the very file that is listed"
    merged = replace(file, path=f"{file.path}.merged")
    there.do(there.context.store.write(lambda there: sealed.move_file(there, file, merged)))
    here.do(seal_late())
    assert not there.context.lake.has(file.path)


def test_a_submission_that_goes_on_elsewhere_is_left_alone_and_ended_once_that_is_silent(pair, monkeypatch):
    here, there = pair

    def begin(connection) -> str:
        sweep_id = sweeps.begin(connection, "{}", Repeats(1, 1, None, 1), Remarks(), 1000.0)
        here.context.neighbours.claim(connection, unfinished.work_of(sweep_id))
        return sweep_id

    sweep_id = here.do(here.context.store.write(begin))
    there.do(unfinished.finish_all(there.context))
    assert there.context.store.read_now(sweeps.hidden) == [sweep_id]
    silence(here, there, monkeypatch)
    there.do(unfinished.finish_all(there.context))
    assert there.context.store.read_now(sweeps.hidden) == []
    with pytest.raises(CollectorError, match="submit it again"):
        here.do(
            here.context.store.write(
                lambda connection: submission._publish(connection, sweep_id, ("r", ""), "s", keep_name=False)
            )
        )


def test_a_bucket_that_vanishes_is_named_and_nothing_is_granted_until_it_is_back(pair, moto):
    here, _ = pair
    session = here.joined()
    here.submit()
    client, bucket = bucket_of(here, moto)
    for each in client.list_objects_v2(Bucket=bucket)["Contents"]:
        client.delete_object(Bucket=bucket, Key=each["Key"])
    client.delete_bucket(Bucket=bucket)
    look(here)
    assert (
        here.context.write_fault() == f"There is no bucket '{bucket}' at the lake's address; make it first."
    )
    assert here.lease(session) is None
    client.create_bucket(Bucket=bucket)
    look(here)
    assert here.context.write_fault() == ""
    assert here.lease(session) is not None


def look(rig: Rig) -> None:
    """Asks the object store now, not half a minute after the last time."""
    rig.context.lake._asked_s = float("-inf")
    rig.do(rig.context.check_lake())


def bucket_of(rig: Rig, moto: tuple[str, int]) -> tuple[Any, str]:
    """A client of the server, and the bucket of the lake of `rig`."""
    client = (
        pytest.importorskip("boto3")
        .Session()
        .client("s3", endpoint_url=f"http://{moto[0]}:{moto[1]}", region_name="us-east-1")
    )
    return client, rig.context.lake.shown.split("/")[2]


def test_an_authority_is_changed_where_one_collector_is_left(pair):
    here, there = pair
    here.context.authorities = (make_authority("c"),)
    with pytest.raises(Refused, match="stop all but this one"):
        here.do(access.rotate(here.context, finish=False, force=False))
    there.do(there.context.neighbours.leave())
    rotated = here.do(access.rotate(here.context, finish=False, force=False))
    assert len(rotated.authorities) == 1
