"""What rounding does to outputs is no mistake, and a mistake is none of rounding.

Each network is computed by ONNX Runtime with all optimisations, as a runtime under test would, and by one
that does something wrong with it.
"""

from __future__ import annotations

import sys

import pytest
from paretofleet_agent.runner import reference, rounding
from paretofleet_agent.runner.failure import RunFailed

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
np = pytest.importorskip("numpy")

FLOAT = onnx.TensorProto.FLOAT
RANDOM = np.random.RandomState(0)


def weight(*shape):
    return (RANDOM.standard_normal(shape) / np.sqrt(shape[0])).astype("float32")


#: Nodes (operator, inputs, outputs, attributes) and constants of networks x [N, 64] -> y and z [N, 8].
DENSE = [("MatMul", "x w1", "a"), ("Relu", "a", "b"), ("MatMul", "b w2", "y"), ("MatMul", "b w3", "z")]
WEIGHTS = {"w1": weight(64, 256), "w2": weight(256, 8), "w3": weight(256, 8)}
NETWORKS = {
    "well conditioned": (DENSE, WEIGHTS),
    # Logits of -10: a sigmoid's own error is a share of 1, and the outputs are a 20,000th of it.
    "sigmoids near zero": (
        [*DENSE[:2], ("MatMul", "b w2", "c"), ("Sub", "c far", "d"), ("Sigmoid", "d", "y"), DENSE[3]],
        {**WEIGHTS, "far": np.float32(10)},
    ),
    # Nearly constant activations: their normalisation magnifies rounding ten thousand times.
    "normalised constants": (
        [
            *DENSE[:2],
            ("Mul", "b small", "c"),
            ("Add", "c one", "d"),
            ("LayerNormalization", "d scale", "e", {"axis": -1}),
            ("MatMul", "e w2", "y"),
            ("MatMul", "e w3", "z"),
        ],
        {
            **WEIGHTS,
            "small": np.float32(1e-4),
            "one": np.float32(1),
            "scale": np.ones(256, "float32"),
        },
    ),
}


def save(path, nodes, constants, shape=("N", 64), outputs=("y", "z")):
    helper = onnx.helper
    made = [
        helper.make_node(name, taken.split(), given.split(), **(rest[0] if rest else {}))
        for name, taken, given, *rest in nodes
    ]
    graph = helper.make_graph(
        made,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    return path


def feeds(batch_size=8):
    return [
        {"x": np.random.RandomState(seed).standard_normal((batch_size, 64)).astype("float32")}
        for seed in (1, 2)
    ]


def computed(path, feed):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip(("y", "z"), session.run(None, feed)))


def check(path, given, outputs, precision="fp32", graph=None):
    request = {"reference_python": sys.executable, "artifact": str(path), "seed": 7, "graph": graph}
    return reference.check(request, map(reference.Draw, given, outputs), precision)


def skip_where_the_reference_is_inexact(tmp_path, network):
    """ONNX Runtime 1.19 takes a variance as a difference of squares: 2 % off where activations are alike."""
    if network != "normalised constants":
        return
    node = ("LayerNormalization", "x scale", "y", {"axis": -1})
    path = save(tmp_path / "norm.onnx", [node], {"scale": np.ones(64, "float32")}, outputs=("y",))
    nearly = 1 + feeds()[0]["x"] * np.float32(1e-4)
    exact = nearly.astype("float64")
    exact = (exact - exact.mean(-1, keepdims=True)) / np.sqrt(exact.var(-1, keepdims=True) + 1e-5)
    error = np.linalg.norm(computed(path, {"x": nearly})["y"] - exact) / np.linalg.norm(exact)
    if error > 1e-3:
        pytest.skip(f"ONNX Runtime {ort.__version__} is itself {error:.1%} off in LayerNormalization")


def five_percent(outputs):
    return {name: value * 1.05 for name, value in outputs.items()}


def swapped(outputs):
    return {"y": outputs["z"], "z": outputs["y"]}


def one_item(outputs):
    made = {name: value.copy() for name, value in outputs.items()}
    made["y"][5] = made["y"][4]
    return made


def constant(outputs):
    return {name: np.broadcast_to(value.mean(axis=0), value.shape).copy() for name, value in outputs.items()}


def first_item_for_all(outputs):
    return {name: np.broadcast_to(value[:1], value.shape).copy() for name, value in outputs.items()}


def zeros(outputs):
    return {name: np.zeros_like(value) for name, value in outputs.items()}


def one_value_not_finite(outputs):
    made = {name: value.copy() for name, value in outputs.items()}
    made["z"][3, 3] = np.nan
    return made


MISTAKES = [five_percent, swapped, one_item, constant, first_item_for_all, zeros, one_value_not_finite]


