"""A search whose driver, collector, trainer and agent are killed at random, against an undisturbed one."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from farm import Farm, wait_until
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.searches import SearchDetail
from paretofleet_collector.rpc.search_client import SearchClient
from tiny_search import begun, write_search

NAME, DEVICE = "edge1", "tx2"
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Kill:
    """Who is killed, while something is trained or measured, so many seconds into it."""

    who: str
    is_training: bool
    after_s: float = 0.3


@dataclass(frozen=True)
class TrialTable:
    """What a search has come to: all that must be alike whatever was killed."""

    trials: tuple[Any, ...]
    batches: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]
    trainings: frozenset[tuple[int, int, str, float | None, int | None]]


@dataclass
class SearchStage:
    """A farm with a search under way, and the processes that can be killed."""

    farm: Farm
    trials: int
    file: Path = field(init=False)
    log: Path = field(init=False)
    collector: subprocess.Popen[bytes] = field(init=False)
    agent: subprocess.Popen[bytes] = field(init=False)
    #: Kills after which a training begins again.
    restarts: int = 0

    def begin(self, pause_s: float) -> None:
        self.collector = self.farm.start_collector()
        self.agent = self._agent()
        self.file, self.log = write_search(self.farm.root / "space", [DEVICE], pause_s=pause_s)
        self.farm.command("search", "start", self.file, "--name", NAME, "--trials", str(self.trials))

    def _agent(self) -> subprocess.Popen[bytes]:
        return self.farm.start_agent_raw(DEVICE, DEVICE, "--simulate", "jetson-tx2")

    def kill(self, who: str) -> bool:
        """Kills one of the four and brings it back; False where it is not there."""
        if who == "driver":
            return self._kill_driver()
        if who == "trainer":
            found = list(self._trainers())
            for process in found:
                _kill(process)
            self.restarts += bool(found)
            return bool(found)
        if who == "collector":
            self.collector.send_signal(signal.SIGKILL)
            self.collector.wait()
            self.collector = self.farm.start_collector()
        else:
            self.agent.send_signal(signal.SIGKILL)
            self.agent.wait()
            self.agent = self._agent()
        return True

    def _kill_driver(self) -> bool:
        found = list(self.drivers())
        for process in found:
            _kill(process)
        self.restarts += bool(found)
        if self.detail().search.state == "running":
            self.farm.command("search", "resume", NAME)
        return bool(found)

    def drivers(self) -> Iterator[psutil.Process]:
        """The processes that drive searches of this farm, and no other's."""
        yield from self._processes(
            lambda words: "paretofleet_collector.searches" in words and self.farm.address in words
        )

    def _trainers(self) -> Iterator[psutil.Process]:
        yield from self._processes(lambda words: str(self.log) in words and words[1].endswith("train.py"))

    def is_training(self) -> bool:
        return any(self._trainers())

    def _processes(self, is_meant: Callable[[list[str]], bool]) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if len(words) > 2 and is_meant(words):
                yield process

    def detail(self) -> SearchDetail:
        with SearchClient(self.farm.address) as client:
            return client.show_search(NAME)

    def is_over(self) -> bool:
        try:
            return self.detail().search.state != "running"
        except CollectorError:
            return False

    def finish(self) -> TrialTable:
        """Waits for the end of the search; what it came to. Nothing was done twice."""
        wait_until(self.is_over, "the end of the search", PATIENCE_S)
        detail = self.detail()
        assert detail.search.state == "finished", detail.search.reason
        with SearchClient(self.farm.address) as client:
            sweeps = {each.name: each for each in client.list_sweeps()}
        assert sorted(sweeps) == sorted(batch.sweep for batch in detail.batches)
        for batch in detail.batches:
            sweep = sweeps[batch.sweep]
            assert sweep.runs == 2 * sweep.configurations, "each configuration has its two runs"
            assert sweep.runs_by_state == {"sealed": sweep.runs}
        members = [tuple(sorted(each.items())) for each in begun(self.log)]
        assert len(set(members)) == len(detail.trials)
        assert len(members) <= len(detail.trials) + self.restarts, "only what was killed began again"
        return TrialTable(
            detail.trials,
            tuple((batch.trials, batch.devices) for batch in detail.batches),
            frozenset((t.trial, t.seed, t.reason, t.top1, t.top1_n) for t in detail.trainings),
        )

    def close(self) -> None:
        for process in self.drivers():
            _kill(process)
        self.farm.close()


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(60)
    except psutil.NoSuchProcess:
        pass


def undisturbed(root: Path, trials: int) -> TrialTable:
    """What a search of so many trials comes to when nobody disturbs it."""
    stage = SearchStage(Farm(root), trials)
    try:
        stage.begin(pause_s=0.0)
        return stage.finish()
    finally:
        stage.close()


def at_random(kills: int, seed: int) -> list[Kill]:
    """So many kills, each of anybody at any moment; who trains is killed while it does."""
    chance = random.Random(seed)
    drawn = []
    for _ in range(kills):
        who = chance.choice(("driver", "collector", "agent", "trainer"))
        is_training = who == "trainer" or chance.random() < 0.5
        drawn.append(Kill(who, is_training=is_training, after_s=chance.uniform(0.0, 1.5)))
    return drawn


def disturbed(root: Path, trials: int, kills: Sequence[Kill], note: Callable[[str], None]) -> TrialTable:
    """The same, disturbed by `kills`; `note` hears of each."""
    stage = SearchStage(Farm(root), trials)
    try:
        stage.begin(pause_s=0.7)
        for kill in kills:
            wait_until(
                lambda kill=kill: stage.is_training() == kill.is_training or stage.is_over(),
                f"the moment to kill {kill.who}",
                PATIENCE_S,
            )
            if stage.is_over():
                note("the search is over")
                break
            time.sleep(0.15 if kill.who == "trainer" else kill.after_s)
            is_killed = stage.kill(kill.who)
            note(f"{kill.who} {'killed' if is_killed else 'was not there'}")
        return stage.finish()
    finally:
        stage.close()
