"""Backups and the way back from them, over every store and every lake: what was copied is what comes back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from lakes import lake_of, read, samples_in, spoil, wrong
from paretofleet_collector.config import LOCAL, SQLITE, Config
from paretofleet_collector.errors import CollectorError, Refused, StorageUnavailable
from paretofleet_collector.identity import authority
from paretofleet_collector.service import adoption, backup, home, restoring
from paretofleet_collector.service.copies import CONTENTS
from paretofleet_collector.store import Store, sealed, transfer
from paretofleet_collector.store.engine import FILE_NAME, reading
from rig import Rig

Places = dict[str, str]


@pytest.fixture
def full(rig) -> Rig:
    """A collector with a sealed sweep of 3 runs, whose name is `first`."""
    rig.measure("first")
    return rig


@pytest.fixture
def elsewhere(rig, request) -> Places:
    """An empty store and an empty lake of the same kinds."""
    config = rig.context.config
    store = SQLITE if config.store == SQLITE else request.getfixturevalue("postgres").new_database()
    return {"store": store, "lake": config.lake.replace("/team?", "/other?")}


def files_of(rig: Rig) -> list[sealed.SealedFile]:
    return rig.context.store.read_now(sealed.files)


def contents_of(address: str | Path) -> dict[str, Any]:
    """Every row of a store, as a sum for each table."""
    with reading(address) as connection:
        return transfer._contents(connection)


def config_in(folder: Path, places: Places) -> Config:
    return Config(home=folder, disk_low_bytes=1, **places)


def test_a_backup_in_a_folder_of_everybody_is_for_its_user_alone(rig, tmp_path):
    authority.add(rig.home, authority.make_authority("c"))
    settings = rig.home / "collector.toml"
    settings.write_text('[collector]\nlisten = "socket"\n')
    settings.chmod(0o644)
    target = tmp_path / "open"
    target.mkdir(mode=0o755)
    backup.back_up(rig.stop(), target)
    modes = {path.name: path.stat().st_mode & 0o077 for path in target.rglob("*") if path.is_file()}
    assert {FILE_NAME, "authority-0001.key", "collector.toml"} <= set(modes)
    assert set(modes.values()) == {0}


def test_a_backup_of_a_running_collector_comes_back_whole(full, tmp_path, elsewhere):
    target, new = tmp_path / "backup", tmp_path / "new"
    (full.home / "id").write_text("abc\n")
    made = backup.back_up(full.context.config, target)
    assert (made.copied, made.faults) == (made.files - 1, ())  # the database is always new
    assert backup.back_up(full.context.config, target).copied == 0
    assert restoring.restore(target, new, **elsewhere).copied == made.files
    assert (new / "id").read_text() == "abc\n"
    restored = config_in(new, elsewhere)
    assert wrong(restored) == {}
    address = new / FILE_NAME if elsewhere["store"] == SQLITE else elsewhere["store"]
    assert contents_of(address) == contents_of(full.context.store.address)
    assert samples_in(lake_of(restored)) == samples_in(full.context.lake)


def test_what_was_restored_goes_on(full, tmp_path, elsewhere):
    target = tmp_path / "backup"
    session = full.joined(instance=int(full.clock[0]))
    full.clock[0] += 1
    full.submit(name="open")
    grant = full.lease(session)
    full.upload(session, grant)  # staged only: these samples are in no file yet
    backup.back_up(full.stop(), target)
    restoring.restore(target, tmp_path / "new", **elsewhere)
    full.home = tmp_path / "new"
    full.start(**elsewhere)
    full.seal()
    assert full.state(grant.key) == "sealed"
    full.measure("second")
    assert len(samples_in(full.context.lake)) == 7


def test_a_half_written_backup_is_seen_and_finished(full, tmp_path, elsewhere):
    target, new = tmp_path / "backup", tmp_path / "new"
    backup.back_up(full.context.config, target)
    (target / CONTENTS).unlink()
    lost = next((target / "lake").rglob("*.parquet"))
    lost.unlink()
    with pytest.raises(Refused, match="no finished backup"):
        restoring.restore(target, new, **elsewhere)
    assert not (new / FILE_NAME).exists()
    assert backup.back_up(full.context.config, target).copied == 1
    restoring.restore(target, new, **elsewhere)


def test_a_restore_that_broke_off_does_not_start_and_is_finished(full, tmp_path, elsewhere):
    target, new = tmp_path / "backup", tmp_path / "new"
    backup.back_up(full.context.config, target)
    hidden = next((target / "lake").rglob("*.parquet"))
    moved = hidden.rename(tmp_path / "away")
    with pytest.raises(StorageUnavailable, match="run it again"):
        restoring.restore(target, new, **elsewhere)
    with pytest.raises(Refused, match=f"collector restore {target} --home {new}"):
        home.check_restored(new)
    moved.rename(hidden)
    restoring.restore(target, new, **elsewhere)
    home.check_restored(new)
    assert wrong(config_in(new, elsewhere)) == {}


def test_a_restore_that_broke_off_after_the_store_is_finished(full, tmp_path, elsewhere, monkeypatch):
    target, new = tmp_path / "backup", tmp_path / "new"
    backup.back_up(full.context.config, target)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _no_end_of(new / home.RESTORING))
        with pytest.raises(KeyboardInterrupt):
            restoring.restore(target, new, **elsewhere)
    restoring.restore(target, new, **elsewhere)
    home.check_restored(new)
    assert wrong(config_in(new, elsewhere)) == {}


def _no_end_of(marker: Path) -> Any:
    unlink = Path.unlink

    def broken(path: Path, missing_ok: bool = False) -> None:
        if path == marker:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    return broken


def test_a_damaged_file_is_left_out_of_a_backup_and_named(full, tmp_path):
    file = files_of(full)[1]
    spoil(full.context.lake, file.path, read(full.context.lake, file.path)[:-1])
    made = backup.back_up(full.context.config, tmp_path / "backup")
    assert len(made.faults) == 1
    assert file.path in made.faults[0]
    assert "its SHA-256 is not that" in wrong(full.context.config)["files"]


@pytest.mark.parametrize("harm", ["damaged", "deleted"])
def test_a_backup_keeps_the_good_copy_of_a_file_that_is_lost_since(full, tmp_path, elsewhere, harm):
    target, new = tmp_path / "backup", tmp_path / "new"
    backup.back_up(full.context.config, target)
    file, lake = files_of(full)[1], full.context.lake
    measured = read(lake, file.path)
    spoil(lake, file.path, b"short") if harm == "damaged" else lake.remove(file.path)
    backup.back_up(full.context.config, target)
    restoring.restore(target, new, **elsewhere)
    assert read(lake_of(config_in(new, elsewhere)), file.path) == measured


def test_a_backup_replaces_none_of_another_collector(full, tmp_path):
    target = tmp_path / "backup"
    (full.home / "id").write_text("abc\n")
    backup.back_up(full.context.config, target)
    (full.home / "id").write_text("def\n")
    with pytest.raises(Refused, match="of another collector"):
        backup.back_up(full.context.config, target)
    assert (target / CONTENTS).exists()


def test_restoring_overwrites_no_samples_that_were_measured_since(full, tmp_path, elsewhere):
    target = tmp_path / "backup"
    backup.back_up(full.context.config, target)
    (first, second, _) = files_of(full)
    lake = lake_of(config_in(tmp_path / "new", elsewhere))
    # As when the run was measured again under the same number, after an earlier restore.
    measured = read(full.context.lake, second.path)
    spoil(lake, first.path, measured)
    restoring.restore(target, tmp_path / "new", **elsewhere)
    lake.check(first.path, first.sha256)
    assert read(lake, f"orphans/{first.path}") == measured


def test_restoring_over_a_store_that_holds_something_changes_nothing(full, tmp_path, elsewhere):
    target, new = tmp_path / "backup", tmp_path / "new"
    backup.back_up(full.context.config, target)
    restoring.restore(target, new, **elsewhere)
    full.measure("second")
    later = tmp_path / "later"
    backup.back_up(full.context.config, later)
    before = samples_in(lake_of(config_in(new, elsewhere)))
    with pytest.raises(Refused, match="already"):
        restoring.restore(later, new, **elsewhere)
    home.check_restored(new)
    assert samples_in(lake_of(config_in(new, elsewhere))) == before


def test_a_backup_that_would_go_elsewhere_than_it_came_from_asks(full, tmp_path):
    config = full.context.config
    if (config.store, config.lake) == (SQLITE, LOCAL):
        pytest.skip("nothing is elsewhere")
    backup.back_up(config, tmp_path / "backup")
    with pytest.raises(Refused, match=r"say which with --(store|lake) ADDRESS"):
        restoring.restore(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_backup_can_move_a_collector_to_another_store_and_another_lake(full, tmp_path):
    """By a backup SQLite becomes PostgreSQL and the other way round; so with folder and object store."""
    backup.back_up(full.context.config, tmp_path / "backup")
    restoring.restore(tmp_path / "backup", tmp_path / "new", store=SQLITE, lake=LOCAL)
    store = Store.at(tmp_path / "new")
    files = store.read_now(sealed.files)
    store.close()
    assert files == files_of(full)
    assert samples_in(lake_of(Config(home=tmp_path / "new"))) == samples_in(full.context.lake)


def test_a_store_that_is_older_than_its_lake_gets_its_runs_back(full, tmp_path, elsewhere):
    """What was sealed after the backup lies in the lake still."""
    target, new = tmp_path / "backup", tmp_path / "new"
    backup.back_up(full.context.config, target)
    full.measure("second")
    files = files_of(full)
    places = {**elsewhere, "lake": full.context.config.lake}
    if places["lake"] == LOCAL:
        os.symlink(full.home / "lake", _made(new) / "lake")
    full.stop()
    restoring.restore(target, new, **places)
    sentences = list(adoption.adopt(config_in(new, places)))
    assert sum("is listed again" in sentence for sentence in sentences) == 3
    assert wrong(config_in(new, places)) == {}
    full.home = new
    full.start(**places)
    assert {file.run_id: file.sha256 for file in files_of(full)} == {f.run_id: f.sha256 for f in files}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_rows_that_come_back_others_than_they_were_written_are_not_kept(full, tmp_path, monkeypatch):
    if full.context.config.store == SQLITE:
        pytest.skip("a file is copied as it is")
    contents, asked = transfer._contents, []

    def other(connection: Any) -> Any:
        asked.append(connection)
        return {**contents(connection), "runs": (len(asked), 0)} if len(asked) > 1 else contents(connection)

    monkeypatch.setattr(transfer, "_contents", other)
    with pytest.raises(CollectorError, match="is not what was written"):
        backup.back_up(full.context.config, tmp_path / "backup")
    assert not (tmp_path / "backup" / CONTENTS).exists()
