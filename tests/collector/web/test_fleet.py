"""The first view: who is there, what runs, what waits and why; and what a tab hears of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
import sqlalchemy as sa
from paretofleet_collector.errors import Refused
from paretofleet_collector.identity import page_sessions
from paretofleet_collector.identity.peers import LOCAL, Peer
from paretofleet_collector.model.entities import SensorInfo
from paretofleet_collector.model.messages import Heartbeat, Join, LiveReading
from paretofleet_collector.service import agents, devices, overview, sweeps
from paretofleet_collector.service.overview import Overview
from paretofleet_collector.web import fleet_view, page_server
from paretofleet_collector.web.doorway import cookie_name
from paretofleet_collector.web.fragments import Fragments
from paretofleet_collector.web.hub import Hub
from rig import INVENTORY

WITH_SENSOR = replace(INVENTORY, sensors=(SensorInfo("ina3221", "VDD_IN", "module", "boxcar"),))


def whole(rig) -> str:
    """The HTML of every part of the view."""
    fragments = rig.do(fleet_view.make(Overview(rig.context)))
    return " ".join(fragments.whole().values())


def look(rig):
    return rig.do(Overview(rig.context).look())


def test_a_device_shows_what_it_runs_with_phase_and_iterations(rig):
    session = rig.joined()
    sweep = rig.submit(name="first")
    rig.submit(name="second")
    key = rig.lease(session).key
    beat = Heartbeat(session, (key,), key, "measure", 1234)
    rig.do(agents.progress(rig.context, beat))
    (seen,) = look(rig).devices
    assert (seen.running.phase, seen.running.iterations) == ("measure", 1234)
    assert (seen.running.run_id, seen.running.sweep_id) == (key.run_id, sweep.sweep_id)
    assert seen.device.queue == ("first", "second")
    assert seen.waits == ""


def test_a_device_that_does_nothing_says_why(rig):
    rig.joined("idle")
    rig.joined("paused")
    sweep = rig.submit(devices=["paused"])
    rig.do(devices.change_device(rig.context, "paused", "pause", {}))
    waits = {each.device.name: each.waits for each in look(rig).devices}
    assert waits["idle"] == "nothing to do"
    assert waits["paused"] == "paused is paused; `paretofleet devices resume paused` ends that"
    rig.clock[0] += 3600
    waits = {each.device.name: each.waits for each in look(rig).devices}
    assert waits["idle"] == "offline: its agent is silent"
    assert rig.sweep(sweep.name).state == "planned"


def test_power_and_temperature_of_this_moment_are_what_the_agent_said_last(rig):
    session = rig.joined(inventory=WITH_SENSOR)
    rig.submit()
    key = rig.lease(session).key
    live = LiveReading(6.25, "module", 61.5)
    rig.do(agents.progress(rig.context, Heartbeat(session, (key,), key, "measure", 1, live)))
    (seen,) = look(rig).devices
    assert seen.live == live
    page = whole(rig)
    assert "6.25 W module" in page, "powers in one column are of what they say"
    assert "61.5 °C" in page
    rig.clock[0] += 3600
    (seen,) = look(rig).devices
    assert seen.live == LiveReading(), "a silent agent's reading is not of this moment"
    assert 'title="its agent is silent">-' in whole(rig)


def test_what_is_not_read_is_a_dash_that_says_why(rig):
    bare = rig.joined("bare")
    measuring = rig.joined("measuring", inventory=WITH_SENSOR)
    old = Heartbeat(bare, (), None, "", 0)
    rig.do(agents.progress(rig.context, old))
    page = whole(rig)
    assert 'title="it has no power sensor">-' in page
    assert 'title="power is read during runs only">-' in page
    assert 'title="no thermal zone can be read there, or its agent is older than these readings' in page
    rig.submit(devices=["measuring"])
    key = rig.lease(measuring).key
    rig.do(agents.progress(rig.context, Heartbeat(measuring, (key,), key, "warm_up", 1)))
    assert "have shown too little yet, or its agent is older" in whole(rig)
    assert " W<" not in whole(rig)


def test_what_failed_last_and_what_was_measured_last_stand_with_the_device(rig):
    session = rig.joined()
    rig.submit(batch_sizes=(1, 2))
    rig.upload(session, rig.lease(session))
    rig.seal()
    rig.fail(session, rig.lease(session), "wrong_output")
    (seen,) = look(rig).devices
    assert seen.failure.reason == "wrong_output"
    assert seen.reading is not None
    assert (seen.reading.power_w, seen.reading.temperature_c) == (None, None), "nothing is made up"


def test_a_sweep_is_counted_anew_where_it_moves_and_kept_where_it_is_over(rig):
    session = rig.joined()
    rig.submit(name="sweep", batch_sizes=(1, 2))
    overview = Overview(rig.context)
    (before,) = rig.do(overview.look()).sweeps
    assert before.view.runs_by_state == {"pending": 2}
    rig.fail(session, rig.lease(session), "wrong_output")
    (after,) = rig.do(overview.look()).sweeps
    assert after.view.runs_by_state == {"pending": 1, "failed": 1}
    assert after.reasons == {"wrong_output": 1}
    rig.do(sweeps.cancel(rig.context, "sweep"))
    (over,) = rig.do(overview.look()).sweeps
    assert over.view.state == "cancelled"
    assert rig.do(overview.look()).sweeps[0] is over
    rig.do(sweeps.delete(rig.context, "sweep"))
    assert rig.do(overview.look()).sweeps == ()


def test_a_first_look_asks_as_often_for_many_sweeps_as_for_two(rig):
    rig.joined()
    asked = []

    def first_look() -> int:
        asked.clear()
        seen = look(rig).sweeps
        assert [each.view.runs_by_state for each in seen] == [{"cancelled": 2}] * len(seen)
        assert {each.view.devices for each in seen} == {("box",)}
        return len(asked)

    def note(*given: object) -> None:
        asked.append(given[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        for number in range(6):
            rig.submit(name=f"sweep-{number}", batch_sizes=(1, 2))
            rig.do(sweeps.cancel(rig.context, f"sweep-{number}"))
            if number == 1:
                few = first_look()
        assert first_look() == few
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_the_time_left_of_many_sweeps_comes_with_the_looks_after(rig, monkeypatch):
    monkeypatch.setattr(overview, "LEFT_SPENT_S", 0.0)
    session = rig.joined()
    names = [rig.submit(name=name, runs_min=2, runs_max=2).name for name in ("first", "second", "third")]
    rig.upload(session, rig.lease(session))
    rig.seal()
    seen = Overview(rig.context)
    shown = []
    for _ in names:
        rig.clock[0] += 1
        shown.append(sum(each.left is not None for each in rig.do(seen.look()).sweeps))
    assert shown == [1, 2, 3]


def test_text_of_strangers_is_shown_as_text(browser):
    kind = "<img src=x onerror=alert(1)>\x1b[31m"
    browser.rig.do(agents.join(browser.rig.context, Join("id-x", "board", kind, {})))
    browser.sign_in()
    text = browser.ask("/").text
    assert "<img" not in text
    assert "\x1b" not in text
    assert "&lt;img src=x" in text


class Tab:
    """A stream as a tab reads it."""

    def __init__(self, hub: Hub, view, epoch: str = "", version: int = -1) -> None:
        async def check() -> None:
            pass

        self.events = hub.events(view, epoch, version, check)

    async def next(self, kind: str) -> dict:
        while True:
            text = (await asyncio.wait_for(anext(self.events), 60)).decode()
            if text.startswith(f"event: {kind}\n"):
                return json.loads(text.partition("data: ")[2])


def test_all_tabs_share_one_snapshot_and_get_what_has_changed(rig):
    made = 0

    async def make() -> Fragments:
        nonlocal made
        made += 1
        return Fragments({"clock": str(made), "still": "always"})

    async def play() -> None:
        hub = Hub(rig.context)
        view = hub.view(("x",), make)
        tabs = [Tab(hub, view) for _ in range(50)]
        first = await asyncio.gather(*(tab.next("parts") for tab in tabs))
        assert {json.dumps(each) for each in first} == {json.dumps(first[0])}
        before = made
        rig.context.changes.bump()
        second = await asyncio.gather(*(tab.next("parts") for tab in tabs))
        assert all(set(each["parts"]) == {"clock"} for each in second)
        assert made - before <= 2, "not one for each tab"
        for tab in tabs:
            await tab.events.aclose()
        assert not view.is_watched

    rig.do(play())


def test_a_tab_that_comes_back_hears_what_it_missed_and_of_a_restart(rig):
    rig.joined()

    async def play() -> None:
        overview = Overview(rig.context)
        hub = Hub(rig.context)
        view = hub.view(("fleet",), lambda: fleet_view.make(overview))
        _, version = await view.current()
        restarted = Tab(Hub(rig.context), view, "of-another-start.1", version)
        assert (await restarted.next("hello"))["restarted"]
        assert "devices" in (await restarted.next("parts"))["parts"], "everything is new"
        tab = Tab(hub, view, view.epoch, version)
        assert not (await tab.next("hello"))["restarted"]
        for each in (tab, restarted):
            await each.events.aclose()

    rig.do(play())


def test_a_sweep_that_is_deleted_while_it_is_shown_ends_its_stream_with_a_sentence(rig):
    async def make() -> Fragments:
        await sweeps.show(rig.context, "deleted")
        return Fragments()

    async def play() -> None:
        hub = Hub(rig.context)
        tab = Tab(hub, hub.view(("sweep", "deleted"), make))
        assert "There is no sweep 'deleted'" in (await tab.next("gone"))["why"]

    rig.do(play())


@pytest.mark.parametrize("address", ["0.0.0.0:0", "example.org:80", "nonsense", "socket"])
def test_the_page_is_served_on_loopback_only(rig, address):
    async def play() -> None:
        async with page_server.serving(rig.context, address):
            pass

    with pytest.raises(Refused):
        rig.do(play())
    assert rig.context.page_door is None


def test_nothing_is_made_once_nobody_watches_or_the_server_stops(rig):
    async def make() -> Fragments:
        return Fragments({"still": "always"})

    def makers() -> set[str]:
        names = {each.get_coro().__qualname__ for each in asyncio.all_tasks()}
        return {name for name in names if name.startswith("View.")}

    async def play() -> None:
        hub = Hub(rig.context)
        left, watched = (Tab(hub, hub.view((name,), make)) for name in ("left", "watched"))
        await left.next("parts")
        await left.events.aclose()
        await asyncio.sleep(0)
        assert makers() == set()
        await watched.next("parts")
        assert makers() == {"View._keep_fresh"}
        await hub.close()
        assert makers() == set()
        await watched.events.aclose()

    rig.do(play())


def test_the_server_stops_though_a_tab_watches(rig):
    rig.joined()

    async def play() -> None:
        async with page_server.serving(rig.context, "127.0.0.1:0") as address:
            host, port = address.split(":")
            door = rig.context.page_door
            session = page_sessions.issue(Peer(LOCAL), door.key, rig.context.now())
            reader, writer = await asyncio.open_connection(host, int(port))
            cookie = f"{cookie_name(rig.context)}={session}"
            writer.write(
                f"GET /stream?view=fleet HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n".encode()
            )
            await reader.readuntil(b"event: parts")
        writer.close()
        left = {each.get_coro().__qualname__ for each in asyncio.all_tasks()}
        assert not [name for name in left if name.startswith("View.")]

    rig.do(play())
