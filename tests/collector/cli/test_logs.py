"""The collector's log on the disk, and the command that reads it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_harness import Command
from paretofleet_agent.main.log_file import KeptLog
from paretofleet_agent.uplink import identity
from paretofleet_collector.cli import logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger as a process of its own has it, and as it was afterwards."""
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    logger.handlers.clear()
    yield logger
    for handler in logger.handlers:
        handler.close()
    logger.handlers[:] = before
    logger.setLevel(level)


@pytest.mark.usefixtures("root")
def test_what_happens_is_kept_and_only_what_is_wrong_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], paretofleet: Command
) -> None:
    logs.set_up("text", verbose=False, home=tmp_path)
    log = logging.getLogger("paretofleet_collector.service.leases")
    log.info("tx2 (id-tx2) gets resnet50 batch 1")
    log.info("run r attempt 1 of id-tx2: measured")
    log.info("pc (id-pc) gets resnet50 batch 1")
    logging.getLogger("alembic").info("chatter of a library")
    log.warning("the disk is \x1b[31mfull")
    said = capsys.readouterr().err
    assert "gets resnet50" not in said
    assert "full" in said
    home = ("--home", tmp_path)
    assert len(paretofleet("logs", *home).out.splitlines()) == 4
    assert "\x1b" not in paretofleet("logs", *home).out
    assert "WARNING the disk is" in paretofleet("logs", *home, "--lines", "1").out
    of_tx2 = paretofleet("logs", "tx2", *home)
    assert [line.partition("INFO ")[2] for line in of_tx2.out.splitlines()] == [
        "tx2 (id-tx2) gets resnet50 batch 1",
        "run r attempt 1 of id-tx2: measured",
    ]
    assert "`paretofleet-agent logs`" in of_tx2.err
    assert paretofleet("logs", *home, "-o", "json").json[0]["level"] == "INFO"
    assert (tmp_path / logs.FILE).parent.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("root")
def test_of_a_device_of_this_machine_both_sides_are_shown_in_order(
    tmp_path: Path, paretofleet: Command
) -> None:
    home = tmp_path / "collector"
    logs.set_up("text", verbose=False, home=home)
    agent = KeptLog(tmp_path / "agent")
    (tmp_path / "agent").mkdir()
    identity.ensure(tmp_path / "agent")
    (tmp_path / "agent" / "daemon.json").write_text('{"name": "tx2"}')
    log = logging.getLogger("paretofleet_collector.service.leases")
    log.info("tx2 (id-tx2) gets resnet50 batch 1")
    time.sleep(0.002)
    agent.note("the runner of resnet50 crashed")
    time.sleep(0.002)
    log.info("tx2 is heard no more")
    both = paretofleet("logs", "tx2", "--home", home)
    assert [line.split(" ", 2)[2] for line in both.out.splitlines()] == [
        "tx2 (id-tx2) gets resnet50 batch 1",
        "agent | the runner of resnet50 crashed",
        "tx2 is heard no more",
    ]
    assert both.err == ""
    other = paretofleet("logs", "pc", "--home", home)
    assert "crashed" not in other.out
    assert "pc keeps its own log" in other.err
    assert "did you mean tx2?" in paretofleet("logs", "tx3", "--home", home, code=1).err


@pytest.mark.usefixtures("root")
def test_the_files_stay_small_and_the_oldest_lines_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2_000)
    logs.set_up("text", verbose=False, home=tmp_path)
    for number in range(300):
        logging.getLogger("paretofleet_collector").info("line %d", number)
    files = list((tmp_path / "logs").iterdir())
    assert len(files) == 1 + logs.OLDER_FILES
    assert all(path.stat().st_size <= 2_000 for path in files)
    kept = [line["message"] for line in logs.kept_lines(tmp_path)]
    assert kept == [f"line {number}" for number in range(300 - len(kept), 300)]


@pytest.mark.usefixtures("root")
def test_a_log_that_cannot_be_written_ends_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], paretofleet: Command
) -> None:
    (tmp_path / "logs").write_text("a file where the folder would be")
    logs.set_up("json", verbose=True, home=tmp_path)
    logging.getLogger("paretofleet_collector").info("still here")
    said = capsys.readouterr().err
    assert json.loads(said)["message"] == "still here"
    assert "There is no log" in paretofleet("logs", "--home", tmp_path, code=1).err
