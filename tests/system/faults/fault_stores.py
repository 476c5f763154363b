"""Stores that are lost, older than their lake, copied without their log; files that are damaged."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from pathlib import Path

from farm import BIN
from fault_runs import Scenario, begin
from fault_stage import Stage


def _collector(stage: Stage, *words: str | Path, code: int | None = 0) -> str:
    """Runs `paretofleet collector WORDS --home ...`; what it printed."""
    command = [BIN / "paretofleet", "collector", *words, "--home", stage.collector_home]
    done = subprocess.run(
        command, capture_output=True, text=True, env=stage.environment(), timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert code is None or done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def _refuses_to_start(stage: Stage) -> None:
    said = _collector(stage, "serve", "--listen", "127.0.0.1:0", code=1)
    assert "doctor" in said or "restore" in said, said


def older_backup(stage: Stage, _chance: random.Random) -> None:
    """What was sealed since the backup is in the lake only; the collector says so and does not start."""
    stage.serve()
    _collector(stage, "backup", stage.root / "backup")
    stage.agent("d1")
    stage.wait_sealed(2)
    stage.kill("collector", signal.SIGTERM)
    _collector(stage, "restore", stage.root / "backup", "--replace")
    _refuses_to_start(stage)
    _collector(stage, "doctor", "--adopt", code=None)
    stage.serve()


def store_lost(stage: Stage, _chance: random.Random) -> None:
    begin(stage)
    stage.wait_sealed(3)
    stage.kill("collector", signal.SIGTERM)
    kept = stage.root / "kept"
    kept.mkdir()
    for path in stage.collector_home.glob("collector.sqlite3*"):
        shutil.move(path, kept)
    _refuses_to_start(stage)
    for path in kept.iterdir():
        shutil.move(path, stage.collector_home)
    stage.serve()


def copied_without_its_log(stage: Stage, chance: random.Random) -> None:
    """The store's file alone is copied from a collector that works; what the log held is in the lake only."""
    begin(stage)
    stage.wait_sealed(2 + chance.randrange(2))
    stage.kill("collector")
    for suffix in ("-wal", "-shm"):
        stage.store.with_name(stage.store.name + suffix).unlink(missing_ok=True)
    if _starts(stage):
        return
    _collector(stage, "doctor", "--adopt", code=None)
    stage.serve()


def _starts(stage: Stage) -> bool:
    try:
        stage.serve()
    except AssertionError:
        return False
    return True


def damaged_file(stage: Stage, chance: random.Random) -> None:
    """A listed file is damaged: it is named and not delivered, the others are; then it is mended."""
    begin(stage)
    stage.wait_sealed(3)
    listed = stage.query("SELECT path FROM manifest ORDER BY path")
    path = stage.collector_home / "lake" / listed[chance.randrange(len(listed))][0]
    right = path.read_bytes()
    damaged = bytearray(right)
    damaged[chance.randrange(len(right))] ^= 1 << chance.randrange(8)
    path.write_bytes(damaged)
    done = stage.run("report", "samples", "s", "-o", stage.root / "samples")
    assert done.returncode != 0, "a damaged file was delivered"
    assert path.stem.split("-")[0] in done.stderr + done.stdout, done.stderr
    path.write_bytes(right)


STORES = (
    Scenario("an older backup is restored", older_backup),
    Scenario("the store is lost", store_lost),
    Scenario("the store was copied without its log", copied_without_its_log),
    Scenario("a listed file is damaged", damaged_file),
)
