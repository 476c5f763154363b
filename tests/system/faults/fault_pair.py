"""Two collectors of one fleet, over a PostgreSQL database and a bucket, on which faults are played."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from farm import BIN, PATIENCE_S, wait_until
from fault_oracle import stored_samples
from fault_runs import Expected, Outcome, difference
from fault_stage import SETTINGS, Stage
from paretofleet_collector.lake.address import open_lake

NAMES = ("c1", "c2")


@dataclass
class PairStage(Stage):
    """A stage with the collectors `c1` and `c2`; each agent knows both, each of two another one first."""

    database: str = ""
    bucket: str = ""

    def home_of(self, name: str) -> Path:
        return self.collector_home if name == "c1" else self.root / name

    def query(self, sql: str) -> list[Any]:
        try:
            with psycopg.connect(self.database, connect_timeout=5) as connection:
                return list(connection.execute(sql).fetchall())
        except psycopg.Error:
            return []

    def bring(self) -> None:
        """Brings the template's SQLite file and folder to the database and the bucket."""
        home = ("--home", self.collector_home)
        self._collector("backup", self.root / "backup", *home)
        shutil.rmtree(self.collector_home)
        places = ("--store", self.database, "--lake", self.bucket)
        self._collector("restore", self.root / "backup", *home, *places)

    def serve_one(self, name: str) -> None:
        """Starts a collector, each time at the same address; returns when it serves."""
        if name not in self._collectors:
            self._collectors[name] = self.own_address()
        home = self.home_of(name)
        settings = {**SETTINGS, "store": self.database, "lake": self.bucket}
        endpoint = home / "endpoint"
        endpoint.unlink(missing_ok=True)
        process = self.start(
            "env",
            *(f"PARETOFLEET_COLLECTOR_{key.upper()}={value}" for key, value in settings.items()),
            *(f"{key}={value}" for key, value in self.environments.get(name, {}).items()),
            *(BIN / "paretofleet", "collector", "serve", "--home", home),
            *("--listen", self._collectors[name]),
            log=f"{name}.log",
        )
        self.agents[name] = process
        wait_until(lambda: endpoint.exists() or process.poll() is not None, f"the start of {name}")
        assert process.poll() is None, self.log(name)
        self.address = endpoint.read_text().strip()

    def agent(self, name: str, *options: str) -> None:
        number = int(name.lstrip("d"))
        first, second = NAMES if number % 2 else reversed(NAMES)
        self.agents[name] = self.start(
            *self._with(name),
            *(BIN / "paretofleet-agent", "run", "--name", name, "--home", self.root / name),
            *("--collector", f"{self._collectors[first]},{self._collectors[second]}"),
            *("--simulate", "jetson-tx2", "--seed", str(number), *options),
            log=f"{name}.log",
        )

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.agents[name]
        process.send_signal(number)
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            process.wait(PATIENCE_S)

    def fetch_samples(self) -> None:
        """Copies every listed file out of the bucket to where a lake of the stage's own would be."""
        lake = open_lake(f"{self.bucket}#{self.root / 'fetched'}")
        for path, sha256 in self.query("SELECT path, sha256 FROM manifest"):
            target = self.collector_home / "lake" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(lake.verified(path, sha256), target)

    def environment(self) -> dict[str, str]:
        return Stage.__mro__[1].environment(self)  # type: ignore[attr-defined, no-any-return]

    def _collector(self, *words: str | Path) -> None:
        command = [BIN / "paretofleet", "collector", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment(), timeout=120, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


def pair_of(template: Path, root: Path, database: str, bucket: str) -> PairStage:
    """A stage as the template stood, its store and its lake in `database` and `bucket`; nothing runs."""
    shutil.copytree(template, root)
    for log in root.glob("*.log"):
        log.unlink()
    stage = PairStage(root, database=database, bucket=bucket)
    stage.bring()
    return stage


def begin(stage: PairStage, devices: int) -> None:
    for name in NAMES:
        stage.serve_one(name)
    for number in range(1, devices + 1):
        stage.agent(f"d{number}")


def outcome_of(stage: PairStage, expected: Expected) -> Outcome:
    """Waits for the end of the sweep and holds what is stored against what must be."""
    devices = [name for name in stage.agents if name not in NAMES]
    mended_s = time.monotonic()
    stage.wait_finished()
    recover_s = time.monotonic() - mended_s
    stage.fetch_samples()
    right = {place: rows for place, rows in expected.items() if place[0] in devices}
    query = "SELECT devices.name, runs.state FROM runs JOIN devices ON devices.device_id = runs.device_id"
    unfinished = sum(state != "sealed" for name, state in stage.query(query) if name in devices)
    return Outcome(difference(right, stored_samples(stage)), unfinished, recover_s)


def either_is_killed(stage: PairStage, chance: random.Random, events: int = 6) -> None:
    """So often a collector or an agent is killed, told to end or stopped for a while, whichever comes."""
    for _ in range(events):
        time.sleep(chance.uniform(0.2, 2.0))
        who = chance.choice((*NAMES, *NAMES, "d1", "d2"))
        number = chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
        stage.kill(who, number)
        time.sleep(chance.uniform(0.0, 4.0))
        if number == signal.SIGSTOP:
            with contextlib.suppress(ProcessLookupError):
                stage.kill(who, signal.SIGCONT)
        elif who in NAMES:
            stage.serve_one(who)
        else:
            stage.agent(who)
