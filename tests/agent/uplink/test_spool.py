from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from daemon_parts import OK, columns, fill, key
from paretofleet_agent.errors import HomeError
from paretofleet_agent.model import Outcome
from paretofleet_agent.uplink import spool as spool_module
from paretofleet_agent.uplink.chunks import ChunkBuilder
from paretofleet_agent.uplink.spool import Spool


def test_what_was_ended_is_there_after_opening_again(tmp_path):
    spool = Spool.open(tmp_path)
    fill(spool, key())
    spool.close()
    spool = Spool.open(tmp_path)
    assert spool.attempts() == (key(),)
    assert spool.pending_chunks(key()) == (("stream-0", 0), ("stream-1", 0), ("stream-2", 0))
    assert spool.chunk(key(), "stream-1", 0).columns == columns(10, 1)
    assert spool.end_of(key()).outcome == OK
    assert spool.end_of(key()).chunks == {"stream-0": 1, "stream-1": 1, "stream-2": 1}


def written_bytes() -> int:
    """What this process has handed to the system to write so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("wchar:")).split()[1])


def test_an_attempt_that_is_sent_at_once_is_written_once(tmp_path):
    spool = Spool.open(tmp_path)
    sink = ChunkBuilder()
    sink.put("power", "power/1", 500_000, columns(500_000))
    before = written_bytes()
    spool.begin(key())
    spool.end(key(), sink.chunks(key()), OK)
    spool.forget_chunks(key(), spool.pending_chunks(key()))
    spool.drop(key())
    spool.shrink()
    assert written_bytes() - before < 1.2 * 16 * 500_000
    assert spool.contents() == spool_module.NOTHING
    assert (tmp_path / "spool.db").stat().st_size < 100_000


def test_an_attempt_without_an_end_is_ended_as_lost(tmp_path):
    spool = Spool.open(tmp_path)
    fill(spool, key("whole"))
    spool.begin(key("cut-off"))
    spool.close()
    spool = Spool.open(tmp_path)
    assert spool.end_of(key("cut-off")) is None
    assert spool.recover() == (key("cut-off"),)
    assert spool.recover() == ()
    assert spool.attempts() == (key("whole"), key("cut-off"))
    end = spool.end_of(key("cut-off"))
    assert (end.outcome.ok, end.outcome.reason, end.chunks) == (False, "lost", {})
    assert spool.end_of(key("whole")).outcome.ok


def test_a_chunk_leaves_only_when_it_is_forgotten_and_the_room_comes_back(tmp_path):
    spool = Spool.open(tmp_path)
    sink = ChunkBuilder()
    sink.put("power", "power/1", 200_000, columns(200_000))
    spool.end(key(), sink.chunks(key()), OK)
    spool.shrink()
    full = (tmp_path / "spool.db").stat().st_size
    spool.forget_chunks(key(), [("power", 0)])
    assert [seq for _, seq in spool.pending_chunks(key())] == list(range(1, 13))
    spool.forget_below(key(), {"power": 12, "other": 5})
    assert spool.pending_chunks(key()) == (("power", 12),)
    spool.drop(key())
    spool.shrink()
    assert spool.attempts() == ()
    assert spool.contents() == spool_module.Contents(0, 0, 0, 0)
    assert (tmp_path / "spool.db").stat().st_size < full / 10


def test_what_is_set_aside_is_kept_and_ends_as_lost(tmp_path):
    spool = Spool.open(tmp_path)
    fill(spool, key())
    spool.set_aside(key(), "somebody else's chunk")
    assert spool.pending_chunks(key()) == ()
    assert spool.contents().set_aside == 3
    assert spool.end_of(key()).outcome.reason == "lost"


@pytest.mark.parametrize("seed", range(6))
def test_a_sigkill_at_any_time_leaves_whole_attempts_only(tmp_path, seed):
    writer = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[2])
        from pathlib import Path
        from daemon_parts import fill, key
        from paretofleet_agent.uplink.spool import Spool
        spool = Spool.open(Path(sys.argv[1]))
        print("ready", flush=True)
        for i in range(100_000):
            fill(spool, key(f"run-{i}"))
            print(i, flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", writer, str(tmp_path), str(Path(__file__).parents[1])],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    for _ in range(random.Random(seed).randint(1, 12)):
        said = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    rest = [int(line) for line in process.stdout.read().split()]
    process.wait()
    said = max([said, *rest])
    spool = Spool.open(tmp_path)
    lost = spool.recover()
    assert len(lost) <= 1
    whole = [k for k in spool.attempts() if k not in lost]
    assert len(whole) >= said + 1, "what was reported as stored must be there"
    for k in whole:
        assert len(spool.pending_chunks(k)) == 3
        assert spool.end_of(k).outcome == OK


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_kept_aside_and_never_ends_in_a_crash_loop(tmp_path, seed, caplog):
    spool = Spool.open(tmp_path)
    for i in range(20):
        fill(spool, key(f"run-{i}"))
    spool.shrink()
    spool.close()
    path = tmp_path / "spool.db"
    data, chance = bytearray(path.read_bytes()), random.Random(seed)
    if seed % 2:
        del data[chance.randrange(1, len(data)) :]
    else:
        at = 0 if seed == 0 else chance.randrange(0, len(data) - 4096)
        data[at : at + 2048] = bytes(chance.randrange(256) for _ in range(2048))
    path.write_bytes(data)
    spool = Spool.open(tmp_path)
    fill(spool, key("new"))
    assert key("new") in spool.attempts()
    for k in spool.attempts():
        spool.end_of(k)
    if (tmp_path / "spool.db.damaged-1").exists():
        assert "kept as" in caplog.text
        assert spool.attempts() == (key("new"),)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE attempts SET run_id = CAST(X'ff' AS TEXT)",
        "UPDATE chunks SET stream = CAST(X'80' AS TEXT) WHERE stream = 'stream-1'",
        "ALTER TABLE attempts RENAME TO others",
        "DROP TABLE chunks",
    ],
)
def test_damage_that_sqlite_does_not_see_is_found_at_the_start(tmp_path, damage):
    spool = Spool.open(tmp_path)
    fill(spool, key())
    spool._database.execute(damage)
    spool.close()
    spool = Spool.open(tmp_path)
    assert (tmp_path / "spool.db.damaged-1").exists()
    assert spool.attempts() == ()


def test_a_full_disk_is_one_sentence(tmp_path):
    spool = Spool.open(tmp_path)
    spool._database.execute("PRAGMA max_page_count = 20")

    def fill_up():
        for i in range(100):
            fill(spool, key(f"run-{i}"))

    with pytest.raises(HomeError, match=r"full or failing .* free some space") as raised:
        fill_up()
    assert "\n" not in str(raised.value)
    whole = [k for k in spool.attempts() if spool.end_of(k)]
    assert all(len(spool.pending_chunks(k)) == 3 for k in whole)


def test_a_spool_of_a_newer_agent_is_not_touched(tmp_path):
    Spool.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "spool.db") as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(HomeError, match="newer agent"):
        Spool.open(tmp_path)


def test_peek_reads_beside_a_running_daemon_and_after_it(tmp_path):
    assert spool_module.peek(tmp_path) is None
    spool = Spool.open(tmp_path)
    fill(spool, key())
    assert spool_module.peek(tmp_path).chunks == 3
    spool.close()
    assert spool_module.peek(tmp_path) == spool_module.Contents(1, 3, 480, 0)


@pytest.mark.parametrize(
    "damage",
    [
        'facts_json = \'{"boot_id": "toob", "simulated": false}\'',
        "facts_json = '[1]'",
        'chunks_json = \'{"stream-0": "1"}\'',
        "chunks_json = '{}'",
        "message = 'other'",
        "ok = 7",
    ],
)
def test_an_end_that_changed_in_the_spool_is_lost_and_not_sent(tmp_path, damage):
    spool = Spool.open(tmp_path)
    fill(spool, key())
    spool._database.execute(f"UPDATE attempts SET {damage}")  # noqa: S608
    end = spool.end_of(key())
    assert (end.outcome.ok, end.outcome.reason, dict(end.chunks)) == (False, "lost", {})


def test_a_spool_of_version_1_is_read_on(tmp_path):
    spool = Spool.open(tmp_path)
    fill(spool, key())
    for older in (
        "ALTER TABLE attempts DROP COLUMN crc32",
        "ALTER TABLE attempts DROP COLUMN interrupted",
        "DROP TABLE belongs_to",
        "DROP TABLE attempts_aside",
        "PRAGMA user_version = 1",
    ):
        spool._database.execute(older)
    spool.close()
    spool = Spool.open(tmp_path)
    assert spool.end_of(key()).outcome == OK
    assert spool.collector_id == ""
    assert not (tmp_path / "spool.db.damaged-1").exists()


def test_a_message_that_the_wire_cannot_carry_is_mended(tmp_path):
    spool = Spool.open(tmp_path)
    spool.end(key(), (), Outcome(ok=False, reason="crashed", message="no file caf\udce9"))
    assert spool.end_of(key()).outcome.message == "no file caf?"


def test_each_collector_has_a_spool_of_its_own(tmp_path):
    spool = Spool.open(tmp_path)
    assert spool.change_collector("a") is None
    fill(spool, key("of-a"))
    assert spool.change_collector("a") is None
    assert spool.change_collector("b") == tmp_path / "spool-for-a"
    assert spool.attempts() == ()
    fill(spool, key("of-b"))
    assert spool.change_collector("a") == tmp_path / "spool-for-b"
    assert spool.attempts() == (key("of-a"),)
    assert spool.pending_chunks(key("of-a")) == (("stream-0", 0), ("stream-1", 0), ("stream-2", 0))
    spool.close()
    assert Spool.open(tmp_path).collector_id == "a"


@pytest.fixture
def cut_off(tmp_path, monkeypatch) -> Spool:
    """A spool opened after a crash: that of `b` was set aside, that of `a` was not brought back yet."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    spool = Spool.open(tmp_path)
    spool.change_collector("a")
    fill(spool, key("of-a"))
    spool.change_collector("b")
    with monkeypatch.context() as patch:
        patch.setattr("paretofleet_agent.uplink.spool.bring_back", crash)
        with pytest.raises(KeyboardInterrupt):
            spool.change_collector("a")
    return Spool.open(tmp_path)


