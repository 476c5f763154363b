"""What the values of an input mean follows from the operators that take them, whatever lies between."""

from __future__ import annotations

import numpy as np
import paretofleet_graph
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_files import BOOL, FLOAT, INT64, graph, node, save, weights
from paretofleet_graph import GraphRefused, Law, facts, laws, operators, read

TABLE = weights(1000, 8)
IDS = {"ids": (INT64, ["N", 16])}
OUT = {"y": (FLOAT, None)}


def described(tmp_path, nodes, inputs, constants=None, **more):
    made = graph(nodes, inputs, {"y": (FLOAT, ["N", None])}, constants)
    return read(str(save(tmp_path / "m.onnx", made, **more)))


def law(description, name="ids"):
    return next(each.law for each in description.inputs if each.name == name)


def decides(description, name):
    return next(each.decides for each in description.inputs if each.name == name)


#: How ids reach the table: nodes from `ids` to `at`, constants, and how far they may go.
WAYS = {
    "as they are": ([], {}, 1000),
    "through Cast": ([node("Cast", ["ids"], ["at"], to=TensorProto.INT32)], {}, 1000),
    "flattened": ([node("Reshape", ["ids", "flat"], ["at"])], {"flat": np.array([-1])}, 1000),
    "clipped": ([node("Clip", ["ids", "low"], ["at"])], {"low": np.int64(0)}, 1000),
    "shifted up": ([node("Add", ["ids", "two"], ["at"])], {"two": np.int64(2)}, 998),
    "shifted down": ([node("Sub", ["ids", "two"], ["at"])], {"two": np.int64(2)}, 1002),
    "field by field": (
        [node("Add", ["ids", "offsets"], ["at"])],
        {"offsets": np.arange(16, dtype=np.int64) * 60},
        100,
    ),
    "transposed and joined": (
        [
            node("Transpose", ["ids"], ["t"], perm=[1, 0]),
            node("Concat", ["t", "more"], ["at"], axis=0),
        ],
        {"more": np.zeros((1, 1), np.int64)},
        1000,
    ),
    "unsqueezed, expanded": (
        [
            node("Unsqueeze", ["ids", "axis"], ["u"]),
            node("Expand", ["u", "shape"], ["at"]),
        ],
        {"axis": np.array([1]), "shape": np.array([1, 3, 1])},
        1000,
    ),
    "counted from the end below zero": (
        [
            node("GreaterOrEqual", ["ids", "zero"], ["plain"]),
            node("Add", ["ids", "rows"], ["from_end"]),
            node("Where", ["plain", "ids", "from_end"], ["at"]),
        ],
        {"zero": np.int64(0), "rows": np.int64(1000)},
        1000,
    ),
    "counted from the end below zero, as a sum": (
        [
            node("Less", ["ids", "zero"], ["is_below"]),
            node("Not", ["is_below"], ["is_plain"]),
            node("Cast", ["is_below"], ["below"], to=TensorProto.INT64),
            node("Cast", ["is_plain"], ["plain"], to=TensorProto.INT64),
            node("Add", ["ids", "rows"], ["from_end"]),
            node("Mul", ["below", "from_end"], ["left"]),
            node("Mul", ["ids", "plain"], ["right"]),
            node("Add", ["left", "right"], ["at"]),
        ],
        {"zero": np.int64(0), "rows": np.int64(1000)},
        1000,
    ),
    "hashed": ([node("Mod", ["ids", "size"], ["at"])], {"size": np.int64(500)}, 500),
}


@pytest.mark.parametrize("way", WAYS)
def test_ids_go_as_far_as_the_table_that_they_reach(tmp_path, way):
    between, constants, below = WAYS[way]
    last = "at" if between else "ids"
    nodes = [*between, node("Gather", ["table", last], ["y"])]
    assert law(described(tmp_path, nodes, IDS, {"table": TABLE, **constants}))[:3] == ("zipf", below, True)


def test_real_numbers_that_are_cast_to_pick_rows_are_ids_too(tmp_path):
    """Keras hands ids as float32: normal ones stay in the seven rows round the first."""
    nodes = [node("Cast", ["ids"], ["at"], to=TensorProto.INT32), node("Gather", ["table", "at"], ["y"])]
    description = described(tmp_path, nodes, {"ids": (FLOAT, ["N", 16])}, {"table": TABLE})
    assert law(description)[:3] == ("zipf", 1000, True)
    assert laws(description, {"ids": {"values": "uniform"}})["ids"][:2] == ("uniform", 1000)


