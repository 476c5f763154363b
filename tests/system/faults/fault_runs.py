"""What a scenario is, and how one is played and judged."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fault_oracle import Difference, Place, difference, stored_samples
from fault_stage import Stage, copy_of

Play = Callable[[Stage, random.Random], None]


@dataclass(frozen=True)
class Scenario:
    """A fault by its `name`: `play` starts what it needs, does the harm when it is due, and mends it.

    `devices`: how many simulated devices take part. `open_because`: why it is not expected to hold yet, empty
    where it holds. `unless`: why it cannot be played on this machine, empty where it can.
    """

    name: str
    play: Play
    devices: int = 1
    open_because: str = ""
    unless: Callable[[], str] = str

    @property
    def why_not(self) -> str:
        """Why it is not played, empty where it is."""
        return self.open_because or self.unless()


@dataclass(frozen=True)
class Outcome:
    """What a scenario did to the samples; `unfinished`: runs not sealed; `recover_s`: until all were."""

    difference: Difference
    unfinished: int
    recover_s: float

    def is_clean(self) -> bool:
        return not self.difference and not self.unfinished


Expected = dict[Place, list]  # type: ignore[type-arg]


def expected_samples(template: Path, root: Path, devices: int) -> Expected:
    """The samples of a sweep that nothing disturbs."""
    stage = copy_of(template, root)
    try:
        begin(stage, devices)
        stage.wait_finished()
        return stored_samples(stage)
    finally:
        stage.close()


def begin(stage: Stage, devices: int = 1) -> None:
    """Starts the collector and so many agents."""
    stage.serve()
    for number in range(1, devices + 1):
        stage.agent(f"d{number}")


def play(
    scenario: Scenario, template: Path, expected: Expected, seed: int, root: Path | None = None
) -> Outcome:
    """Plays `scenario` with the chances of `seed` on a copy of `template`; holds it against `expected`."""
    folder = root or Path(tempfile.mkdtemp(prefix="paretofleet-fault-"))
    stage = copy_of(template, folder / "stage")
    try:
        scenario.play(stage, random.Random(seed))
        mended_s = time.monotonic()
        stage.wait_finished()
        recover_s = time.monotonic() - mended_s
        right = {place: rows for place, rows in expected.items() if place[0] in stage.agents}
        states = stage.query(
            "SELECT devices.name, runs.state FROM runs JOIN devices ON devices.device_id = runs.device_id"
        )
        unfinished = sum(state != "sealed" for name, state in states if name in stage.agents)
        outcome = Outcome(difference(right, stored_samples(stage)), unfinished, recover_s)
    except BaseException:
        stage.close()
        raise
    stage.close()
    if outcome.is_clean() and root is None:
        shutil.rmtree(folder)
    return outcome
