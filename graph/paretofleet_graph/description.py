"""Reads a file and says what its graph asks for."""

from typing import Dict

from .axes import axes_of
from .laws import law_by_type
from .model import Description, Input
from .onnx_file import OnnxFile
from .precision import WORK, all_nodes, operators_of, precision_of

RANDOM = (
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
)


def read(path: str) -> Description:
    """What the ONNX file at `path` asks for. Raises GraphRefused where it cannot be read."""
    file = OnnxFile(path)
    axes = axes_of(file.inputs, file.graph.outputs)
    operators = operators_of(file)
    inputs = tuple(
        Input(each.name, each.type, axes.shapes[each.name], law_by_type(each)) for each in file.inputs
    )
    types = [each.type[len("tensor(") : -1] for each in inputs]
    weights = sorted(file.graph.weights.values(), key=lambda weight: -weight.elements)
    worked: Dict[str, int] = {}
    for node in all_nodes(file):
        kinds = [file.graph.weights[name].type for name in node.inputs if name in file.graph.weights]
        if node.op in WORK and kinds:
            worked[kinds[0]] = worked.get(kinds[0], 0) + 1
    return Description(
        name=file.graph.name,
        inputs=inputs,
        outputs=file.graph.outputs,
        batch=axes.batch,
        candidates=axes.candidates,
        fixed_batch_size=axes.fixed_batch_size,
        free=axes.free,
        precision=precision_of(operators, worked, [weight.type for weight in weights] + types),
        random=tuple(sorted(op for op in operators if op in RANDOM)),
        mixes=(),
        operators=operators,
    )