@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_sound_runtime_agrees_however_the_network_magnifies_rounding(tmp_path, network):
    skip_where_the_reference_is_inexact(tmp_path, network)
    path = save(tmp_path / "m.onnx", *NETWORKS[network])
    given = feeds()
    noisy = []
    for outputs in (computed(path, feed) for feed in given):
        # As another honest runtime: off by a few roundings of what went into the last operator.
        scale = {"sigmoids near zero": 2.0**-24, "normalised constants": 2e-4}.get(network, 1e-6)
        noise = np.random.RandomState(3).standard_normal(outputs["y"].shape).astype("float32") * scale
        noisy.append(dict(outputs, y=(outputs["y"] + noise).astype("float32")))
    told = check(path, given, noisy)
    assert "not_checked" not in told, told
    assert told["relative_error"] <= told["tolerance"] <= 0.1


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("network", list(NETWORKS))
def test_a_runtime_that_computes_something_else_is_wrong(tmp_path, network, mistake):
    skip_where_the_reference_is_inexact(tmp_path, network)
    path = save(tmp_path / "m.onnx", *NETWORKS[network])
    given = feeds()
    with pytest.raises(RunFailed) as told:
        check(path, given, [mistake(computed(path, feed)) for feed in given])
    assert told.value.reason == "wrong_output"


@pytest.mark.parametrize("mistake", [swapped, zeros, one_item, one_value_not_finite])
def test_what_int8_may_be_off_hides_no_other_outputs(tmp_path, mistake):
    path = save(tmp_path / "m.onnx", *NETWORKS["well conditioned"])
    given = feeds()
    with pytest.raises(RunFailed):
        check(path, given, [mistake(computed(path, feed)) for feed in given], "int8")


def test_where_rounding_alone_may_do_it_nothing_is_claimed(tmp_path):
    """A difference of nearly equal numbers: it holds nothing but rounding."""
    nodes = [("MatMul", "x w1", "a"), ("MatMul", "x w4", "b"), ("Sub", "a b", "y")]
    constants = {"w1": WEIGHTS["w1"], "w4": (WEIGHTS["w1"] * np.float32(1 + 1e-7)).astype("float32")}
    path = save(tmp_path / "m.onnx", nodes, constants, outputs=("y",))
    given = feeds()
    outputs = [{"y": computed(path, feed)["y"] * 1.5} for feed in given]
    told = check(path, given, outputs)
    assert "rounding alone may move it by" in told["not_checked"]
    assert reference.flags(told) == ["reference_not_checked"]


def test_items_that_change_one_another_are_all_computed(tmp_path):
    """The batch's own mean is taken off, and another axis is as long as the batch makes it."""
    nodes = [("ReduceMean", "x", "m", {"axes": [0], "keepdims": 1}), ("Sub", "x m", "y")]
    path = save(tmp_path / "m.onnx", nodes, {}, outputs=("y",))
    (feed, _) = feeds(64)
    told = check(path, [feed], [computed(path, feed)])
    assert (told["items"], told["relative_error"]) == (64, 0)
    wrong = computed(path, feed)["y"]
    wrong[40] = wrong[41]
    with pytest.raises(RunFailed):
        check(path, [feed], [{"y": wrong}])


def test_a_batch_on_another_axis_is_compared_item_by_item(tmp_path):
    path = save(tmp_path / "m.onnx", [("Relu", "x", "y")], {}, shape=(64, "N"), outputs=("y",))
    feed = {"x": np.random.RandomState(1).standard_normal((64, 40)).astype("float32")}
    inputs = [{"name": "x", "axes": [64, "batch"]}]
    for graph in ({"batch": "batch", "inputs": inputs}, {"batch": None, "inputs": []}, None):
        outputs = computed(path, feed)
        told = check(path, [feed], [outputs], graph=graph)
        assert told["relative_error"] == 0
        outputs["y"][:, 33] = outputs["y"][:, 32]
        with pytest.raises(RunFailed):
            check(path, [feed], [outputs], graph=graph)


def test_a_rewritten_file_computes_the_same_but_for_rounding(tmp_path):
    path = save(tmp_path / "m.onnx", *NETWORKS["well conditioned"])
    model, feed = path.read_bytes(), feeds()[0]
    names = rounding.results(model)
    assert names == ["a", "y", "z"]
    session = ort.InferenceSession(rounding.with_outputs(model, names), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == ["y", "z", "a"]
    rounded = rounding.rounded(model, {"a": 2, "y": 2, "z": 2}, 2.0**-23)
    session = ort.InferenceSession(rounded, providers=["CPUExecutionProvider"])
    first, second = session.run(None, feed)[0], session.run(None, feed)[0]
    exact = computed(path, feed)["y"]
    for each in (first, second):
        assert 1e-8 < np.linalg.norm(each - exact) / np.linalg.norm(exact) < 1e-5
    assert not np.array_equal(first, second)
