"""In which precision ONNX Runtime computes an ONNX file, as far as the file says."""

from typing import Dict, Optional

from paretofleet_graph import OnnxFile

QUANTISED_OPERATORS = (b"QuantizeLinear", b"QLinear", b"ConvInteger", b"MatMulInteger", b"DynamicQuantize")
#: On a CPU half precision is cast to float and back around the operators.
PRECISION_OF_TYPE = {"tensor(float)": "fp32", "tensor(float16)": "fp32", "tensor(double)": "fp64"}
#: A GPU computes in the type of the weights.
PRECISION_OF_WEIGHTS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "double": "fp64"}


def precision_of_weights(path: str) -> Optional[str]:
    """What a GPU computes the file at `path` in: the type of most real weights, else of an input.

    None without either.
    """
    file = OnnxFile(path)
    counts: Dict[str, int] = {}
    for weight in file.graph.weights.values():
        counts[weight.type] = counts.get(weight.type, 0) + weight.elements
    ranked = sorted(counts, key=lambda kind: -counts[kind])
    ranked += [item.type[len("tensor(") : -1] for item in file.inputs]
    return next((PRECISION_OF_WEIGHTS[kind] for kind in ranked if kind in PRECISION_OF_WEIGHTS), None)


def is_quantised(path: str, step: int = 1 << 22) -> bool:
    """Whether a quantised operator is named in the file at `path`, which is read `step` bytes at a time."""
    tail = b""
    with open(path, "rb") as handle:
        while True:
            part = handle.read(step)
            if not part:
                return False
            if any(name in tail + part for name in QUANTISED_OPERATORS):
                return True
            tail = part[-32:]