@pytest.mark.parametrize(
    ("op", "attributes", "table", "below"),
    [
        ("GatherND", {}, TABLE, 1000),
        ("GatherND", {"batch_dims": 1}, weights(4, 50, 8), 50),
    ],
    ids=["rows", "rows of each item"],
)
def test_only_axes_that_indices_pick_along_bound_them(tmp_path, op, attributes, table, below):
    """The last axis of the indices says how many these are; the others are as wide as they like."""
    nodes = [
        node("Unsqueeze", ["ids", "last"], ["at"]),
        node(op, ["table", "at"], ["y"], **attributes),
    ]
    inputs = {"ids": (INT64, [4, 16])}
    description = described(tmp_path, nodes, inputs, {"table": table, "last": np.array([-1])})
    assert law(description)[:2] == ("zipf", below)


#: What makes the table: nodes from the weight `w` to `table`, the weight.
TABLES = {
    "transposed": ([node("Transpose", ["w"], ["table"], perm=[1, 0])], TABLE.T.copy()),
    "cast": ([node("Cast", ["w"], ["table"], to=TensorProto.FLOAT)], TABLE.astype(np.float16)),
    "of int8": (
        [node("DequantizeLinear", ["w", "scale"], ["table"])],
        TABLE.astype(np.int8),
    ),
    "two parts": ([node("Concat", ["w", "w2"], ["table"], axis=0)], TABLE[:600]),
}


@pytest.mark.parametrize("made", TABLES)
def test_a_table_may_be_made_of_weights(tmp_path, made):
    nodes, weight = TABLES[made]
    constants = {"w": weight, "scale": np.float32(0.1), "w2": TABLE[600:]}
    description = described(tmp_path, [*nodes, node("Gather", ["table", "ids"], ["y"])], IDS, constants)
    assert law(description).below == 1000


def test_the_smallest_of_several_tables_bounds_the_ids(tmp_path):
    nodes = [
        node("Gather", ["table", "ids"], ["a"]),
        node("Gather", ["small", "ids"], ["b"]),
        node("Add", ["a", "b"], ["y"]),
    ]
    assert law(described(tmp_path, nodes, IDS, {"table": TABLE, "small": TABLE[:7]})).below == 7


def test_ids_reach_a_table_within_a_branch_a_loop_a_scan_and_a_function(tmp_path):
    look_up = node("Gather", ["table", "ids"], ["found"])
    branch = graph([look_up], {}, {"found": (FLOAT, [None, None, None])})
    other = graph([node("Identity", ["zeros"], ["z"])], {}, {"z": (FLOAT, [None, None, None])})
    constants = {"table": TABLE, "zeros": np.zeros((1, 1, 1), np.float32), "yes": np.array(True)}
    nodes = [node("If", ["yes"], ["y"], then_branch=branch, else_branch=other)]
    assert law(described(tmp_path, nodes, IDS, constants)).below == 1000

    body = graph(
        [node("Gather", ["table", "carried"], ["e"]), node("Identity", ["carried"], ["next"])],
        {"it": (INT64, []), "go": (BOOL, []), "carried": (INT64, ["N", 16])},
        {"go": (BOOL, []), "next": (INT64, ["N", 16]), "e": (FLOAT, [None, None, None])},
    )
    nodes = [node("Loop", ["three", "yes", "ids"], ["last", "y"], body=body)]
    assert law(described(tmp_path, nodes, IDS, {**constants, "three": np.int64(3)})).below == 1000

    scan = graph([node("Gather", ["table", "row"], ["e"])], {"row": (INT64, [16])}, {"e": (FLOAT, [16, 8])})
    nodes = [node("Scan", ["ids"], ["y"], body=scan, num_scan_inputs=1)]
    assert law(described(tmp_path, nodes, IDS, constants)).below == 1000

    called = helper.make_function(
        "mine", "Embed", ["t", "i"], ["e"], [node("Gather", ["t", "i"], ["e"])], [helper.make_opsetid("", 17)]
    )
    nodes = [helper.make_node("Embed", ["table", "ids"], ["y"], domain="mine")]
    description = described(tmp_path, nodes, IDS, constants, functions=[called], domains=["mine"])
    assert law(description).below == 1000


