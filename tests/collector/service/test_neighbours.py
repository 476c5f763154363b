"""Collectors of one fleet: who lives, who works at what, what they tell each other, whose clock counts."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.service import neighbours
from paretofleet_collector.service.neighbours import Neighbours
from paretofleet_collector.store import Store, certificates

PATIENCE_S = 60.0


@pytest.fixture
def stores(postgres) -> Iterator[tuple[Store, Store]]:
    url = postgres.new_store()
    made = []
    for _ in range(2):
        made.append(Store(url, shared=True))
        made[-1].end_start()
    yield made[0], made[1]
    for each in made:
        each.close()


@pytest.fixture
def pair(stores) -> tuple[Neighbours, Neighbours]:
    return Neighbours(stores[0], "s3://fleet", ["a"]), Neighbours(stores[1], "s3://fleet", ["a"])


def test_a_piece_of_work_is_one_collector_s_until_it_lets_it_go(pair):
    first, second = pair

    async def work() -> None:
        assert await first.enter()
        assert not await second.enter()
        assert await first.take("seal r")
        assert await first.take("seal r")
        assert not await second.take("seal r")
        async with second.claimed("seal r") as is_own:
            assert not is_own
        await first.give_back("seal r")
        async with second.claimed("seal r") as is_own:
            assert is_own
            assert not await first.take("seal r")
        assert await first.take("seal r")

    asyncio.run(work())


def test_whoever_falls_silent_or_leaves_loses_its_work(pair, monkeypatch, caplog):
    first, second = pair

    async def work() -> None:
        for each in pair:
            await each.enter()
        await first.take("seal r")
        await first.take("merge")
        has_left, _ = await second.beat()
        assert not has_left
        monkeypatch.setattr(neighbours, "SILENT_S", 0.05)
        await asyncio.sleep(0.1)
        has_left, _ = await second.beat()
        assert has_left
        assert await second.take("seal r")
        await second.leave()
        assert await first.take("seal r")

    with caplog.at_level(logging.WARNING):
        asyncio.run(work())
    assert "that have fallen silent: 1" in caplog.text


@pytest.mark.parametrize(
    ("lake", "authority", "sentence"),
    [
        ("s3://other", "a", "start it with --lake s3://fleet"),
        ("s3://fleet", "b", "copy the folder `identity`"),
    ],
)
def test_collectors_that_differ_in_what_they_share_do_not_serve_together(stores, lake, authority, sentence):
    async def work() -> None:
        await Neighbours(stores[0], "s3://fleet", ["a"]).enter()
        await Neighbours(stores[1], lake, [authority]).enter()

    with pytest.raises(Refused, match=sentence):
        asyncio.run(work())


def test_the_clock_of_the_server_counts_and_one_that_is_apart_is_named(stores, monkeypatch, caplog):
    right, begun_s = time.time, time.time()
    monkeypatch.setattr(neighbours.time, "time", lambda: right() - 100.0)
    with caplog.at_level(logging.WARNING):
        now = Neighbours(stores[0], "s3://fleet", []).now()
    assert begun_s - 1.0 < now < right() + 1.0, "half of what the question took is its error"
    said = re.search(r"clock of this machine is (\S+) s behind that of the PostgreSQL server", caplog.text)
    assert float(said[1]) == pytest.approx(100.0, abs=1.0)


def test_a_certificate_that_one_collector_revokes_is_heard_of_by_the_others(stores, pair):
    row = dict.fromkeys(("role", "subject", "key_sha256", "authority_sha256", "pem"), "x")
    times = {"issued_unix_s": 1.0, "expires_unix_s": 2.0}

    async def work() -> list[bool]:
        heard = []
        await stores[0].write(lambda there: certificates.add(there, {"certificate_id": "c", **row, **times}))
        for change in (None, lambda there: certificates.revoke(there, "x", 3.0, device=False), None):
            if change is not None:
                await stores[0].write(change)
            heard.append((await pair[1].beat())[1])
        return heard

    assert asyncio.run(work()) == [True, True, False]


def test_work_that_one_announces_wakes_the_others_also_after_a_lost_connection(pair, postgres, monkeypatch):
    monkeypatch.setattr(neighbours, "BEAT_S", 0.1)
    first, second = pair
    heard: list[list[str]] = []

    async def until(condition) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.02)

    async def listen(to: Neighbours, into: list[list[str]]) -> None:
        async for device_ids in to.heard():
            into += [device_ids]

    async def work() -> None:
        own: list[list[str]] = []
        tasks = [asyncio.create_task(listen(second, heard)), asyncio.create_task(listen(first, own))]
        await until(lambda: heard and own)
        first.announce(["d1", "d2"])
        await until(lambda: ["d1", "d2"] in heard)
        postgres.cut_connections()
        await until(lambda: heard.count([]) == 2)
        for _ in range(600):  # the writer's connection is made anew by then
            first.announce(["d3"])
            await asyncio.sleep(0.1)
            if ["d3"] in heard:
                break
        assert ["d3"] in heard
        assert [each for each in own if each] == []
        for task in tasks:
            task.cancel()

    asyncio.run(work())
