"""Downloads over a real connection that is cut, by an agent that is killed, onto a disk that is full."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from daemon_parts import INVENTORY, WHO, config
from fake_collector import FakeCollector
from paretofleet_agent.errors import AttemptFailed, Unreachable
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink.client import CollectorClient
from paretofleet_agent.uplink.model_cache import ModelCache

MB = 1 << 20
CONTENT = random.Random(2).getrandbits(8 * 8 * MB).to_bytes(8 * MB, "little")
ARTIFACT = Artifact(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "net.onnx")


class Cable:
    """Passes bytes to `port` and back; once `left` more have come back, None for any, it holds them."""

    def __init__(self, port: int) -> None:
        self.left: int | None = None
        self.came = 0
        self._port = port
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Ends the connections that are there, and passes everything on later ones."""
        self.left = None
        while self._ends:
            with suppress(OSError):
                self._ends.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, far = self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
                threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65_536):
                far.sendall(data)
        with suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65_536):
                while self.left is not None and self.left < len(data):
                    time.sleep(0.01)
                if self.left is not None:
                    self.left -= len(data)
                near.sendall(data)
                self.came += len(data)
        with suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def collector():
    with FakeCollector().running() as collector:
        collector.piece_bytes = MB // 4
        collector.models[ARTIFACT.sha256] = CONTENT
        yield collector


@pytest.fixture
def cable(collector):
    cable = Cable(collector.port)
    yield cable
    cable.close()


@contextmanager
def cache_of(home, address, **settings):
    client = CollectorClient(config(home, address), WHO, INVENTORY)
    yield ModelCache(home, client.fetch_model, **settings)
    client.close()


def fetched(models):
    """The file, after as many tries as the connection needs."""
    files = []

    def is_there():
        with suppress(Unreachable):
            files.append(models.get(ARTIFACT, lambda: False))
        return files

    wait_for(is_there)
    return files[0]


def part_of(home: Path) -> Path:
    return home / "models" / f"{ARTIFACT.sha256}.part"


def cut_in_the_middle(models: ModelCache, cable: Cable, home: Path) -> int:
    """How many bytes are kept of a download whose connection ended after 5 MB."""
    cable.left = 5 * MB
    with ThreadPoolExecutor(1) as other:
        cut = other.submit(models.get, ARTIFACT, lambda: False)
        wait_for(lambda: part_of(home).exists() and part_of(home).stat().st_size > 2 * MB)
        cable.cut()
        assert isinstance(cut.exception(), Unreachable)
    return part_of(home).stat().st_size


def test_only_what_is_missing_comes_again_over_a_connection_that_was_cut(collector, cable, tmp_path):
    with cache_of(tmp_path, cable.address) as models:
        there = cut_in_the_middle(models, cable, tmp_path)
        assert not (tmp_path / "models" / ARTIFACT.sha256).exists()
        cable.came = 0
        assert fetched(models).read_bytes() == CONTENT
    assert collector.fetches == [0, there]
    assert len(CONTENT) - there < cable.came < len(CONTENT) - there + MB // 4


def test_a_part_that_rotted_is_noticed_and_fetched_anew(collector, cable, tmp_path):
    with cache_of(tmp_path, cable.address) as models:
        there = cut_in_the_middle(models, cable, tmp_path)
        with part_of(tmp_path).open("r+b") as file:
            file.write(b"rot")
        assert fetched(models).read_bytes() == CONTENT
    assert collector.fetches == [0, there, 0]
    assert list((tmp_path / "models").iterdir()) == [tmp_path / "models" / ARTIFACT.sha256]


