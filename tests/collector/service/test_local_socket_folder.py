"""The folder of the local socket below /tmp, where another user of the machine may have been first."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from paretofleet_agent.config import local_collector
from paretofleet_collector import config
from paretofleet_collector.errors import Refused
from paretofleet_collector.service import home

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root makes another user's folder")


@pytest.fixture
def long_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a collector whose socket stands elsewhere; commands and agents of this user look there."""
    brief = tempfile.mkdtemp()  # tmp_path is too long for a socket where several processes test
    monkeypatch.setattr("tempfile.tempdir", brief)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = tmp_path / ("long" * 30)
    config.last_started().parent.mkdir(parents=True)
    config.last_started().write_text(f"unix:{config.socket_path(made)}\n")
    yield made
    shutil.rmtree(brief)


def addresses() -> tuple[str, str]:
    """Where this user's commands and agents would go."""
    return config.local_address(), local_collector(os.environ)


def test_a_link_is_not_followed(long_home: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "shared"
    theirs.mkdir(mode=0o755)
    config.socket_path(long_home).parent.symlink_to(theirs)
    with pytest.raises(Refused, match="is a link"):
        home.make_socket_folder(long_home)
    assert theirs.stat().st_mode & 0o777 == 0o755


@needs_root
def test_another_users_folder_is_not_used_and_their_socket_not_asked(long_home: Path) -> None:
    path = config.socket_path(long_home)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert addresses() == (f"unix:{path}", f"unix:{path}")
        os.chown(path.parent, NOBODY, NOBODY)
        assert addresses() == (config.DEFAULT_ADDRESS, "")
    with pytest.raises(Refused, match="belongs to another user"):
        home.make_socket_folder(long_home)


def test_a_socket_in_a_folder_that_all_may_write_is_not_asked(long_home: Path) -> None:
    path = config.socket_path(long_home)
    path.parent.mkdir()
    path.parent.chmod(0o1777)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert addresses() == (config.DEFAULT_ADDRESS, "")
    home.make_socket_folder(long_home)
    assert path.parent.stat().st_mode & 0o7777 == 0o700


def test_nothing_is_left_of_it(long_home: Path) -> None:
    path = home.make_socket_folder(long_home)
    path.touch()
    home.remove_socket(long_home)
    assert not path.parent.exists()
    home.remove_socket(long_home)
