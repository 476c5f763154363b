"""Parses and checks one ONNX file and finds its batch axis. Runs in the process that `inspect` starts."""

from __future__ import annotations

import graphlib
import math
import stat
from pathlib import Path

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError, EncodeError

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import OnnxFacts, OnnxInput, counting

MAX_BYTES = (2 << 30) - 1  # protobuf's own limit
_LARGE_BYTES = (
    4096  # weights above this are taken out before the graph is checked: nothing reads their values
)

# What the C++ library raises, which depends on its version.
_CHECKER_ERRORS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    RuntimeError,
    ValueError,
    IndexError,
    UnicodeDecodeError,
    EncodeError,
)


def read(path: Path, name: str) -> OnnxFacts:
    """The facts of the file at `path`, called `name` in messages. ModelRefused with one sentence."""
    model = _parsed(path, name)
    _refuse_tensors(model, name)
    opset = max((o.version for o in model.opset_import if o.domain in counting.STANDARD_DOMAINS), default=0)
    if opset > onnx.defs.onnx_opset_version():
        raise ModelRefused(
            f"{name} uses opset {opset}, newer than {onnx.defs.onnx_opset_version()}, the newest known here: "
            "export it at a lower opset or upgrade the package onnx"
        )
    inputs = _inputs(model.graph, name)
    weights = counting.weights(model.graph)
    _refuse_sizes(weights, inputs, name)
    light = _lightened(model)
    try:
        _sort(light.graph)
        onnx.checker.check_model(light, full_check=True)
        if light.functions:
            light = onnx.inliner.inline_local_functions(light)
    except _CHECKER_ERRORS as error:
        raise ModelRefused(
            f"{name} is not a valid ONNX model ({_first_line(error)}): export it again"
        ) from None
    fixed, macs = _batch(light, inputs, name)
    return OnnxFacts(
        parameters=sum(w.elements for w in weights if w.is_parameter),
        macs=macs,
        size_bytes=path.stat().st_size,
        weights_precision=counting.precision(weights, inputs[0].element_type),
        fixed_batch_size=fixed,
        inputs=inputs,
        opset=opset,
        ir_version=model.ir_version,
    )


def _parsed(path: Path, name: str) -> onnx.ModelProto:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelRefused(f"{name} is not a file: name an .onnx file")
        if status.st_size > MAX_BYTES:
            raise ModelRefused(
                f"{name} is larger than 2 GiB, which ONNX files may not be: export a smaller model"
            )
        data = path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"cannot read {name}: {error.strerror}") from None
    if not data:
        raise ModelRefused(f"{name} is empty: export the model again")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError):
        raise ModelRefused(f"{name} is not an ONNX file or is cut short: export or copy it again") from None
    if not model.HasField("graph") or not model.ir_version:
        raise ModelRefused(f"{name} is not an ONNX file: it holds no graph")
    return model


def _refuse_tensors(model: onnx.ModelProto, name: str) -> None:
    """Refuses weights in other files and tensors that claim another size than they have."""
    for tensor in counting.messages(model):
        if not isinstance(tensor, onnx.TensorProto):
            continue
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelRefused(
                f"{name} keeps the weights {_shown(tensor.name)} in another file: "
                "save the model as one file (onnx.save with save_as_external_data=False)"
            )
        if not _holds_its_elements(tensor):
            raise ModelRefused(
                f"{name} is damaged: tensor {_shown(tensor.name)} does not hold the elements that its "
                "shape claims; export or copy the model again"
            )


def _holds_its_elements(tensor: onnx.TensorProto) -> bool:
    try:
        bits = counting.type_bits(counting.type_name_of(tensor))
    except ValueError:
        return False
    if any(d < 0 for d in tensor.dims):
        return False
    elements = math.prod(tensor.dims)
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data) == (elements * bits + 7) // 8
    values = len(tensor.float_data) + len(tensor.double_data) + len(tensor.string_data)
    values += len(tensor.int32_data) + len(tensor.int64_data) + len(tensor.uint64_data)
    # A value of a typed field is half an element (complex), one, or up to eight (packed).
    return values <= 2 * elements <= 16 * values


def _refuse_sizes(weights: list[counting.Weight], inputs: tuple[OnnxInput, ...], name: str) -> None:
    for weight in weights:
        if weight.elements < 0 or weight.size_bytes > MAX_BYTES:
            raise ModelRefused(f"{name} has more than 2 GiB in {_shown(weight.name)}: use a smaller model")
    if sum(weight.size_bytes for weight in weights) > MAX_BYTES:
        raise ModelRefused(f"{name} has more than 2 GiB of weights: use a smaller model")
    for item in inputs:
        if math.prod(d for d in item.shape if d is not None) * 4 > MAX_BYTES:
            raise ModelRefused(
                f"{name} takes more than 2 GiB at input {_shown(item.name)}: use a smaller model"
            )


