"""The batch axis is found by name and use; other free axes get their sizes from whoever knows them."""

from __future__ import annotations

import paretofleet_graph
import pytest
from onnx_files import FLOAT, INT64, graph, node, save
from paretofleet_graph import GraphRefused, read, shapes, to_give


def described(tmp_path, inputs, outputs=None):
    """A file that only hands its inputs through: what counts is their axes."""
    nodes = [node("Identity", [name], [f"{name}_out"]) for name in inputs]
    declared = {f"{name}_out": about for name, about in inputs.items()} if outputs is None else outputs
    return read(str(save(tmp_path / "m.onnx", graph(nodes, inputs, declared))))


def floats(**axes):
    return {name: (FLOAT, each) for name, each in axes.items()}


FILLED = {
    "the first axis by a name": (floats(x=["N", 3]), {}, {"x": (4, 3)}),
    "the first axis without a name": (floats(x=[None, 3], y=[None, 5]), {}, {"x": (4, 3), "y": (4, 5)}),
    "names of a converter": (floats(x=["unk__1", 3], y=["unk__2"]), {}, {"x": (4, 3), "y": (4,)}),
    "the second axis by its name": (floats(x=["time", "batch", 3]), {"time": 9}, {"x": (9, 4, 3)}),
    "a state behind its layers": (
        floats(x=["N", 16], state=[2, None, 128]),
        {},
        {"x": (4, 16), "state": (2, 4, 128)},
    ),
    "a state alone": (floats(state=[2, None, 128]), {}, {"state": (2, 4, 128)}),
    "a scalar beside it": (floats(x=["N", 3], scale=[]), {}, {"x": (4, 3), "scale": ()}),
    "an empty cache": (
        floats(x=["N", 1], past=["N", 8, "past_len", 64]),
        {"past_len": 0},
        {"x": (4, 1), "past": (4, 8, 0, 64)},
    ),
    "axes tied by their name": (
        floats(a=["N", "seq"], b=["N", "seq"]),
        {"seq": 7},
        {"a": (4, 7), "b": (4, 7)},
    ),
    "a sum of axes": (
        floats(x=["N", "seq"], past=["N", "past"], mask=["N", "past + seq"]),
        {"seq": 1, "past": 5},
        {"x": (4, 1), "past": (4, 5), "mask": (4, 6)},
    ),
    "an axis by its number": (floats(x=["N", 3, None, None]), {"x.2": 32, "x.3": 64}, {"x": (4, 3, 32, 64)}),
    "the batch is said twice": (floats(x=["N", 3]), {"N": 4}, {"x": (4, 3)}),
}


@pytest.mark.parametrize("case", FILLED)
def test_shapes_follow_from_the_batch_size_and_the_sizes(tmp_path, case):
    inputs, sizes, filled = FILLED[case]
    description = described(tmp_path, inputs)
    assert shapes(description, 4, sizes, {}) == filled
    assert to_give(description, sizes, {}) == []
    missing = [key for key in sizes if key != "N"]
    assert set(missing) == set(description.free)


def test_a_file_without_a_free_batch_takes_its_own_batch_size_only(tmp_path):
    description = described(tmp_path, floats(x=[1, 3, "height", "width"]))
    assert description.fixed_batch_size == 1
    assert shapes(description, 1, {"height": 32, "width": 32}, {}) == {"x": (1, 3, 32, 32)}
    with pytest.raises(GraphRefused, match="fixed batch size 1; 4 was asked for"):
        shapes(description, 4, {"height": 32, "width": 32}, {})


def test_nodes_and_edges_of_a_graph_are_no_items(tmp_path):
    """The edges of one graph are [2, edges]: two ends, and no batch of two."""
    inputs = floats(features=["num_nodes", 8], edges=[2, "num_edges"])
    description = described(tmp_path, inputs)
    assert description.fixed_batch_size == 1
    filled = shapes(description, 1, {"num_nodes": 30, "num_edges": 60}, {})
    assert filled == {"features": (30, 8), "edges": (2, 60)}


def test_time_is_not_taken_for_the_batch(tmp_path):
    description = described(tmp_path, floats(x=["seq_len", 1, 64]))
    assert description.batch is None
    assert description.free == ("seq_len",)
    with pytest.raises(GraphRefused, match="--size seq_len=N"):
        shapes(description, 1, {}, {})


def test_two_axes_that_could_be_the_batch_are_asked_about(tmp_path):
    inputs = floats(x=["rows", 3], y=["things", 3])
    description = described(tmp_path, inputs, {"x_out": (FLOAT, [1, 3])})
    assert description.candidates == ("rows", "things")
    with pytest.raises(GraphRefused, match=r"the batch may be axis rows or things: .*--size things=16"):
        shapes(description, 4, {}, {})
    assert to_give(description, {}, {})
    assert shapes(description, 4, {"rows": 9}, {}) == {"x": (9, 3), "y": (4, 3)}
    assert to_give(description, {"rows": 9}, {}) == []


def test_of_two_axes_the_one_that_an_output_has_is_the_batch(tmp_path):
    description = described(tmp_path, floats(x=["rows", 3], y=["things", 3]), {"x_out": (FLOAT, ["rows", 3])})
    assert description.batch == "rows"
    assert description.free == ("things",)


WRONG = {
    "a size that nothing has": ({"depth": 3}, {}, "no free axis depth; it has N, seq"),
    "a size that contradicts the batch": ({"seq": 1, "N": 3}, {}, "the batch size makes axis N 4, and 3"),
    "a size below zero": ({"seq": -1}, {}, "no whole number, 0 or more"),
    "a size that is missing": (
        {},
        {},
        "axis seq is free besides the batch: give its size, as in --size seq=N",
    ),
    "a size far too large": ({"seq": 1 << 60}, {}, "too large"),
    "a shape of another rank": (
        {},
        {"x": {"values": "ones", "shape": [4]}},
        r"has the axes .*; the shape \[4\]",
    ),
    "a shape against a size": (
        {"seq": 3},
        {"x": {"shape": ["batch", 5]}},
        "makes axis seq 5, and 3 was given",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_contradicts_itself_is_refused_in_a_sentence(tmp_path, case):
    sizes, values, sentence = WRONG[case]
    description = described(tmp_path, {"x": (INT64, ["N", "seq"])})
    with pytest.raises(GraphRefused, match=sentence):
        shapes(description, 4, sizes, values)


def test_a_given_shape_is_a_size(tmp_path):
    description = described(tmp_path, {"x": (INT64, ["N", "seq"])})
    given = {"x": {"values": "ones", "shape": ["batch", 128]}}
    assert shapes(description, 4, {}, given) == {"x": (4, 128)}
    assert paretofleet_graph.to_give(description, {}, given) == []


def test_what_cannot_be_drawn_is_said_when_a_file_is_added(tmp_path):
    made = graph([node("Identity", ["s"], ["y"])], {"s": ("STRING", ["N"])}, {"y": ("STRING", ["N"])})
    about = read(str(save(tmp_path / "texts.onnx", made)))
    assert to_give(about, {}, {}) == [
        "input s is tensor(string), of which nothing can be drawn: give samples, as in --input s=samples.npz"
    ]
    assert to_give(about, {}, {"s": {"file": "x.npz"}}) == []