def test_nodes_in_disorder_are_followed_all_the_same(tmp_path):
    nodes = [node("Gather", ["table", "at"], ["y"]), node("Identity", ["ids"], ["at"])]
    assert law(described(tmp_path, nodes, IDS, {"table": TABLE})).below == 1000


@pytest.mark.parametrize(
    ("nodes", "constants", "below"),
    [
        ([node("OneHot", ["ids", "depth", "values"], ["y"])], {"depth": np.int64(12)}, 12),
        (
            [
                node("Unsqueeze", ["ids", "last"], ["u"]),
                node("Equal", ["u", "codes"], ["same"]),
                node("Cast", ["same"], ["y"], to=TensorProto.FLOAT),
            ],
            {"last": np.array([2]), "codes": np.arange(9)},
            9,
        ),
        ([node("OneHotEncoder", ["ids"], ["y"], domain="ai.onnx.ml", cats_int64s=[0, 1, 2, 3])], {}, 4),
    ],
    ids=["OneHot", "OneHot by hand", "OneHotEncoder"],
)
def test_category_codes_stay_within_their_table(tmp_path, nodes, constants, below):
    constants = {"values": np.array([0, 1], np.float32), **constants}
    description = described(tmp_path, nodes, IDS, constants, domains=["ai.onnx.ml"])
    assert law(description)[:3] == ("zipf", below, True)


SEQUENCE = {"x": (FLOAT, ["N", "time", 4]), "lens": (INT64, ["N"])}


