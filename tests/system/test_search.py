"""An architecture search with real processes: simulated boards, tiny networks, a formula as training."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from farm import BIN, Farm, wait_until
from search_away import Absence, play_absence
from search_farm import PATIENCE_S, detail, drivers, start, wait_for, watched
from tiny_search import begun, hold, write_search

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


@pytest.fixture
def searching(farm: Farm) -> Iterator[Farm]:
    """A farm with a simulated board, whose searches end with it."""
    farm.start_agent("tx2", "--simulate", "jetson-tx2")
    try:
        yield farm
    finally:
        for process in drivers(farm):
            process.kill()


def test_a_search_measures_trains_and_ends(searching: Farm) -> None:
    file, log = write_search(searching.root / "space", ["tx2"])
    said = watched(searching, "start", file, "--name", "edge1", "--trials", "8", "--watch")
    assert said.count("edge1\n") == 1
    assert "edge1 is finished: all 8 trials are done" in said
    found = detail(searching)
    assert [trial.kind for trial in found.trials[:2]] == ["seed", "start"]
    assert {trial.kind for trial in found.trials[5:]} <= {"best", "mutant", "control"}
    assert len({trial.graph for trial in found.trials}) == 8
    # measured before trained, and each once
    assert [batch.trials for batch in found.batches] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert len(found.trainings) == len(begun(log)) == 8
    failed = [each for each in found.trainings if each.reason]
    assert {each.reason for each in failed} <= {"crashed: Training failed with code 1: out of ideas."}
    for batch in found.batches:
        sweep = searching.sweep(batch.sweep)
        assert sweep["configurations"] == len(batch.trials) + 1
        assert sweep["labels"] == ("search/edge1",)
    # its last words outlive it, and the sweeps go with the search
    assert "8 of 8" in searching.command("search", "list")
    assert list((searching.root / "state" / "paretofleet" / "searches").iterdir())
    searching.command("search", "delete", "edge1", "--yes")
    assert not list((searching.root / "state" / "paretofleet" / "searches").iterdir())
    assert searching.listing("search", "list") == []
    assert searching.listing("sweep", "list") == []


def test_a_stopped_search_goes_on_as_it_was_unless_its_code_has_changed(searching: Farm) -> None:
    file, log = write_search(searching.root / "space", ["tx2"], pause_s=1.0)
    start(searching, file, trials=4)
    wait_until(lambda: len(detail(searching).trainings) >= 1, "the first training", PATIENCE_S)
    held = hold(log)  # the search shall not end before it is stopped
    refused = searching.run("search", "start", file, "--name", "edge1", "--trials", "4")
    assert refused.returncode == 1
    assert "search resume edge1" in refused.stderr
    searching.command("search", "stop", "edge1")
    wait_until(lambda: not drivers(searching), "the end of the driver")
    held.unlink()
    stopped = detail(searching)
    assert stopped.search.state == "stopped"
    assert len(stopped.trainings) < 4

    module = file.parent / "space.py"
    before = module.read_text()
    module.write_text(before + "\n# changed\n")
    refused = searching.run("search", "resume", "edge1")
    assert refused.returncode == 1
    assert "has changed since 'edge1' began" in refused.stderr
    assert detail(searching).trials == stopped.trials
    module.write_text(before)

    watched(searching, "resume", "edge1", "--watch")
    ended = detail(searching)
    assert ended.trials == stopped.trials
    assert ended.trainings[: len(stopped.trainings)] == stopped.trainings
    assert len(ended.trainings) == 4
    assert len(begun(log)) <= 5, "one was under way when it was stopped"


def test_what_cannot_be_searched_is_a_sentence_and_starts_nothing(searching: Farm) -> None:
    file, _ = write_search(searching.root / "space", ["tx2"])
    for words, sentence in (
        (("--name", "a"), "--budget TIME, --trials N"),
        (("--name", "a", "--budget", "1s"), "less than one trial"),
    ):
        refused = searching.run("search", "start", file, *words)
        assert refused.returncode != 0
        assert sentence in refused.stderr, refused.stderr
    assert searching.listing("search", "list") == []
    module = file.parent / "space.py"
    module.write_text("import nothing_of_this_name\n")
    start(searching, file)
    failed = wait_for(searching, "failed")
    assert "nothing_of_this_name" in failed.search.reason
    assert not failed.trials


def test_a_driver_that_is_killed_leaves_a_search_to_resume_by_two_at_once(searching: Farm) -> None:
    file, log = write_search(searching.root / "space", ["tx2"])
    start(searching, file, trials=4)
    wait_until(lambda: detail(searching).batches, "the first batch", PATIENCE_S)
    (driver,) = drivers(searching)
    driver.send_signal(signal.SIGKILL)
    wait_until(lambda: not drivers(searching), "the end of the driver")
    assert detail(searching).search.state == "running"
    assert "running, no driver" in searching.command("search", "list")
    command = (BIN / "paretofleet", "--collector", searching.address, "search", "resume", "edge1", "--watch")
    rivals = [searching.start(*command, log=f"rival{number}.log") for number in range(2)]
    assert [rival.wait(PATIENCE_S) for rival in rivals] == [0, 0], "either follows the one that drives"
    assert len(begun(log)) == 4
    assert [each["name"] for each in searching.listing("sweep", "list")] == ["edge1-b000"]


def test_a_device_that_goes_away_keeps_nobody_and_gets_what_it_missed(searching: Farm) -> None:
    """In the long form, of `make soak`, from trial 30 to 60: tests/system/faults/search_soak.py."""
    fronts = play_absence(searching, Absence(trials=12, gone_at=4, back_at=8))
    assert {row["device"] for row in fronts} == {"tx2", "tx1"}
    assert {row["verdict"] for row in fronts} == {"selected"}
    assert all(0.0 <= row["p_front"] <= 1.0 for row in fronts)
