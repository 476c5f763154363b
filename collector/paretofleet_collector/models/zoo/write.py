"""Writes a filled ONNX file tensor by tensor, so that no network is ever whole in memory.

The bytes are those of `ModelProto.SerializeToString(deterministic=True)`: protobuf writes fields by number,
and the initializers (field 5 of the graph) stand between its name (2) and its inputs (11).
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import onnx

from paretofleet_collector.models.zoo import fill, rules

_GRAPH = b"\x3a"  # ModelProto.graph: field 7, length-delimited
_INITIALIZER = b"\x2a"  # GraphProto.initializer: field 5
_RAW_DATA = b"\x4a"  # TensorProto.raw_data: field 9


def varint(value: int) -> bytes:
    """`value` >= 0 as protobuf's variable-length integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def chunks(structure: onnx.ModelProto) -> Iterator[bytes]:
    """The file's bytes in order: `structure` with its inputs behind the first as seeded initializers."""
    graph = structure.graph
    spreads = rules.spreads(graph)
    weights = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.input[1:]}
    before_model = onnx.ModelProto(ir_version=structure.ir_version, producer_name=structure.producer_name)
    after_model = onnx.ModelProto(opset_import=structure.opset_import)
    before = onnx.GraphProto(node=graph.node, name=graph.name).SerializeToString(deterministic=True)
    after = onnx.GraphProto(input=graph.input[:1], output=graph.output).SerializeToString(deterministic=True)
    headers = {name: _tensor_header(name, dims) for name, dims in weights.items()}
    size = len(before) + len(after) + sum(len(h) + 4 * math.prod(weights[n]) for n, h in headers.items())

    yield before_model.SerializeToString(deterministic=True) + _GRAPH + varint(size) + before
    for name, header in headers.items():
        yield header
        for block in fill.blocks(name, math.prod(weights[name]), spreads[name]):
            yield block.astype("<f4", copy=False).tobytes()
    yield after + after_model.SerializeToString(deterministic=True)


def _tensor_header(name: str, dims: list[int]) -> bytes:
    """An initializer up to where its float32 data begins."""
    tensor = onnx.TensorProto(dims=dims, data_type=onnx.TensorProto.FLOAT, name=name)
    data_bytes = 4 * math.prod(dims)
    inside = tensor.SerializeToString(deterministic=True) + _RAW_DATA + varint(data_bytes)
    return _INITIALIZER + varint(len(inside) + data_bytes) + inside


def write(structure: onnx.ModelProto, path: Path, sha256: str) -> str:
    """Writes `structure`, filled, to `path` if its SHA-256 is `sha256`; returns the SHA-256 that it has.

    The file is there whole or not at all. Raises OSError as the disk gives it.
    """
    digest = hashlib.sha256()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks(structure):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() == sha256:
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
            _sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