def test_lengths_are_the_axis_that_they_cut(tmp_path):
    """A mask of what lies before the length, by a Range over the axis."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "one"], ["size"]),
        node("Range", ["zero", "size", "one"], ["places"]),
        node("Unsqueeze", ["lens", "last"], ["column"]),
        node("Less", ["places", "column"], ["inside"]),
        node("Cast", ["inside"], ["mask"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "two"], ["wide"]),
        node("Mul", ["x", "wide"], ["y"]),
    ]
    constants = {"zero": np.int64(0), "one": np.int64(1), "last": np.array([1]), "two": np.array([2])}
    description = described(tmp_path, nodes, SEQUENCE, constants)
    assert law(description, "lens") == Law("length", "time", True, "Less")
    assert decides(description, "lens") == ""


def test_lengths_of_a_recurrent_network_are_its_sequence(tmp_path):
    nodes = [node("GRU", ["x", "w", "r", "", "lens"], ["y"], hidden_size=4)]
    inputs = {"x": (FLOAT, ["time", "N", 4]), "lens": ("INT32", ["N"])}
    description = described(tmp_path, nodes, inputs, {"w": weights(1, 12, 4), "r": weights(1, 12, 4)})
    assert law(description, "lens")[:3] == ("length", "time", True)
    assert description.batch == "N"


MASKS = {
    "cast to truth": [
        node("Cast", ["mask"], ["b"], to=TensorProto.BOOL),
        node("Where", ["b", "x", "ninf"], ["y"]),
    ],
    "one less it": [
        node("Cast", ["mask"], ["f"], to=TensorProto.FLOAT),
        node("Sub", ["one", "f"], ["inverse"]),
        node("Mul", ["inverse", "large"], ["bias"]),
        node("Add", ["x", "bias"], ["y"]),
    ],
    "times what it masks": [
        node("Cast", ["mask"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["x", "f"], ["y"]),
    ],
}
FLOATS = {"ninf": np.float32(-np.inf), "one": np.float32(1), "large": np.float32(-1e4)}


@pytest.mark.parametrize("way", MASKS)
@pytest.mark.parametrize("kind", [INT64, "INT32", BOOL])
def test_masks_are_ones(tmp_path, way, kind):
    inputs = {"x": (FLOAT, ["N", 16]), "mask": (kind, ["N", 16])}
    if kind == BOOL and way == "cast to truth":
        description = described(tmp_path, [node("Where", ["mask", "x", "ninf"], ["y"])], inputs, FLOATS)
    else:
        description = described(tmp_path, MASKS[way], inputs, FLOATS)
    assert law(description, "mask").values == "ones"
    assert decides(description, "mask") == ""


def test_a_real_mask_that_is_added_before_a_softmax_is_zeros(tmp_path):
    nodes = [node("Add", ["x", "bias"], ["s"]), node("Softmax", ["s"], ["y"])]
    inputs = {"x": (FLOAT, ["N", 16]), "bias": (FLOAT, ["N", 16])}
    description = described(tmp_path, nodes, inputs)
    assert law(description, "x").values == "zeros" or law(description, "bias").values == "zeros"


BODY = graph(
    [node("Identity", ["go"], ["on"]), node("Add", ["v", "v"], ["w"])],
    {"it": (INT64, []), "go": (BOOL, []), "v": (FLOAT, ["N", 16])},
    {"on": (BOOL, []), "w": (FLOAT, ["N", 16])},
)
THEN = graph([node("Identity", ["x"], ["a"])], {}, {"a": (FLOAT, ["N", 16])})
ELSE = graph([node("Neg", ["x"], ["b"])], {}, {"b": (FLOAT, ["N", 16])})
NUMBERS = {"yes": np.array(True), "zero": np.array([0]), "one": np.array([1]), "n": np.int64(1)}
#: Operator -> the type and axes of the input `v`, the nodes by which its value decides the work.
DECIDERS = {
    "Loop": (INT64, [], [node("Loop", ["v", "yes", "x"], ["y"], body=BODY)]),
    "Loop by the largest of several": (
        INT64,
        ["N"],
        [node("ReduceMax", ["v"], ["m"], keepdims=0), node("Loop", ["m", "yes", "x"], ["y"], body=BODY)],
    ),
    "If": (BOOL, [], [node("If", ["v"], ["y"], then_branch=THEN, else_branch=ELSE)]),
    "If by a comparison": (
        INT64,
        [],
        [
            node("Greater", ["v", "n"], ["more"]),
            node("If", ["more"], ["y"], then_branch=THEN, else_branch=ELSE),
        ],
    ),
    "Range": (INT64, [], [node("Range", ["n", "v", "n"], ["y"])]),
    "Slice": (INT64, [1], [node("Slice", ["x", "zero", "v", "one"], ["y"])]),
    "Reshape": (INT64, [2], [node("Reshape", ["x", "v"], ["y"])]),
    "Expand of what was joined": (
        INT64,
        [1],
        [node("Concat", ["one", "v"], ["shape"], axis=0), node("Expand", ["x", "shape"], ["y"])],
    ),
    "Tile": (INT64, [2], [node("Tile", ["x", "v"], ["y"])]),
    "TopK": (INT64, [1], [node("TopK", ["x", "v"], ["y", "places"])]),
    "Resize": (INT64, [2], [node("Resize", ["x", "", "", "v"], ["y"])]),
    "Resize by a scale": (FLOAT, [2], [node("Resize", ["x", "", "v"], ["y"])]),
    "ConstantOfShape": (INT64, [1], [node("ConstantOfShape", ["v"], ["y"])]),
    "a speed that becomes a length": (
        FLOAT,
        [1],
        [
            node("Ceil", ["v"], ["c"]),
            node("Cast", ["c"], ["k"], to=TensorProto.INT64),
            node("TopK", ["x", "k"], ["y", "places"]),
        ],
    ),
}


@pytest.mark.parametrize("how", DECIDERS)
def test_a_value_that_decides_the_work_is_asked_for_and_never_guessed(tmp_path, how):
    kind, axes, nodes = DECIDERS[how]
    inputs = {"x": (FLOAT, ["N", 16]), "v": (kind, axes)}
    description = described(tmp_path, nodes, inputs, NUMBERS)
    assert decides(description, "v")
    with pytest.raises(GraphRefused, match=r"input v decides the work .*--input v="):
        paretofleet_graph.laws(description, {})
    assert paretofleet_graph.laws(description, {"v": {"values": 1}})["v"].values in ("1", "1.0")
    assert any("--input v=" in each for each in paretofleet_graph.to_give(description, {}, {}))
    assert not paretofleet_graph.to_give(description, {}, {"v": {"values": 1}})


def test_shapes_of_inputs_decide_nothing(tmp_path):
    """Sizes that follow from the shape of the ids are no values of the ids."""
    nodes = [
        node("Shape", ["ids"], ["s"]),
        node("ConstantOfShape", ["s"], ["zeros"]),
        node("Identity", ["zeros"], ["e"]),
        node("Gather", ["table", "ids"], ["g"]),
        node("ReduceMax", ["g"], ["y"], keepdims=0),
    ]
    assert decides(described(tmp_path, nodes, IDS, {"table": TABLE}), "ids") == ""


def test_what_a_network_computes_from_ids_is_its_own_content(tmp_path):
    """Durations that a network predicts set sizes, too; that is its work, and nobody's value."""
    nodes = [
        node("Gather", ["table", "ids"], ["e"]),
        node("ReduceMax", ["e"], ["m"], keepdims=0),
        node("Cast", ["m"], ["k"], to=TensorProto.INT64),
        node("Range", ["n0", "k", "n"], ["y"]),
    ]
    assert (
        decides(described(tmp_path, nodes, IDS, {"table": TABLE, "n0": np.int64(0), **NUMBERS}), "ids") == ""
    )


