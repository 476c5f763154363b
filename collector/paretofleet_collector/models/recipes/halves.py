"""Weights of 16 bits: a network in fp16, or fp32 work on weights that are kept in bf16."""

from __future__ import annotations

from pathlib import Path

import onnx

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.recipes import weights


def fp16(parent: Path, target: Path, called: str) -> None:
    """Writes `parent`, `called` so in messages, to `target` with weights and operators in fp16.

    Inputs and outputs keep their types. By onnxruntime.transformers.float16. Raises ModelRefused.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = weights.parsed(parent, called)
    try:
        converted = convert_float_to_float16(model, keep_io_types=True)
    except Exception as error:  # noqa: BLE001 - whatever the converter raises of a stranger's graph
        raise ModelRefused(f"{called} cannot be converted to fp16 ({str(error)[:160]}).") from None
    weights.save(converted, target)


def bf16(parent: Path, target: Path, called: str) -> None:
    """Writes `parent`, `called` so in messages, to `target` with its layers' weights kept in bf16.

    A Cast before each layer makes them fp32 again, in which it computes: few runtimes have convolutions in
    bf16. Values are rounded to the nearest, ties to even. Raises ModelRefused where there are no weights.
    """
    import ml_dtypes

    model = weights.parsed(parent, called)
    kept = {layer.tensor: layer.values for layer in weights.layers(model)}
    if not kept:
        raise ModelRefused(f"{called} has no weights in fp32 that bf16 could keep.")
    casts = []
    for tensor in model.graph.initializer:
        if tensor.name not in kept:
            continue
        name, values = tensor.name, kept[tensor.name]
        tensor.CopyFrom(
            onnx.helper.make_tensor(
                f"{name}__bf16",
                onnx.TensorProto.BFLOAT16,
                values.shape,
                values.astype(ml_dtypes.bfloat16).tobytes(),
                raw=True,
            )
        )
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    inputs = [each for each in model.graph.input if each.name not in kept]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.input.extend(inputs)
    weights.save(model, target)
