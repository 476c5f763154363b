"""A search's front, trained and measured anew with real processes: nothing twice, killed or not."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
import pytest
from farm import BIN, Farm, wait_until
from paretofleet_collector.rpc.search_client import SearchClient
from search_farm import PATIENCE_S, detail, drivers, watched
from tiny_search import begun, write_search

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]
SEEDS, MEMBERS = 2, 3


@pytest.fixture
def searching(farm: Farm) -> Iterator[Farm]:
    farm.start_agent("tx2", "--simulate", "jetson-tx2")
    try:
        yield farm
    finally:
        for process in drivers(farm):
            process.kill()


def test_a_front_is_confirmed_by_new_trainings_and_measurements_once(searching: Farm) -> None:
    file, log = write_search(searching.root / "space", ["tx2"], pause_s=0.5)
    watched(searching, "start", file, "--name", "edge1", "--trials", "8", "--watch")
    before = len(begun(log))
    rows = searching.listing("search", "show", "edge1")
    selected = {row["trial"] for row in rows}
    assert {row["verdict"] for row in rows} == {"selected"}

    words = ("confirm", "edge1", "--seeds", str(SEEDS), "--members", str(MEMBERS), "--protocol", "quick")
    command = (BIN / "paretofleet", "--collector", searching.address, "search", *words)
    killed = searching.start(*command, log="killed.log")
    wait_until(lambda: len(begun(log)) > before + 1, "the second training", PATIENCE_S)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    wait_until(lambda: not _trainers(log), "the end of what was under way")

    said = watched(searching, *words)
    count = min(MEMBERS, len(selected))
    recorded = [each for each in detail(searching).trainings if each.split == "test"]
    assert len(recorded) == SEEDS * count
    assert len(begun(log)) <= before + SEEDS * count + 1, "one was under way when it was killed"
    assert "edge1-confirmed\n" in said
    assert "tx2: confirmed" in said
    assert "another seed on the test split" in said
    assert "paretofleet rank edge1-confirmed" in said
    sweep = searching.sweep("edge1-confirmed")
    assert sweep["configurations"] == count + 1
    assert sweep["labels"] == ("search/edge1",)

    # again nothing is trained, sent or measured
    was, models = len(begun(log)), searching.listing("models", "list")
    watched(searching, *words)
    assert len(begun(log)) == was
    assert searching.listing("models", "list") == models
    assert searching.sweep("edge1-confirmed")["sweep_id"] == sweep["sweep_id"]
    other = searching.run("search", "confirm", "edge1", "--seeds", "1", "--members", "1")
    assert other.returncode == 1
    assert "sweep delete edge1-confirmed" in other.stderr

    shown = searching.listing("search", "show", "edge1")
    anew = {row["trial"]: row for row in shown if row["verdict"] != "selected"}
    assert len(anew) == count
    assert set(anew) <= selected
    assert {row["verdict"] for row in anew.values()} <= {"confirmed", "not confirmed"}
    for row in anew.values():
        assert (row["verdict"] == "confirmed") == (row["confirmed.p_front"] >= 0.8)
        assert row["confirmed.top1"] == pytest.approx(row["top1"])
    assert "anew" in searching.command("search", "show", "edge1")
    ranked = searching.command("rank", "edge1-confirmed", "--with-simulated")
    assert "-t" in ranked

    searching.command("search", "delete", "edge1", "--yes")
    assert searching.listing("sweep", "list") == []


def test_what_runs_or_was_changed_is_not_confirmed(searching: Farm) -> None:
    file, log = write_search(searching.root / "space", ["elsewhere"])
    watched(searching, "start", file, "--name", "edge1", "--device", "tx2", "--trials", "4", "--watch")
    assert {batch.devices for batch in detail(searching).batches} == {("tx2",)}
    with SearchClient(searching.address) as client:
        client.change_search("edge1", "running")
        refused = searching.run("search", "confirm", "edge1")
        assert refused.returncode == 1
        assert "search stop edge1" in refused.stderr
        client.change_search("edge1", "stopped")
    before = len(begun(log))
    module = file.parent / "space.py"
    module.write_text(module.read_text() + "\n# changed\n")
    refused = searching.run("search", "confirm", "edge1")
    assert refused.returncode == 1
    assert "has changed since 'edge1' began" in refused.stderr
    assert len(begun(log)) == before


def _trainers(log: object) -> list[psutil.Process]:
    """The trainings that say into this `log` that they begin."""
    return [
        process for process in psutil.process_iter(["cmdline"]) if str(log) in (process.info["cmdline"] or [])
    ]
