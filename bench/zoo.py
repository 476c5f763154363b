"""Every network of the zoo in ONNX Runtime at batch 1, 4 and 16: finite, no denormals, fed by its input.

    .venv/bin/python bench/zoo.py [NAME ...]

At batch 1 every value inside the network is looked at, at 4 and 16 the outputs. It prints a line for each
network and leaves with 1 where one fails. The largest network takes 2 GB of memory; all take some minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from paretofleet_collector.models import zoo

BATCH_SIZES = (1, 4, 16)
SMALLEST_NORMAL = np.finfo(np.float32).tiny
Images = npt.NDArray[np.float32]


@dataclass
class Looked:
    """What was seen of a network: spreads of its values, seconds of one call by batch size, its faults."""

    spreads: list[float] = field(default_factory=list)
    largest: float = 0.0
    seconds: dict[int, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def value(self, name: str, value: npt.NDArray[np.float32]) -> None:
        """Looks at the tensor `name` of a network, `value`."""
        size = np.abs(value)
        self.spreads.append(float(value.std()))
        self.largest = max(self.largest, float(size.max()))
        if not np.isfinite(value).all():
            self.faults.append(f"{name} is not finite")
        if ((size > 0) & (size < SMALLEST_NORMAL)).any():
            self.faults.append(f"{name} holds denormals")


def images(count: int, shape: tuple[int, ...]) -> Images:
    """`count` random images of a `shape` (channels, height, width)."""
    return np.random.default_rng(1).standard_normal((count, *shape)).astype(np.float32)


def session(model: str | bytes) -> ort.InferenceSession:
    """The `model`, a path or its bytes, in one thread on the CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def inner_values(path: Path, fed: Images, looked: Looked) -> None:
    """Looks at every floating-point value that the network at `path` makes of the images `fed`."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    floats = {
        v.name for v in model.graph.value_info if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    given = {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    names = [o for node in model.graph.node for o in node.output if o in floats - given]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    net = session(model.SerializeToString())
    for name, value in zip(names, net.run(names, {"input": fed}), strict=True):
        looked.value(name, value)


def look(name: str, folder: Path) -> Looked:
    """Builds the network `name` in `folder`, looks at it, removes it."""
    looked, facts = Looked(), zoo.facts(name)
    path = zoo.build(name, folder / f"{name}.onnx").path
    fed = images(max(BATCH_SIZES), facts.input_shape)
    net = session(str(path))
    for batch_size in BATCH_SIZES:
        started = time.perf_counter()
        logits = net.run(None, {"input": fed[:batch_size]})[0]
        looked.seconds[batch_size] = time.perf_counter() - started
        looked.value(f"logits at batch {batch_size}", logits)
        if logits.shape != (batch_size, 1000):
            looked.faults.append(f"logits of shape {logits.shape} at batch {batch_size}")
        if len({row.tobytes() for row in logits}) < batch_size:
            looked.faults.append(f"the same logits for other images at batch {batch_size}")
        if batch_size > 1 and (logits.std(axis=0).mean() < 1e-3 * logits.std()):
            looked.faults.append("logits hardly depend on the image")
    looked.spreads.clear()
    del net
    inner_values(path, fed[:1], looked)
    path.unlink()
    return looked


def main() -> int:
    """Looks at the networks named on the command line, or at all."""
    failed = False
    print(f"{'network':20} {'least sd':>9} {'most sd':>9} {'largest':>9}   seconds a call at batch 1, 4, 16")
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or zoo.NAMES:
            looked = look(name, Path(folder))
            failed = failed or bool(looked.faults)
            seconds = " ".join(f"{s:7.3f}" for s in looked.seconds.values())
            spread = f"{min(looked.spreads):9.2g} {max(looked.spreads):9.2g} {looked.largest:9.2g}"
            print(f"{name:20} {spread}   {seconds}  {'; '.join(looked.faults[:3]) or 'ok'}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
