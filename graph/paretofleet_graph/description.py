"""Reads a file and says what its graph asks for."""

import contextlib
import os

from .axes import axes_of
from .counts import constants_of, parameters_of, weights_precision
from .errors import GraphRefused
from .flow import follow
from .laws import laws_of
from .model import Description
from .onnx_file import DAMAGED, OnnxFile
from .operators import RANDOM
from .precision import accuracy_levels, all_nodes, operators_of, precision_of, precisions_of
from .tflite_counts import facts_of
from .tflite_file import is_tflite


def read(path: str) -> Description:
    """What the ONNX or tflite file at `path` asks for. Raises GraphRefused where it cannot be read."""
    with contextlib.suppress(OSError):
        if is_tflite(path):
            return facts_of(path).description
    file = OnnxFile(path)
    try:
        return _described(file)
    except DAMAGED:
        raise GraphRefused(
            "%s is damaged: its graph contradicts itself; export or copy it again" % os.path.basename(path)
        ) from None


def _described(file: OnnxFile) -> Description:
    axes = axes_of(file.inputs, file.graph.outputs)
    operators = operators_of(file)
    flow = follow(file, axes.shapes, axes.batch)
    taken = {name for node in all_nodes(file) for name in node.inputs}
    taken.update(each.name for each in file.graph.outputs)
    inputs = laws_of(file.inputs, axes.shapes, flow.uses, taken, axes.batch)
    constants = constants_of(file)
    input_type = inputs[0].type[len("tensor(") : -1] if inputs else ""
    types = {each.name: each.type for each in constants}
    precisions = precisions_of(file, types, flow.worked, flow.others)
    return Description(
        name=file.graph.name,
        inputs=inputs,
        outputs=file.graph.outputs,
        batch=axes.batch,
        candidates=axes.candidates,
        fixed_batch_size=axes.fixed_batch_size,
        free=axes.free,
        precision=precision_of(precisions),
        precisions=tuple(precisions),
        random=tuple(sorted(op for op in operators if op in RANDOM)),
        mixes=tuple(flow.mixes),
        operators=operators,
        parameters=parameters_of(file, constants),
        weights_precision=weights_precision(constants, input_type),
        accuracy_levels=accuracy_levels(file),
    )
