"""`paretofleet devices add` over a real sshd on loopback; what is installed is a stand-in for the bundle."""

from __future__ import annotations

import io
import os
import platform
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from farm import BIN, wait_until
from held_ports import hold_port, port_of
from paretofleet_collector.cli.board_install import board_of, free_name
from paretofleet_collector.errors import Refused
from secured import Secured

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:" + os.environ["PATH"])
SSH = shutil.which("ssh")
pytestmark = pytest.mark.system
#: Joins as install.sh does, with the agent of these tests.
INSTALL = """#!/bin/sh
set -eu
echo "$*" >{folder}/arguments
while [ $# -gt 0 ]; do
  case $1 in --name) name=$2 ;; --class) class=$2 ;; --join) join=$2 ;; --token-file) token=$2 ;; esac
  [ $# -gt 1 ] && shift
  shift
done
stat -c %a "$token" >{folder}/mode
exec {agent} join "$join" - --name "$name" --class "$class" --home {home} <"$token"
"""


@dataclass
class LocalBoard:
    """A board that is this machine: its sshd, and a PATH on which ssh knows the key."""

    folder: Path
    port: int
    path: str

    @property
    def url(self) -> str:
        return f"ssh://127.0.0.1:{self.port}"

    def bundle(self, name: str, script: str) -> Path:
        made = self.folder / name
        with tarfile.open(made, "w") as archive:
            member = tarfile.TarInfo("paretofleet-agent-bundle/install.sh")
            member.size = len(script.encode())
            archive.addfile(member, io.BytesIO(script.encode()))
        return made


@pytest.fixture
def board(tmp_path: Path) -> Iterator[LocalBoard]:
    if SSHD is None or SSH is None:
        pytest.skip("NOT TRIED: there is no sshd here")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    held = hold_port()
    port = port_of(held)
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        "StrictModes no\nPermitRootLogin yes\nPidFile none\nPasswordAuthentication no\nUsePAM no\n"
    )
    (folder / "ssh_config").write_text(
        f"Host *\n  IdentityFile {folder}/user\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n"
        "  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    )
    ssh = folder / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec {SSH} -F {folder}/ssh_config "$@"\n')
    ssh.chmod(0o755)
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.DEVNULL)
    try:
        command = [ssh, "-p", str(port), "127.0.0.1", "true"]
        wait_until(
            lambda: server.poll() is not None or subprocess.run(command, check=False).returncode == 0,
            "sshd",
        )
        if server.poll() is not None:
            pytest.skip("NOT TRIED: sshd does not start here")
        yield LocalBoard(folder, port, f"{ssh.parent}:{os.environ['PATH']}")
    finally:
        server.terminate()
        server.wait(60)
        held.close()


def add(farm: Secured, board: LocalBoard, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [BIN / "paretofleet", "devices", "add", board.url, *options]
    environment = {**farm.environment(), "PATH": board.path, "PARETOFLEET_COLLECTOR_ADDRESS": farm.address}
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment, check=False
    )


def test_one_command_copies_installs_and_joins(board: LocalBoard, tmp_path: Path) -> None:
    farm = Secured(tmp_path)
    script = INSTALL.format(folder=board.folder, agent=BIN / "paretofleet-agent", home=farm.root / "tx2-1")
    try:
        farm.start_secured()
        options = ("--name", "tx2-1", "--class", "jetson-tx2", "--bundle", board.bundle("good.tar", script))
        done = add(farm, board, *options)
        assert done.returncode == 0, done.stderr
        assert "tx2-1 has joined" in done.stderr
        port = farm.join_address.rpartition(":")[2]
        arguments = (board.folder / "arguments").read_text()
        assert arguments.startswith(f"--name tx2-1 --class jetson-tx2 --join 127.0.0.1:{port} --token-file /")
        assert (board.folder / "mode").read_text().strip() == "600"
        assert not Path(arguments.split()[-1]).exists(), "what was copied is removed, the token with it"
        farm.start_joined("tx2-1")
        (device,) = farm.listing("devices", "list")
        assert (device["name"], device["identity"]) == ("tx2-1", "valid")

        host = re.sub(r"[^A-Za-z0-9._-]", "-", platform.node()).strip("-._")
        words = ("join", farm.join_address, "-", "--name", host, "--home", farm.root / "host")
        assert farm.agent_command(*words, token=farm.token(name=host)).returncode == 0
        posing = add(farm, board, "--bundle", board.folder / "good.tar")
        assert "as a device of the fleet does already" in posing.stderr

        options = ("--name", "tx2-2", "--bundle", board.bundle("bad.tar", "echo no Python here >&2; exit 1"))
        broken = add(farm, board, *options)
        assert broken.returncode == 1
        assert "no Python here" in broken.stderr
        assert "could not install the agent" in broken.stderr
        assert sorted(token["state"] for token in farm.listing("token", "list")) == [
            "revoked",
            "used up",
            "used up",
        ]
    finally:
        farm.close()


@pytest.mark.parametrize("url", ["board", "ssh://", "ssh://-oProxyCommand=x", "ssh://h/path", "ssh://h:port"])
def test_what_is_no_board_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="is not a board"):
        board_of(url)


def test_a_board_that_names_itself_as_another_device_takes_no_place() -> None:
    assert free_name("tx2-2", {"tx2-1"}) == "tx2-2"
    with pytest.raises(Refused, match="say --name tx2-1 if it is that device"):
        free_name("tx2-1", {"tx2-1"})
