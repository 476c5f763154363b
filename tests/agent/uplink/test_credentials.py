"""Keys and requests of this device, by the package or by the board's command."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys

import pytest
from paretofleet_agent.errors import HomeError, PfError
from paretofleet_agent.uplink import credentials
from paretofleet_agent.uplink.credentials import Credentials

MADE = Credentials("h:1", "c", "box", "cpu", "KEY", "CERTIFICATE", "AUTHORITIES")


@pytest.fixture(params=["cryptography", "openssl"])
def maker(request, monkeypatch):
    """Whoever makes keys: the package, or the command where it is not installed."""
    if request.param == "openssl":
        monkeypatch.setitem(sys.modules, "cryptography", None)
        if shutil.which("openssl") is None:
            pytest.skip("there is no command openssl here")
    else:
        pytest.importorskip("cryptography")
    return request.param


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no command openssl here")
def test_a_request_is_signed_by_a_key_on_the_right_curve(maker):
    key_pem, request_pem = credentials.make_request()
    again = credentials.request_for(key_pem)
    for text in (request_pem, again):
        done = subprocess.run(
            ["openssl", "req", "-verify", "-noout", "-text"],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
        )
        assert b"prime256v1" in done.stdout, maker
        assert b"OK" in done.stdout, maker


def test_a_device_with_neither_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PfError, match="install the command openssl"):
        credentials.make_request()


def test_they_are_kept_whole_and_for_their_user_only(tmp_path):
    assert credentials.load(tmp_path) is None
    credentials.save(tmp_path, MADE)
    assert credentials.load(tmp_path) == MADE
    assert stat.S_IMODE((tmp_path / credentials.FILE).stat().st_mode) == 0o600
    (tmp_path / credentials.FILE).write_text("{")
    with pytest.raises(HomeError, match="join again"):
        credentials.load(tmp_path)


def test_the_key_is_in_no_message():
    assert "KEY" not in repr(MADE)
