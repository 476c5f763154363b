"""Parts that the measuring tests share: a small model, a lease, a sink, a device tree."""

from __future__ import annotations

import array
import dataclasses
import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "system"))

import trees
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest, Simulation
from paretofleet_agent.model import Artifact, AttemptKey, Lease, Limits

FIXTURES = Path(__file__).parent.parent / "fixtures"

QUICK = Limits(
    warm_up_min_s=0.05,
    warm_up_min_iterations=5,
    warm_up_max_s=5.0,
    warm_up_max_iterations=2000,
    iterations_min=10,
    iterations_max=30,
    window_min_s=0.2,
    block_s=0.1,
    idle_s=0.0,
    timeout_s=60.0,
    is_short=True,
)


class Samples:
    """A sink that remembers what it was given and joins it by stream."""

    def __init__(self) -> None:
        self.puts: list[tuple[str, str, int, bytes]] = []

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        self.puts.append((stream, schema, n, columns))

    def columns(self, stream: str) -> tuple[list[int], list[int]]:
        """Both columns of a stream, all its puts joined."""
        first: list[int] = []
        second: list[int] = []
        for name, _, n, data in self.puts:
            if name == stream:
                values = array.array("q", data)
                assert len(values) == 2 * n
                first += values[:n]
                second += values[n:]
        return first, second


class Watch:
    """Says stop once `stop_in` was reached; remembers the phases."""

    def __init__(self, stop_in: str | None = None) -> None:
        self.phases: list[str] = []
        self.powers: list[tuple[float | None, str]] = []
        self.stop_in = stop_in

    def stopped(self) -> bool:
        return self.stop_in in self.phases

    def power(self, power_w: float | None, scope: str) -> None:
        self.powers.append((power_w, scope))

    def phase(self, phase: str, iterations: int) -> None:
        assert iterations >= 0
        if not self.phases or self.phases[-1] != phase:
            self.phases.append(phase)


def lease_of(path: Path | None = None, *, limits: Limits = QUICK, block: int = 1, **wanted: Any) -> Lease:
    """A lease of a model file (or of one that only simulation needs)."""
    data = b"" if path is None else path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    size = wanted.pop("size_bytes", len(data))
    configuration = {
        "batch_size": 2,
        "device_id": "0123",
        "mode": "latency",
        "options": {},
        "precision": "native",
        "protocol": "quick",
        "runtime": "onnxruntime",
        "target_id": "cpu",
        "threads": 1,
        "timing_scope": "copy+compute",
        "variant_sha256": sha256,
        **wanted,
    }
    return Lease(
        key=AttemptKey(run_id="run", attempt=1),
        sweep_name="sweep",
        configuration_id="c0ffee",
        configuration=configuration,
        block=block,
        limits=limits,
        artifact=Artifact(sha256=sha256, size_bytes=size, name="model"),
        seed=7,
        lease_s=60.0,
    )


def make_model(
    path: Path,
    *,
    nodes: list[tuple[str, list[str], list[str]]] | None = None,
    shape: tuple[Any, ...] = ("N", 16),
    out: tuple[Any, ...] | None = None,
    dtype: str = "FLOAT",
    constants: dict[str, Any] | None = None,
) -> Path:
    """Writes an ONNX model with the input x and the output y; by default y = relu(x)."""
    onnx = pytest.importorskip("onnx")
    kind = getattr(onnx.TensorProto, dtype)
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes or [("Relu", ["x"], ["y"])]],
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape if out is None else out)],
        [onnx.numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    return path


def unpack_tree(name: str, root: Path) -> Path:
    """Unpacks tests/fixtures/NAME/tree.txt below `root`."""
    for line in (FIXTURES / name / "tree.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            path, _, content = line.partition(" = ")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content + "\n")
    return root


@pytest.fixture
def samples() -> Samples:
    return Samples()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "relu.onnx")


@pytest.fixture(scope="session")
def here() -> DeviceUnderTest:
    """This machine without power sensors, so that the tests mean the same everywhere."""
    device = probe.probe_device(Path("/"), None, {})
    return dataclasses.replace(device, inventory=dataclasses.replace(device.inventory, sensors=()))


@pytest.fixture
def tx2(tmp_path: Path) -> DeviceUnderTest:
    return probe.probe_device(Path("/"), Simulation("jetson-tx2", truth_path=tmp_path / "truth.jsonl"), {})


@pytest.fixture
def kit() -> Any:
    """The makers above, for tests that need variants."""
    return sys.modules[__name__]


@pytest.fixture
def tree(tmp_path):
    """Unpacks a fixture by its name and gives the root of the copied device."""
    return lambda name: trees.unpack(name, tmp_path / name)