@pytest.mark.parametrize(("op", "values"), [("Log", "uniform"), ("Sqrt", "uniform")])
def test_noise_outside_of_an_operators_domain_is_not_drawn(tmp_path, op, values):
    nodes = [node("Reshape", ["x", "flat"], ["f"]), node(op, ["f"], ["y"])]
    description = described(tmp_path, nodes, {"x": (FLOAT, ["N", 16])}, {"flat": np.array([-1])})
    assert law(description, "x").values == values


C = np.float32
#: Nodes from `x` to `y`, constants, and between which numbers (both excluded) reals are drawn.
ENDS = {
    "a power of a fraction": ([node("Pow", ["x", "c"], ["y"])], {"c": C(0.3)}, None),
    "a power below zero": ([node("Pow", ["x", "c"], ["y"])], {"c": C(-2)}, None),
    "what is left above a number": (
        [node("Sub", ["x", "c"], ["a"]), node("Log", ["a"], ["y"])],
        {"c": C(5)},
        (5, 6),
    ),
    "what is left of a number": (
        [node("Sub", ["c", "x"], ["a"]), node("Log", ["a"], ["y"])],
        {"c": C(-3)},
        (-4, -3),
    ),
    "the complement": ([node("Sub", ["c", "x"], ["a"]), node("Log", ["a"], ["y"])], {"c": C(1)}, (0, 1)),
    "both": (
        [
            node("Log", ["x"], ["a"]),
            node("Sub", ["c", "x"], ["b"]),
            node("Sqrt", ["b"], ["d"]),
            node("Add", ["a", "d"], ["y"]),
        ],
        {"c": C(0.5)},
        (0, 0.5),
    ),
    "a negative": ([node("Neg", ["x"], ["a"]), node("Sqrt", ["a"], ["y"])], {}, (-1, 0)),
    "scaled, then shifted": (
        [node("Mul", ["x", "c"], ["a"]), node("Sub", ["a", "d"], ["b"]), node("Log", ["b"], ["y"])],
        {"c": C(2), "d": C(8)},
        (4, 5),
    ),
    "the mean over an axis": (
        [node("ReduceMean", ["x"], ["a"], axes=[1]), node("Log", ["a"], ["y"])],
        {},
        None,
    ),
    "within a circle": ([node("Acos", ["x"], ["y"])], {}, (-1, 1)),
    "the inverse of a tangent": ([node("Atanh", ["x"], ["y"])], {}, (-0.999, 0.999)),
    "above one": ([node("Acosh", ["x"], ["y"])], {}, (1, 2)),
    "a shifted divisor": (
        [node("Sub", ["x", "c"], ["a"]), node("Div", ["c", "a"], ["y"])],
        {"c": C(1)},
        (1, 2),
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_reals_are_drawn_between_the_ends_of_what_operators_take(tmp_path, case):
    nodes, constants, span = ENDS[case]
    drawn = law(described(tmp_path, nodes, {"x": (FLOAT, ["N", 16])}, constants), "x")
    assert (drawn.values, drawn.sure) == ("uniform", True)
    assert drawn.span == (None if span is None else pytest.approx(span))


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Pow", ["x", "c"], ["y"])], {"c": C(2)}),
        ([node("Mul", ["x", "x"], ["a"]), node("Sqrt", ["a"], ["y"])], {}),
        ([node("Exp", ["x"], ["a"]), node("Log", ["a"], ["y"])], {}),
        ([node("MatMul", ["x", "w"], ["a"]), node("Log", ["a"], ["y"])], {"w": weights(16, 4)}),
    ],
    ids=["a square", "the root of a square", "a logarithm of a power", "what a network made"],
)
def test_operators_that_take_any_number_keep_noise(tmp_path, nodes, constants):
    assert law(described(tmp_path, nodes, {"x": (FLOAT, ["N", 16])}, constants), "x").values == "normal"


