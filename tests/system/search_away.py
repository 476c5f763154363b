"""A search on two boards, one of which is away for a while: what the other measures, and what is filled."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from farm import Farm, wait_until
from paretofleet_collector.model.searches import SearchBatch
from search_farm import PATIENCE_S, detail, start, wait_for
from tiny_search import write_search

STAYS, GOES = "tx2", "tx1"
#: More networks than a long search has trials; those of depth 3 cannot be trained.
WIDTHS = range(4, 28)


@dataclass(frozen=True)
class Absence:
    """A search of so many `trials`, during which an agent is killed once trial `gone_at` is proposed, and
    started again once trial `back_at` is.
    """

    trials: int
    gone_at: int
    back_at: int


def play_absence(farm: Farm, absence: Absence, note: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Runs the search in a `farm` with the board that stays, and asserts what must hold; the fronts.

    `note` hears how it goes.
    """
    agent = farm.start_agent(GOES, "--simulate", "jetson-tx1")
    file, _ = write_search(farm.root / "space", [STAYS, GOES], wait_s=10.0, widths=WIDTHS)
    start(farm, file, trials=absence.trials)
    _wait_for_trial(farm, absence.gone_at)
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    _wait_for_trial(farm, absence.back_at)
    alone = [batch for batch in detail(farm).batches if batch.devices == (STAYS,)]
    assert alone, f"{GOES} leaves the rotation"
    lacking = _lacking(farm)
    assert lacking[STAYS] <= _trials(detail(farm).batches[-1:]), "the other lacks what it measures now"
    assert lacking[GOES] >= _trials(alone)
    assert _gap_said(_front(farm).stderr, GOES) >= len(lacking[GOES])
    note(
        f"{GOES} away from trial {absence.gone_at} to {absence.back_at}: it lacks {len(lacking[GOES])} trials"
    )

    farm.start_agent(GOES, "--simulate", "jetson-tx1")
    ended = wait_for(farm, "finished")
    everything = list(range(absence.trials))
    assert [trial.number for trial in ended.trials] == everything
    measured = [number for batch in ended.batches if STAYS in batch.devices for number in batch.trials]
    assert measured == everything, f"{STAYS} loses no trial, and measures none twice"
    filled = [batch for batch in ended.batches if batch.devices == (GOES,)]
    assert _trials(filled) >= lacking[GOES], "what it lacked is measured there after its return"
    assert _lacking(farm) == {STAYS: set(), GOES: set()}
    front = _front(farm)
    for device in (STAYS, GOES):
        assert not _gap_said(front.stderr, device)
    note(f"{len(filled)} batches filled them; {STAYS} has all {absence.trials}, each measured once")
    return json.loads(front.stdout)


def _wait_for_trial(farm: Farm, number: int) -> None:
    wait_until(lambda: len(detail(farm).trials) > number, f"trial {number}", PATIENCE_S)


def _trials(batches: Iterable[SearchBatch]) -> set[int]:
    return {number for batch in batches for number in batch.trials}


def _lacking(farm: Farm) -> dict[str, set[int]]:
    """The trials that have no time on a device, of each."""
    rows = farm.listing("search", "show", "edge1", "--trials")
    return {
        device: {
            row["trial"] for row in rows if row["device"] == device and row["batch_latency_p90_s"] is None
        }
        for device in (STAYS, GOES)
    }


def _front(farm: Farm) -> subprocess.CompletedProcess[str]:
    """The front of each device in JSON, and what is said beside it."""
    shown = farm.run("search", "show", "edge1", "-o", "json")
    assert shown.returncode == 0, shown.stderr
    return shown


def _gap_said(said: str, device: str) -> int:
    """How many trials the front of a device may lack, as is said beside it; 0 where nothing is said."""
    found = re.search(rf"{device} has not measured (\d+) of \d+ trials, so its front may lack some", said)
    return int(found[1]) if found else 0
