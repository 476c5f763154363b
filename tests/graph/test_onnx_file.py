"""A file is read as it lies on the disk; what is no ONNX file is refused in a sentence, whatever it is."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import onnx
import paretofleet_graph
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from onnx_files import FLOAT, INT64, graph, node, save, value, weights
from paretofleet_graph import GraphRefused, OnnxFile, as_json, from_json, read, read_apart
from paretofleet_graph.wire import parts


@pytest.fixture(scope="module")
def loop(tmp_path_factory) -> Path:
    """A file with a subgraph, a function, names, numbers of several types."""
    body = graph(
        [node("MatMul", ["v", "w"], ["m"]), node("Identity", ["c"], ["co"])],
        {"it": (INT64, []), "c": ("BOOL", []), "v": (FLOAT, ["N", 4])},
        {"co": ("BOOL", []), "m": (FLOAT, ["N", 4])},
    )
    doubled = helper.make_function(
        "mine", "Doubled", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    made = graph(
        [
            helper.make_node("Doubled", ["x"], ["x2"], domain="mine"),
            node("Loop", ["steps", "", "x2"], ["y"], body=body),
        ],
        {"x": (FLOAT, ["N", 4]), "steps": (INT64, [])},
        {"y": (FLOAT, ["N", 4])},
        {"w": weights(4, 4), "half": np.arange(3, dtype=np.float16), "bytes": np.arange(5, dtype=np.uint8)},
    )
    return save(tmp_path_factory.mktemp("loop") / "loop.onnx", made, functions=[doubled], domains=["mine"])


def test_a_file_says_its_inputs_outputs_operators_and_weights(loop):
    file = OnnxFile(str(loop))
    assert [(each.name, each.type, each.axes) for each in file.inputs] == [
        ("x", "tensor(float)", ("N", 4)),
        ("steps", "tensor(int64)", ()),
    ]
    assert [each.name for each in file.graph.outputs] == ["y"]
    assert paretofleet_graph.operators_of(file) == {"Loop": 1, "MatMul": 1, "Identity": 1, "Add": 1}
    assert np.array_equal(
        np.frombuffer(file.data(file.graph.weights["w"]), np.float32), weights(4, 4).ravel()
    )
    assert file.numbers(file.graph.weights["half"]) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "int64", "int32", "int8", "uint8", "bool"]
)
def test_weights_in_typed_fields_are_the_same_as_raw_ones(tmp_path, dtype):
    array = np.array([0, 1, 1, 0], dtype=dtype)
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    typed = helper.make_tensor("typed", kind, [4], array.tolist())
    made = graph([node("Identity", ["x"], ["y"])], {"x": (FLOAT, [1])}, {"y": (FLOAT, [1])})
    made.initializer.extend([typed, numpy_helper.from_array(array, "raw")])
    file = OnnxFile(str(save(tmp_path / "m.onnx", made)))
    assert not typed.HasField("raw_data")
    for name in ("typed", "raw"):
        assert file.data(file.graph.weights[name]) == array.tobytes()
        assert file.numbers(file.graph.weights[name]) == array.tolist()


def test_a_description_survives_its_json_and_its_own_process(loop):
    description = read(str(loop))
    assert from_json(json.loads(json.dumps(as_json(description)))) == description
    assert read_apart(str(loop)) == description


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"PK\x03\x04", b"{}", b"\x08\x08", b"\x3a\xff\xff\xff\xff\x0f"]
)
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    for reader in (read, read_apart):
        with pytest.raises(GraphRefused, match=r"^x\.onnx is not an ONNX file"):
            reader(str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for reader in (read, read_apart):
        with pytest.raises(GraphRefused, match=r"^cannot read the model none\.onnx: No such file"):
            reader(str(tmp_path / "none.onnx"))


def test_names_from_a_file_reach_no_terminal_raw(tmp_path):
    made = graph(
        [node("Identity", ["x"], ["y"])], {"x": (FLOAT, ["N", "\x1b[31mred\n"])}, {"y": (FLOAT, ["N", None])}
    )
    path = save(tmp_path / "m.onnx", made)
    with pytest.raises(GraphRefused) as refused:
        paretofleet_graph.shapes(read(str(path)), 1, {}, {})
    assert str(refused.value).isprintable()
    assert "red" in str(refused.value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
def test_a_mutilated_file_is_read_or_refused_and_nothing_else(loop, tmp_path, cut, changes):
    content = bytearray(loop.read_bytes())
    for where, byte in changes:
        content[int(where * len(content))] = byte
    path = tmp_path / "m.onnx"
    path.write_bytes(content[: int(cut * len(content)) if not changes else len(content)])
    try:
        description = read(str(path))
    except GraphRefused:
        return
    assert from_json(json.loads(json.dumps(as_json(description)))) == description


def test_a_message_is_the_sum_of_its_parts(loop):
    data = loop.read_bytes()
    spans = [where for _, _, where in parts(data, (0, len(data)))]
    assert len(spans) > 1
    assert b"".join(data[slice(*where)] for where in spans) == data


def test_graphs_within_graphs_end_somewhere(tmp_path):
    """Nested a thousand deep: refused, not a crash of the interpreter."""
    inner = b""
    for _ in range(1000):
        attribute = b"\x0a\x01b" + b"\x32" + _size(inner)
        made = b"\x22\x02If" + b"\x2a" + _size(attribute)
        inner = b"\x0a" + _size(made)
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x3a" + _size(inner))
    with pytest.raises(GraphRefused):
        read(str(path))


def test_a_number_beyond_64_bits_is_refused(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08" + b"\xff" * 11)
    with pytest.raises(GraphRefused):
        read(str(path))


def test_a_weight_is_read_only_where_it_holds_its_elements(tmp_path):
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[1 << 40], raw_data=struct.pack("<f", 1.0))
    made = graph([node("Identity", ["x"], ["y"])], {"x": (FLOAT, [1])}, {"y": (FLOAT, [1])})
    made.initializer.append(tensor)
    made.value_info.append(value("y", FLOAT, [1]))
    file = OnnxFile(str(save(tmp_path / "m.onnx", made)))
    assert file.numbers(file.graph.weights["w"], 1 << 50) is None


def _size(content: bytes) -> bytes:
    number, varint = len(content), bytearray()
    while True:
        varint.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if not number:
            return bytes(varint) + content


def test_a_description_of_another_version_is_read(loop):
    """Collectors keep them for years."""
    about = as_json(read(str(loop)))
    del about["precisions"]
    assert from_json({**about, "weather": "fine"}) == read(str(loop))._replace(precisions=())