@pytest.mark.parametrize(("op", "values"), [("Log", "1"), ("Relu", "bytes")])
def test_whole_numbers_are_none_that_an_operator_does_not_take(tmp_path, op, values):
    nodes = [node("Cast", ["n"], ["f"], to=TensorProto.FLOAT), node(op, ["f"], ["y"])]
    assert law(described(tmp_path, nodes, {"n": (INT64, ["N", 16])}), "n").values == values


@pytest.mark.parametrize("op", ["Div", "Mod"])
def test_nothing_is_divided_by_a_whole_number_of_zero(tmp_path, op):
    description = described(tmp_path, [node(op, ["c", "n"], ["y"])], {"n": (INT64, [])}, {"c": np.int64(7)})
    assert law(description, "n").values == "ones"


def test_real_numbers_and_bytes_keep_their_laws(tmp_path):
    nodes = [
        node("Cast", ["image"], ["f"], to=TensorProto.FLOAT),
        node("MatMul", ["f", "w"], ["a"]),
        node("MatMul", ["x", "w"], ["b"]),
        node("Add", ["a", "b"], ["y"]),
    ]
    inputs = {"image": ("UINT8", ["N", 16]), "x": (FLOAT, ["N", 16])}
    description = described(tmp_path, nodes, inputs, {"w": weights(16, 4)})
    assert law(description, "image") == Law("bytes")
    assert law(description, "x") == Law("normal")


def test_a_law_that_nothing_supports_says_so(tmp_path):
    nodes = [node("Cast", ["v"], ["f"], to=TensorProto.FLOAT), node("MatMul", ["f", "w"], ["y"])]
    description = described(tmp_path, nodes, {"v": (INT64, ["N", 16])}, {"w": weights(16, 4)})
    assert law(description, "v").sure is False
    assert paretofleet_graph.law_json(law(description, "v"))["unsure"] is True