def test_a_spool_that_a_crash_left_aside_is_brought_back(cut_off):
    assert cut_off.collector_id == ""
    assert cut_off.change_collector("a") is None
    assert (cut_off.collector_id, cut_off.attempts()) == ("a", (key("of-a"),))


def test_a_spool_that_is_aside_is_never_overwritten(cut_off, tmp_path):
    fill(cut_off, key("new"))
    cut_off.change_collector("a")
    assert cut_off.attempts() == (key("new"),)
    folder = cut_off.change_collector("b")
    kept = tmp_path / "kept"
    kept.mkdir()
    (folder / "spool.db.1").rename(kept / "spool.db")
    assert Spool.open(kept).attempts() == (key("of-a"),)
    assert Spool.open(folder).attempts() == (key("new"),)


def test_an_end_that_is_too_large_does_not_stop_what_waits_behind_it(tmp_path):
    spool = Spool.open(tmp_path)
    spool.end(key("a"), (), Outcome(ok=False, reason="crashed", message="x" * 100_000))
    spool.end(key("b"), (), Outcome(ok=True, facts={"flags": ["y" * (1 << 20)]}))
    assert len(spool.end_of(key("a")).outcome.message) == 4000
    end = spool.end_of(key("b")).outcome
    assert (end.ok, end.reason) == (False, "crashed")
    assert "the collector takes 1048576" in end.message
