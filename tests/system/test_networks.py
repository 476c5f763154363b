"""Agents on networks of their own: real addresses, one sweep across both, one cut off in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cable_addresses import ENDS, cable_addresses
from farm import PATIENCE_S, wait_until
from secured import Secured

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None,
        reason="only root can make networks, with ip",
    ),
]


@dataclass(frozen=True)
class Network:
    """A namespace with one cable to the collector's machine, whose end there has the address `gateway`."""

    name: str
    gateway: str

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def networks() -> Iterator[list[Network]]:
    """Two networks that see the collector's machine and not each other."""
    made = []
    probe = subprocess.run(["ip", "netns", "add", f"pf-{os.getpid()}-0"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no network namespaces here: {probe.stderr.decode().strip()}")
    try:
        for number in range(2):
            name, cable = f"pf-{os.getpid()}-{number}", f"pf{os.getpid() % 100_000}{'ab'[number]}"
            if number:
                ip("netns", "add", name)
            near, far = cable_addresses()
            made.append(Network(name, near))
            ip("link", "add", f"{cable}0", "type", "veth", "peer", "name", f"{cable}1", "netns", name)
            ip("addr", "add", f"{near}/{ENDS}", "dev", f"{cable}0")
            ip("link", "set", f"{cable}0", "up")
            ip("-n", name, "addr", "add", f"{far}/{ENDS}", "dev", f"{cable}1")
            ip("-n", name, "link", "set", f"{cable}1", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        for number in range(2):
            subprocess.run(
                ["ip", "netns", "del", f"pf-{os.getpid()}-{number}"], capture_output=True, check=False
            )


def test_one_sweep_over_two_networks_with_a_device_revoked_in_the_middle(
    tmp_path: Path, networks: list[Network]
) -> None:
    farm = Secured(tmp_path)
    agents = {}
    try:
        farm.start_secured(listen="0.0.0.0:0", join_listen="0.0.0.0:0")
        port = farm.join_address.rpartition(":")[2]

        token = farm.token(pool="both", uses=2)
        for network, name in zip(networks, ("left", "right"), strict=True):
            address = f"{network.gateway}:{port}"
            assert farm.join(name, token, address=address, prefix=network.prefix).returncode == 0
            agents[name] = farm.start_joined(name, prefix=network.prefix)
        farm.command(
            *("sweep", "submit", "--name", "s", "--model", "zoo:squeezenet1_1", "--protocol", "quick"),
            *("--batch-size", "1,2,4,8", "--repeats", "3"),
        )
        wait_until(lambda: {"uploaded", "sealed"} & farm.runs_on("s", "left").keys(), "a run on the left")
        # It stands still until it is revoked, so that it cannot finish before, however slow the machine is.
        agents["left"].send_signal(signal.SIGSTOP)
        assert farm.runs_on("s", "left")["pending"]
        farm.command("devices", "revoke", "left")
        agents["left"].send_signal(signal.SIGCONT)
        assert agents["left"].wait(PATIENCE_S) == 5
        assert "was revoked at" in farm.log("left")

        wait_until(lambda: farm.runs_on("s", "right") == {"sealed": 12}, "the other device's part")
        assert not farm.has_ended("s")
        left = networks[0]
        address = f"{left.gateway}:{port}"
        again = farm.join("left", farm.token(name="left"), address=address, prefix=left.prefix)
        assert again.returncode == 0, again.stderr
        farm.start_joined("left", prefix=left.prefix)
        wait_until(lambda: farm.has_ended("s"), "the end of the sweep")
        assert farm.sweep("s")["state"] == "finished"
        assert farm.sweep("s")["runs_by_state"] == {"sealed": 24}
    finally:
        farm.close()
