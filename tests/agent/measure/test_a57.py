"""The agent's code and its wheels on an emulated Cortex-A57, a core without ARMv8.1's atomics (`make a57`).

It shows what an instruction of a newer core would: SIGILL. Times under emulation mean nothing.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest
from paretofleet_agent.measure.attempt import measure

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("PARETOFLEET_TEST_A57_PYTHON", ROOT / "build" / "a57" / "python"))
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="NOT TRIED: there is no emulated Cortex-A57; make one with `make a57`"
)
IMPORT_ALL = """
import importlib, pkgutil, platform, grpc, psutil
import google.protobuf, paretofleet_proto.v1.fleet_pb2_grpc, paretofleet_agent
names = [one.name for one in pkgutil.walk_packages(paretofleet_agent.__path__, "paretofleet_agent.")]
done = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
print(platform.machine(), len(done))
"""
#: A convolution and a matrix product, so that the kernels that differ between cores run.
NODES = [
    ("Conv", ["x", "k"], ["c"]),
    ("Relu", ["c"], ["r"]),
    ("Flatten", ["r"], ["f"]),
    ("MatMul", ["f", "w"], ["y"]),
]


def test_every_module_of_the_agent_imports_with_the_pinned_wheels():
    path = os.pathsep.join(str(ROOT / part) for part in ("agent", "graph", "proto"))
    done = subprocess.run(
        [str(PYTHON), "-c", IMPORT_ALL],
        env=dict(os.environ, PYTHONPATH=path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode} (-4 is SIGILL): {done.stderr[-500:]}"
    machine, count = done.stdout.split()
    assert machine == "aarch64"
    assert int(count) > 50


def test_a_run_measures_onnx_runtime_there_through_the_real_pipes(kit, here, tmp_path):
    np = pytest.importorskip("numpy")
    rng = np.random.RandomState(0)
    constants = {
        "k": rng.standard_normal((4, 3, 3, 3)).astype("float32"),
        "w": rng.standard_normal((4 * 6 * 6, 5)).astype("float32"),
    }
    shape, out = ("N", 3, 8, 8), ("N", 5)
    model = kit.make_model(tmp_path / "conv.onnx", nodes=NODES, shape=shape, out=out, constants=constants)
    device = dataclasses.replace(here, interpreters={"onnxruntime": str(PYTHON)})
    limits = dataclasses.replace(kit.QUICK, timeout_s=300.0)
    outcome = measure(kit.lease_of(model, limits=limits), model, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert effective["provider"] == "CPUExecutionProvider"
    assert effective["reference"]["relative_error"] < 1e-3