def _lightened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its large weights as inputs: the same graph to the checker, without their data."""
    graph = model.graph
    large = {t.name: t for t in graph.initializer if t.ByteSize() > _LARGE_BYTES}
    small = [t for t in graph.initializer if t.name not in large]
    inputs = [i for i in graph.input if i.name not in large]
    inputs += [onnx.helper.make_tensor_value_info(n, t.data_type, list(t.dims)) for n, t in large.items()]
    light = onnx.ModelProto()
    del graph.initializer[:], graph.input[:]
    graph.initializer.extend(small)
    graph.input.extend(inputs)
    light.CopyFrom(model)
    return light


def _sort(graph: onnx.GraphProto) -> None:
    """Puts every node behind those whose results it takes, as ONNX Runtime does when it loads a file.

    Some converters leave them in disorder, which the checker refuses. ValueError for a cycle.
    """
    maker = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    order: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    for i, node in enumerate(graph.node):
        for inner in counting.messages(node):
            taken = inner.input if isinstance(inner, onnx.NodeProto) else ()
            own = inner is node
            order.add(i, *(maker[n] for n in taken if n in maker and (own or maker[n] != i)))
    nodes = list(graph.node)
    try:
        ordered = [nodes[i] for i in order.static_order()]
    except graphlib.CycleError:
        raise ValueError("its nodes form a cycle") from None
    del graph.node[:]
    graph.node.extend(ordered)


def _inputs(graph: onnx.GraphProto, name: str) -> tuple[OnnxInput, ...]:
    """The graph's inputs without those that are only the names of weights."""
    weights = {t.name for t in graph.initializer} | {s.values.name for s in graph.sparse_initializer}
    found = []
    for value in graph.input:
        if value.name in weights:
            continue
        if isinstance(value.name, bytes):
            raise ModelRefused(f"{name} is damaged: the name of input {_shown(value.name)} is not UTF-8 text")
        kind = value.type.tensor_type
        if not kind.HasField("shape") or not kind.shape.dim:
            raise ModelRefused(
                f"{name} has no batch axis at input {_shown(value.name)}, which is no tensor with axes: "
                "export the model with inputs of shape [batch, ...]"
            )
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
        if any(d is not None and d < 1 for d in shape):
            raise ModelRefused(
                f"{name} has an axis without size at input {_shown(value.name)}: "
                "export the model again with a named or a positive axis"
            )
        try:
            element_type = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        except ValueError:
            raise ModelRefused(
                f"{name} has an unknown element type at input {_shown(value.name)}: export the model again"
            ) from None
        found.append(OnnxInput(value.name, element_type, shape))
    if not found:
        raise ModelRefused(f"{name} takes no input: there is nothing to measure")
    return tuple(found)


def _batch(light: onnx.ModelProto, inputs: tuple[OnnxInput, ...], name: str) -> tuple[int | None, int | None]:
    """The fixed batch size and the MACs of one item, each None where there is none.

    The first axis of the inputs is the batch. An open one is tried at sizes 1 and 2: a graph that breaks at
    2 or does not give 2 answers, by a reshape to [1, ...], is fixed at 1.
    """
    sizes = {i.shape[0] for i in inputs}
    if len(sizes) > 1:
        odd = next(i for i in inputs if i.shape[0] != inputs[0].shape[0])
        raise ModelRefused(
            f"{name} has no common batch axis: the first axes of inputs {_shown(inputs[0].name)} and "
            f"{_shown(odd.name)} differ; export the model with inputs of shape [batch, ...]"
        )
    fixed = sizes.pop()
    first = _inferred(light, inputs, fixed or 1)
    if first is None:
        raise ModelRefused(f"{name} breaks at batch size {fixed or 1} by its own shapes: export it again")
    if not _follows(first, fixed or 1):
        raise ModelRefused(
            f"{name} has no batch axis: the first axis of its inputs is not that of an output; "
            "export the model with inputs and outputs of shape [batch, ...]"
        )
    if fixed is None:
        second = _inferred(light, inputs, 2)
        fixed = None if second is not None and _follows(second, 2) else 1
    total = counting.macs(first)
    if total is None or total % (fixed or 1):
        return fixed, None
    return fixed, total // (fixed or 1)


def _inferred(light: onnx.ModelProto, inputs: tuple[OnnxInput, ...], size: int) -> onnx.ModelProto | None:
    """The model with the shapes that follow from batch size `size`; None where the shapes contradict."""
    model = onnx.ModelProto()
    model.CopyFrom(light)
    batched = {i.name for i in inputs}
    for value in model.graph.input:
        if value.name in batched:
            value.type.tensor_type.shape.dim[0].dim_value = size
    for value in model.graph.output:  # what the file declares may hold for its own batch size only
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    try:
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except _CHECKER_ERRORS:
        return None


def _follows(model: onnx.ModelProto, size: int) -> bool:
    """True where the first axis of an output is the batch or, as far as the shapes tell, may be."""
    for value in model.graph.output:
        kind = value.type.tensor_type
        if not kind.HasField("shape"):
            return True
        first = kind.shape.dim[:1]
        if first and (not first[0].HasField("dim_value") or first[0].dim_value == size):
            return True
    return False


def _first_line(error: Exception) -> str:
    return _shown(str(error).strip().split("\n")[0].strip(" ."), 160)


def _shown(text: str | bytes, length: int = 60) -> str:
    """A stranger's text, fit for one line of a terminal. Protobuf gives bytes for what is not UTF-8."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= length else plain[:length] + "..."