def test_an_agent_that_was_killed_goes_on_after_its_next_start(collector, cable, tmp_path):
    """The real command: it is killed by SIGKILL in the middle, and started again."""
    cable.left = 5 * MB

    def started(attempt):
        collector.grant("run", attempt, model=CONTENT)
        words = ["run", "--collector", cable.address, "--home", str(tmp_path), "--name", "board"]
        environment = {**os.environ, "PARETOFLEET_HOST_LOCK_DIR": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-m", "paretofleet_agent.main", *words],
            env=environment,
            stderr=subprocess.DEVNULL,
        )

    agent = started(1)
    wait_for(lambda: part_of(tmp_path).exists() and part_of(tmp_path).stat().st_size > 2 * MB)
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    there = part_of(tmp_path).stat().st_size
    cable.cut()
    agent = started(2)
    path = tmp_path / "models" / ARTIFACT.sha256
    try:
        wait_for(path.exists)
    finally:
        agent.terminate()
        agent.wait()
    assert path.read_bytes() == CONTENT
    assert collector.fetches == [0, there]


def wait_for(happened):
    until = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


KILLED = """
import os, signal, sys
from pathlib import Path
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink import model_cache
home, sha256, sent = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_bytes()
received = model_cache.download

def killed(*given):
    received(*given)
    os.kill(os.getpid(), signal.SIGKILL)

model_cache.download = killed
models = model_cache.ModelCache(home, lambda *_: iter([sent]))
models.get(Artifact(sha256, len(sent), "net.onnx"), lambda: False)
"""


@pytest.mark.parametrize("is_right", [True, False])
def test_what_came_whole_before_a_kill_is_used_only_once_its_hash_is_right(collector, tmp_path, is_right):
    """The process ends by SIGKILL with all bytes there, before the file gets its name."""
    source = tmp_path / "sent"
    source.write_bytes(CONTENT if is_right else CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    words = [sys.executable, "-c", KILLED, str(tmp_path), ARTIFACT.sha256, str(source)]
    done = subprocess.run(words, check=False)
    assert done.returncode == -signal.SIGKILL
    assert part_of(tmp_path).read_bytes() == source.read_bytes()
    assert not (tmp_path / "models" / ARTIFACT.sha256).exists()
    with cache_of(tmp_path, collector.address) as models:
        assert models.get(ARTIFACT, lambda: False).read_bytes() == CONTENT
    assert collector.fetches == ([] if is_right else [0])


FULL = """
import resource, sys
from pathlib import Path
from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink.model_cache import ModelCache
home, sha256, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
if len(sys.argv) > 4:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), int(sys.argv[4])))
pieces = lambda _, offset: iter([bytes(1 << 20)] * (size >> 20))
try:
    ModelCache(home, pieces).get(Artifact(sha256, size, "net.onnx"), lambda: False)
except AttemptFailed as error:
    print(error.reason, error)
"""


def test_a_file_that_may_not_grow_so_large_is_one_sentence_and_leaves_nothing(tmp_path):
    words = [sys.executable, "-c", FULL, str(tmp_path), "a" * 64, str(8 * MB), str(3 * MB)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (
        done.stdout == f"model_unavailable net.onnx cannot be stored in {tmp_path}/models (File too large).\n"
    )
    assert list((tmp_path / "models").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 80 MB, on which the agent's margin leaves room for 16."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "none", str(disk)], check=False).returncode:
        pytest.skip("only root mounts a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_full_keeps_what_a_lease_needs_and_forgets_the_rest(collector, small_disk):
    contents = [bytes([number]) * (5 * MB) for number in range(4)]
    artifacts = [Artifact(hashlib.sha256(each).hexdigest(), len(each), f"{each[0]}") for each in contents]
    collector.models.update({a.sha256: each for a, each in zip(artifacts, contents)})
    with cache_of(small_disk, collector.address) as models:
        for each in artifacts[:3]:
            models.get(each, lambda: False)
        models.get(artifacts[0], lambda: False)
        models.get(artifacts[3], lambda: False, (artifacts[3], artifacts[1]))
        there = {path.name for path in (small_disk / "models").iterdir()}
        assert there == {artifacts[number].sha256 for number in (0, 1, 3)}, "2 is unused for longest but 1"
        large = replace(artifacts[2], size_bytes=40 * MB, name="large.onnx")
        with pytest.raises(AttemptFailed, match=r"large\.onnx has 41943040 bytes and the disk"):
            models.get(large, lambda: False)
        assert {path.name for path in (small_disk / "models").iterdir()} == there
