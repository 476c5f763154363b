"""A tflite file is described in the words of ONNX files, whatever it holds."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import tflite_files as files
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_graph import GraphRefused, as_json, facts_apart, from_json, laws, read, shapes, to_give
from tflite_files import Operator, Tensor


def test_axes_and_laws_are_those_of_the_file(tmp_path):
    fixed, free = read(str(files.layer(tmp_path / "a"))), read(str(files.layer(tmp_path / "b", "free")))
    assert (fixed.batch, fixed.fixed_batch_size, fixed.format) == (None, 1, "tflite")
    assert (free.batch, free.fixed_batch_size) == ("batch", None)
    assert shapes(free, 8, {}, {}) == {"x": (8, 256)}
    with pytest.raises(GraphRefused, match="fixed batch size 1; 2 was asked for"):
        shapes(fixed, 2, {}, {})
    assert free.inputs[0].law.values == "normal"


def test_a_quantised_input_is_normal_in_the_steps_of_the_file(tmp_path):
    about = read(str(files.layer(tmp_path / "int8", "int8")))
    (item,) = about.inputs
    assert (item.type, item.law.values) == ("tensor(int8)", "normal")
    assert item.law.quantised == pytest.approx((0.02, 3))
    given_law = laws(about, {"x": {"values": "normal"}})["x"]
    assert given_law.quantised == item.law.quantised
    with pytest.raises(GraphRefused, match=r"takes no 0\.5"):
        laws(about, {"x": {"values": 0.5}})


def test_ids_stay_in_their_table_and_other_whole_numbers_are_asked_for(tmp_path):
    ids = read(str(files.layer(tmp_path / "ids", "ids", "free")))
    assert (ids.inputs[0].law.values, ids.inputs[0].law.below) == ("zipf", 40)
    assert to_give(ids, {}, {}) == []
    whole = read(str(files.layer(tmp_path / "whole", "whole")))
    (sentence,) = to_give(whole, {}, {})
    assert "does not say what its values mean" in sentence
    assert "--input n=" in sentence
    with pytest.raises(GraphRefused, match="input n decides the work"):
        laws(whole, {})
    assert laws(whole, {"n": {"values": 7}})["n"].values == "7"


def test_ids_are_followed_through_a_converters_choice_of_those_from_the_end(tmp_path):
    table = np.ones((30, 4), np.float32)
    tensors = [
        Tensor("ids", "int64", (1,)),
        Tensor("cast", "int32", (1,)),
        Tensor("thirty", "int32", (1,), (), np.array([30], np.int32)),
        Tensor("is_end", "bool", (1,)),
        Tensor("from_end", "int32", (1,)),
        Tensor("chosen", "int32", (1,)),
        Tensor("table", "float32", table.shape, (), table),
        Tensor("y", "float32", (1, 4)),
    ]
    operators = [
        Operator("CAST", ["ids"], ["cast"]),
        Operator("ADD", ["cast", "thirty"], ["from_end"]),
        Operator("SELECT", ["is_end", "from_end", "cast"], ["chosen"]),
        Operator("GATHER", ["table", "chosen"], ["y"], {0: 0}),
    ]
    about = read(str(files.save(tmp_path / "ids", tensors, operators, ["ids", "is_end"], "y")))
    assert (about.inputs[0].law.values, about.inputs[0].law.below) == ("zipf", 30)


def test_a_mask_is_asked_for_with_the_value_that_it_most_likely_has(tmp_path):
    tensors = [Tensor("mask", "int32", (1, 4)), Tensor("y", "float32", (1, 4))]
    path = files.save(tmp_path / "mask", tensors, [Operator("CAST", ["mask"], ["y"])], ["mask"], "y")
    assert to_give(read(str(path)), {}, {})[0].endswith("--input mask=ones")


def test_free_axes_besides_the_batch_get_sizes(tmp_path):
    tensors = [
        Tensor("x", "float32", (1, 1, 4), (0, 1)),
        Tensor("w", "float32", (2, 4), (), np.ones((2, 4), np.float32)),
        Tensor("y", "float32", (1, 1, 2), (0, 1)),
    ]
    layer = Operator("FULLY_CONNECTED", ["x", "w", ""], ["y"], {0: 0})
    path = files.save(tmp_path / "free", tensors, [layer], ["x"], "y")
    about = read(str(path))
    assert about.free == ("x.1",)
    assert "--size x.1=N" in to_give(about, {}, {})[0]
    assert shapes(about, 2, {"x.1": 128}, {}) == {"x": (2, 128, 4)}
    assert facts_apart(str(path))["macs"] is None, "nobody knows how long it is"


def convolutions(tmp_path):
    half = np.ones((8, 3, 3, 4), np.float16)
    tensors = [
        Tensor("x", "float32", (2, 8, 8, 4)),
        Tensor("half", "float16", half.shape, (), half),
        Tensor("w", "float32", half.shape),
        Tensor("b", "float32", (8,), (), np.ones(8, np.float32)),
        Tensor("c", "float32", (2, 8, 8, 8)),
        Tensor("d", "float32", (1, 3, 3, 8), (), np.ones((1, 3, 3, 8), np.float32)),
        Tensor("y", "float32", (2, 8, 8, 8)),
    ]
    operators = [
        Operator("DEQUANTIZE", ["half"], ["w"]),
        Operator("CONV_2D", ["x", "w", "b"], ["c"]),
        Operator("DEPTHWISE_CONV_2D", ["c", "d", "b"], ["y"]),
    ]
    return files.save(tmp_path / "convolutions", tensors, operators, ["x"], "y")


def test_work_weights_and_precision_are_counted_by_operators(tmp_path):
    facts = facts_apart(str(convolutions(tmp_path)))
    assert facts["parameters"] == 8 * 3 * 3 * 4 + 8 + 3 * 3 * 8
    assert facts["macs"] == 8 * 8 * 8 * (3 * 3 * 4) + 8 * 8 * 8 * (3 * 3), "of one of two items"
    about = from_json(facts["graph"])
    assert about.precision == "fp32", "halves are widened before they are used"
    assert facts["weights_precision"] == "mixed"
    assert facts_apart(str(files.layer(tmp_path / "int8", "int8")))["weights_precision"] == "int8"


def test_work_of_an_own_operator_is_unknown_and_not_none_at_all(tmp_path):
    tensors = [Tensor("x", "float32", (1, 4)), Tensor("y", "float32", (1, 4))]
    path = files.save(tmp_path / "own", tensors, [Operator("CUSTOM", "x", "y")], ["x"], "y")
    facts = facts_apart(str(path))
    assert facts["macs"] is None
    assert facts["graph"]["operators"] == {"Own": 1}


def test_the_description_survives_json(tmp_path):
    about = read(str(files.layer(tmp_path / "int8", "int8")))
    assert from_json(as_json(about)) == about


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return files.layer(tmp_path_factory.mktemp("whole") / "whole", "int8", "free")


@given(data=st.data())
def test_a_damaged_file_is_described_or_refused_and_nothing_else(tmp_path_factory, whole, data):
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        # The tables are at both ends; between them are weights.
        at = data.draw(st.integers(8, 1200) | st.integers(len(content) - 1200, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(8, len(content)))
    path = tmp_path_factory.mktemp("damaged") / "damaged.tflite"
    path.write_bytes(bytes(content[:cut]))
    with contextlib.suppress(GraphRefused):
        assert read(str(path)).format == "tflite"


def test_a_cut_file_is_refused_apart_too(tmp_path):
    path = tmp_path / "cut.tflite"
    path.write_bytes(files.layer(tmp_path / "whole").read_bytes()[:300])
    for reader in (read, facts_apart):
        with pytest.raises(GraphRefused, match=r"cut\.tflite"):
            reader(str(path))
