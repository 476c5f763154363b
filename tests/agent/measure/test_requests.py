"""What a runner is asked of sizes and inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.measure.requests import runner_request
from paretofleet_agent.model import Artifact

DEVICE = cast(
    DeviceUnderTest, SimpleNamespace(interpreters={}, interpreter_of=lambda _: "python", engines=None)
)


def test_samples_are_named_by_their_path_and_not_by_their_hash(tmp_path, kit):
    lease = kit.lease_of()
    sha256 = "5" * 64
    configuration = {
        **lease.configuration,
        "sizes": {"sequence": 32},
        "inputs": {"ids": {"values": "zipf"}, "x": {"sha256": sha256}},
    }
    fed = replace(
        lease,
        configuration=configuration,
        inputs=(Artifact(sha256, 10, "s.npz"),),
        input_paths={sha256: tmp_path / sha256},
    )
    request = runner_request(fed, Path("net.onnx"), DEVICE, [0], 1)
    assert request["sizes"] == {"sequence": 32}
    assert request["inputs"] == {"ids": {"values": "zipf"}, "x": {"file": str(tmp_path / sha256)}}
    assert runner_request(lease, Path("net.onnx"), DEVICE, [0], 1)["inputs"] == {}
