"""Commands over a store or lake that refuses them, or is of another version: a sentence, nothing changed."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from farm import BIN
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.store.engine import FILE_NAME
from rig import build
from seaweed import ObjectStore, answering, make_bucket, secret_of

pytestmark = pytest.mark.system
ALL = ("Admin", "Read", "Write", "List", "Tagging")
PASSWORD = "a-right-one"  # noqa: S105 - of a database that this test makes
WRONG = {"AWS_SECRET_ACCESS_KEY": "wrong"}
SCHEMA = "SELECT version_num FROM alembic_version"
#: What an operator types at the collector's home, with the folder of a backup.
COMMANDS = {
    "serve": ("collector", "serve", "--home", "{home}"),
    "gc": ("collector", "gc", "--home", "{home}", "--samples-older-than", "0", "--yes"),
    "backup": ("collector", "backup", "{backup}", "--home", "{home}"),
    "doctor": ("doctor", "--home", "{home}"),
    "adopt": ("doctor", "--adopt", "--home", "{home}"),
}


@dataclass
class Places:
    """The home of a collector that stands, over a database and a bucket that ask who comes; its backup."""

    root: Path
    store: str
    lake: str

    def run(self, name: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Types the command of that `name`, with keys and password that are right but for `environ`."""
        where = {"home": self.root / "home", "backup": self.root / "backup"}
        return self.type(*(word.format(**where) for word in COMMANDS[name]), **environ)

    def type(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PARETOFLEET_", "AWS"))
        }
        places = {
            "PARETOFLEET_COLLECTOR_STORE": self.store,
            "PARETOFLEET_COLLECTOR_LAKE": self.lake,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": str(self.root / "none"),
            "XDG_STATE_HOME": str(self.root / "state"),
            "TERM": "dumb",
        }
        own = {"PGPASSWORD": PASSWORD, **keys_of("lab"), **environ}
        return subprocess.run(
            [str(BIN / "paretofleet"), *map(str, words)],
            env={**kept, **places, **own},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.store, password=PASSWORD) as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def schema(self, version: str) -> Iterator[None]:
        """The database says that it is of this `version` meanwhile."""
        ((right,),) = self.rows(SCHEMA)
        self._set_schema(version)
        try:
            yield
        finally:
            self._set_schema(str(right))

    def _set_schema(self, version: str) -> None:
        with psycopg.connect(self.store, password=PASSWORD) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (version,))

    def state(self) -> tuple[object, ...]:
        """What no command may change that comes to nothing: what is listed, the backup, and no leavings."""
        listed = self.rows("SELECT path, sha256 FROM manifest ORDER BY path")
        backup = sorted(
            (str(path.relative_to(self.root)), path.stat().st_mtime_ns)
            for path in (self.root / "backup").rglob("*")
        )
        left = sorted((self.root / "home" / "lake-cache" / "tmp").iterdir())
        return self.rows(SCHEMA), listed, backup, left


def keys_of(access_key: str) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_of(access_key)}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, postgres) -> Iterator[Places]:
    """A collector that has measured, over both, with a finished backup; no test changes any of it."""
    root = tmp_path_factory.mktemp("places")
    (root / "objects").mkdir()
    (root / "home").mkdir()
    objects = ObjectStore(root / "objects", allowed={"lab": ALL, "reader": ("Read", "List")})
    with pytest.MonkeyPatch.context() as patch:
        for key, value in {**keys_of("lab"), "PGPASSWORD": PASSWORD}.items():
            patch.setenv(key, value)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        try:
            objects.start()
            make_bucket(objects)
            made = Places(root, postgres.new_guarded_database(PASSWORD), objects.lake)
            answering(open_lake(address_of(root / "home", made.lake)))
            loop = asyncio.new_event_loop()
            rig = build(root / "home", loop, [1000.0], store=made.store, lake=made.lake)
            rig.measure("night")
            rig.do(rig.context.worker.close())
            rig.context.store.close()
            loop.close()
            done = made.run("backup")
            assert done.returncode == 0, done.stderr
            yield made
        finally:
            objects.close()


def sentence_of(done: subprocess.CompletedProcess[str], name: str) -> str:
    """The one sentence that a command which came to nothing has said; of the doctor its findings."""
    assert done.returncode == 1, done
    for strange in ("Traceback", "AWS Error", "secret-of", PASSWORD, "internal error"):
        assert strange not in done.stdout + done.stderr
    if name == "doctor":
        return " ".join(done.stdout.split())
    lines = [line for line in done.stderr.splitlines() if "fsync=off" not in line]
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return lines[0]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "wrong",
    [
        WRONG,
        {"AWS_ACCESS_KEY_ID": "nobody"},
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
    ],
    ids=["secret", "name", "none"],
)
def test_keys_that_the_bucket_refuses(places: Places, name: str, wrong: dict[str, str]) -> None:
    before = places.state()
    said = sentence_of(places.run(name, **wrong), name)
    assert "refuses the collector's keys" in said
    assert "AWS_ACCESS_KEY_ID" in said
    assert places.state() == before


@pytest.mark.parametrize("name", ["serve", "gc"])
def test_keys_that_may_only_read(places: Places, name: str) -> None:
    before = places.state()
    assert "may get, put, delete and list" in sentence_of(places.run(name, **keys_of("reader")), name)
    assert places.state() == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_password_that_the_database_refuses(places: Places, name: str) -> None:
    before = places.state()
    said = sentence_of(places.run(name, PGPASSWORD="wrong"), name)
    assert "cannot be reached" in said
    assert "check the address, the user and the password" in said
    assert places.state() == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_database_of_a_newer_version(places: Places, name: str) -> None:
    with places.schema("9999"):
        before = places.state()
        said = sentence_of(places.run(name), name)
        assert "was written by a newer collector (schema 9999" in said
        assert places.state() == before


@pytest.mark.parametrize("name", ["backup", "doctor"])
def test_a_database_of_an_older_version_is_left_as_it_is_by_who_only_reads(places: Places, name: str) -> None:
    with places.schema("0018"):
        before = places.state()
        said = sentence_of(places.run(name), name)
        assert "is of an older version of the collector (schema 0018" in said
        assert places.state() == before


def test_an_older_database_is_not_changed_for_a_lake_that_refuses_its_collector(places: Places) -> None:
    with places.schema("0018"):
        before = places.state()
        sentence_of(places.run("serve", **WRONG), "serve")
        assert places.state() == before


def test_a_restore_to_a_bucket_that_refuses_it_does_not_begin(places: Places, tmp_path: Path) -> None:
    words = ("collector", "restore", places.root / "backup", "--home", tmp_path / "new", "--store", "sqlite")
    done = places.type(*words, "--lake", places.lake, **WRONG)
    assert "refuses the collector's keys" in sentence_of(done, "restore")
    assert not (tmp_path / "new" / "restoring").exists()
    assert not (tmp_path / "new" / FILE_NAME).exists()


def test_a_bucket_that_is_not_there(places: Places) -> None:
    lake = places.lake.replace("s3://fleet/", "s3://nobody/")
    for name in ("serve", "gc", "backup", "doctor"):
        said = sentence_of(places.run(name, PARETOFLEET_COLLECTOR_LAKE=lake), name)
        assert "There is no bucket 'nobody'" in said