GIVEN = {
    "an input that there is not": ({"z": {"values": 1}}, r"no input z; it has ids"),
    "an id beyond its table": ({"ids": {"values": 1000}}, r"table of 1000 rows, and 1000 is beyond"),
    "a word that is no law": ({"ids": {"values": "gamma"}}, r"not gamma"),
    "noise for integers": ({"ids": {"values": "normal"}}, r"not drawn by normal"),
    "half an id": ({"ids": {"values": 0.5}}, r"takes no 0\.5"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_what_does_not_fit_an_input_is_refused_in_a_sentence(tmp_path, case):
    values, sentence = GIVEN[case]
    description = described(tmp_path, [node("Gather", ["table", "ids"], ["y"])], IDS, {"table": TABLE})
    with pytest.raises(GraphRefused, match=sentence):
        paretofleet_graph.laws(description, values)
    assert paretofleet_graph.laws(description, {"ids": {"values": "uniform"}})["ids"].below == 1000


def test_the_example_is_a_value_that_the_graph_knows(tmp_path):
    """A rate of 16,000 samples a second chooses the branch; 50 would be nobody's."""
    nodes = [
        node("Equal", ["sr", "rate"], ["same"]),
        node("If", ["same"], ["y"], then_branch=THEN, else_branch=ELSE),
    ]
    inputs = {"x": (FLOAT, ["N", 16]), "sr": (INT64, [])}
    description = described(tmp_path, nodes, inputs, {"rate": np.int64(16000)})
    assert any("--input sr=16000" in each for each in paretofleet_graph.to_give(description, {}, {}))


def test_an_input_that_nothing_takes_is_no_unsure_one(tmp_path):
    inputs = {"x": (FLOAT, ["N", 16]), "unused": (INT64, [])}
    description = described(tmp_path, [node("Relu", ["x"], ["y"])], inputs)
    assert law(description, "unused") == Law("ones", None, True, "nothing takes it")


@pytest.mark.parametrize("op", ["Add", "Mul", "Div"])
def test_a_constant_before_a_logarithm_changes_nothing(tmp_path, op):
    nodes = [node(op, ["x", "c"], ["a"]), node("Log", ["a"], ["y"])]
    description = described(tmp_path, nodes, {"x": (FLOAT, ["N", 16])}, {"c": np.float32(1e-6)})
    assert law(description, "x").values == "uniform"


def test_a_mask_that_becomes_a_bias_is_ones(tmp_path):
    nodes = [
        node("Cast", ["mask"], ["f"], to=TensorProto.FLOAT),
        node("Sub", ["f", "one"], ["less"]),
        node("Mul", ["less", "large"], ["bias"]),
        node("Add", ["x", "bias"], ["s"]),
        node("Softmax", ["s"], ["y"]),
    ]
    inputs = {"x": (FLOAT, ["N", 16]), "mask": (INT64, ["N", 16])}
    assert law(described(tmp_path, nodes, inputs, FLOATS), "mask")[:3] == ("ones", None, True)


def test_the_place_of_the_largest_id_bounds_no_id(tmp_path):
    """A text encoder takes the state at its last token, which has the largest id."""
    nodes = [
        node("Gather", ["table", "ids"], ["e"]),
        node("ArgMax", ["ids"], ["last"], axis=1, keepdims=0),
        node("Gather", ["e", "last"], ["y"], axis=1),
    ]
    inputs = {"ids": (INT64, ["N", "seq"])}
    assert law(described(tmp_path, nodes, inputs, {"table": TABLE})).below == 1000


def test_a_loop_that_compares_its_counter_with_an_input_asks_for_it(tmp_path):
    body = graph(
        [node("Less", ["it", "steps"], ["go_on"]), node("Add", ["v", "v"], ["w"])],
        {"it": (INT64, []), "go": (BOOL, []), "v": (FLOAT, ["N", 16])},
        {"go_on": (BOOL, []), "w": (FLOAT, ["N", 16])},
    )
    nodes = [node("Loop", ["", "yes", "x"], ["y"], body=body)]
    inputs = {"x": (FLOAT, ["N", 16]), "steps": (INT64, [])}
    assert "Loop" in decides(described(tmp_path, nodes, inputs, NUMBERS), "steps")


OPERATORS = sorted(
    {*operators.DECIDES, *operators.SAME, *operators.ARITHMETIC, *operators.LOOKS_UP, *facts.RULES}
)
NAMES = ["x", "ids", "c", "n", "", "a", "b", "d"]
ATTRIBUTES = st.one_of(
    st.integers(-3, 9),
    st.floats(-2, 2, width=32),
    st.lists(st.integers(-9, 9), min_size=1, max_size=3),
    st.sampled_from(["", "mean", b"x"]),
    st.just(numpy_helper.from_array(np.arange(3), "t")),
    st.just(THEN),
)
NODES = st.tuples(
    st.sampled_from(
        [*OPERATORS, "Cast", "Shape", "Constant", "Scan", "LSTM", "OneHotEncoder", "LabelEncoder"]
    ),
    st.lists(st.sampled_from(NAMES), max_size=5),
    st.lists(st.sampled_from(["a", "b", "d", "y"]), min_size=1, max_size=2, unique=True),
    st.dictionaries(
        st.sampled_from(
            ["axis", "axes", "perm", "to", "body", "then_branch", "keys_int64s", "value", "num_scan_inputs"]
        ),
        ATTRIBUTES,
        max_size=3,
    ),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(made=st.lists(NODES, max_size=8))
def test_a_graph_of_any_nodes_is_described(tmp_path, made):
    """However senseless: operators with inputs that they do not have, attributes of other types, circles."""
    inputs = {"x": (FLOAT, ["N", None, 3]), "ids": (INT64, ["N", "seq"])}
    nodes = [node(op, taken, given, **attributes) for op, taken, given, attributes in made]
    constants = {"c": np.arange(4), "n": np.float32(2)}
    path = save(tmp_path / "m.onnx", graph(nodes, inputs, {"y": (FLOAT, ["N", None])}, constants))
    description = read(str(path))
    assert [each.name for each in description.inputs] == ["x", "ids"]
    for each in description.inputs:
        assert each.law is not None
