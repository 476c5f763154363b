"""Parses and checks one ONNX file. Runs in the process that `inspect` starts."""

from __future__ import annotations

import graphlib
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError
from paretofleet_graph import Constant, Description, GraphRefused, OnnxFile, as_json, constants_of
from paretofleet_graph import read as describe

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import OnnxFacts, OnnxInput, counting, shapes
from paretofleet_collector.models.onnxfile.checker import (
    CHECKER_ERRORS,
    custom_operator,
    first_line,
    printable,
)
from paretofleet_collector.models.onnxfile.loading import runtime_loads
from paretofleet_collector.models.onnxfile.sizes import MAX_BYTES, refuse_sizes, refuse_tensors

_LARGE_BYTES = (
    4096  # weights above this are taken out before the graph is checked: nothing reads their values
)


def read(
    path: Path, name: str, sizes: Mapping[str, int] | None = None, values: Mapping[str, Any] | None = None
) -> OnnxFacts:
    """The facts of the file at `path`, called `name` in messages; raises ModelRefused with one sentence.

    `sizes` and `values`: what was given for its axes and inputs, by which its MACs are counted.
    """
    model = _parsed(path, name)
    refuse_tensors(model, name)
    opset = max((o.version for o in model.opset_import if o.domain in counting.STANDARD_DOMAINS), default=0)
    if opset > onnx.defs.onnx_opset_version():
        raise ModelRefused(
            f"{name} uses opset {opset}, newer than {onnx.defs.onnx_opset_version()}, the newest known here: "
            "export it at a lower opset or upgrade the package onnx"
        )
    inputs = _inputs(model.graph, name)
    graph, constants = _described(path, name)
    refuse_sizes(constants, inputs, name)
    light, fault = _checked(_lightened(model))
    if fault and not runtime_loads(path):
        raise ModelRefused(f"{name} is not a valid ONNX model ({fault}): export it again")
    custom = None if fault else custom_operator(light.graph)
    if custom is not None and not runtime_loads(path):
        raise ModelRefused(
            f"{name} has the operator {custom}, which no runtime has by itself: export it without custom "
            "operators"
        )
    fixed, macs = graph.fixed_batch_size, None
    if not fault:
        try:
            fixed, macs = shapes.batch_size_and_macs(light, graph, sizes or {}, values or {})
        except ModelRefused as error:
            raise ModelRefused(f"{name}: {error}") from None
    return OnnxFacts(
        parameters=graph.parameters,
        macs=macs,
        size_bytes=path.stat().st_size,
        weights_precision=graph.weights_precision,
        fixed_batch_size=fixed,
        inputs=inputs,
        opset=opset,
        ir_version=model.ir_version,
        graph=as_json(graph),
    )


def broken(path: Path, name: str, feeds: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Why the file at `path`, called `name`, cannot take one of `feeds`, by its place; as `shapes.broken`.

    Of a file that the strictest check does not understand nothing is told. Raises ModelRefused.
    """
    light, fault = _checked(_lightened(_parsed(path, name)))
    return {} if fault else shapes.broken(light, _described(path, name)[0], feeds)


def _described(path: Path, name: str) -> tuple[Description, list[Constant]]:
    """What the graph of the file asks for, by the rule that devices follow, too, and its constants."""
    try:
        return describe(str(path)), constants_of(OnnxFile(str(path)))
    except GraphRefused as error:
        raise ModelRefused(printable(str(error).replace(path.name, name), 300)) from None


def _checked(light: onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    """The model in order and without functions, and what the strictest check finds wrong, or nothing."""
    try:
        _sort(light.graph)
        onnx.checker.check_model(light, full_check=True)
        return (onnx.inliner.inline_local_functions(light) if light.functions else light), ""
    except CHECKER_ERRORS as error:
        return light, first_line(error)


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
    inputs = []
    for value in graph.input:
        if value.name in weights:
            continue
        if isinstance(value.name, bytes):
            raise ModelRefused(
                f"{name} is damaged: the name of input {printable(value.name)} is not UTF-8 text"
            )
        kind = value.type.tensor_type
        if not kind.HasField("shape"):
            raise ModelRefused(
                f"{name} says no axes of input {printable(value.name)}, or it is no tensor: nothing can be "
                "fed to it: export the model with tensors of declared axes as inputs"
            )
        # Below zero stands for any size, as Paddle once wrote it and ONNX Runtime reads it.
        shape = tuple(
            d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in kind.shape.dim
        )
        if any(d is not None and d < (at == 0) for at, d in enumerate(shape)):
            raise ModelRefused(
                f"{name} has an axis without size at input {printable(value.name)}: "
                "export the model again with a named or a positive axis"
            )
        try:
            element_type = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        except ValueError:
            raise ModelRefused(
                f"{name} has an unknown element type at input {printable(value.name)}: export the model again"
            ) from None
        inputs.append(OnnxInput(value.name, element_type, shape))
    if not inputs:
        raise ModelRefused(f"{name} takes no input: there is nothing to measure")
    return tuple(inputs)
