"""What an ONNX file says about itself: parameters, MACs, precision and batch axis, never guessed."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models import onnxfile
from paretofleet_collector.models.onnxfile import reading

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
# The papers' own (Caffe) networks; AlexNet's convolutions have two groups there.
KNOWN = {
    "light_bvlc_alexnet": (60_965_224, 654_560_384),
    "light_squeezenet": (1_235_496, 349_151_936),
    "light_vgg19": (143_667_240, 19_632_062_464),
    "light_resnet50": (25_557_032, 4_089_184_256),
}
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'


def read(path: Path) -> onnxfile.OnnxFacts:
    return reading.read(path, path.name)


def floats(name: str, *shape: int, kind: int = TensorProto.FLOAT) -> TensorProto:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    return onnx.numpy_helper.from_array(np.ones(shape, dtype), name)


def model(nodes, inputs, outputs, initializers=(), domains=()):
    """A model at opset 17; inputs and outputs are {name: shape}, float."""
    values = [[helper.make_tensor_value_info(n, 1, s) for n, s in v.items()] for v in (inputs, outputs)]
    graph = helper.make_graph(nodes, "g", *values, list(initializers))
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("path", sorted(LIGHT.glob("light_*.onnx")), ids=lambda p: p.stem)
def test_the_models_that_onnx_ships_are_read(path):
    facts = onnxfile.inspect(path)
    assert (facts.fixed_batch_size, facts.opset, facts.ir_version) == (1, 9, 3)
    assert facts.weights_precision == "fp32"
    assert facts.size_bytes == path.stat().st_size
    assert [i.shape for i in facts.inputs] == [(1, 3, 224, 224)]
    assert 1e6 < facts.parameters < 2e8
    assert 1e8 < facts.macs < 2e10
    if path.stem in KNOWN:
        assert (facts.parameters, facts.macs) == KNOWN[path.stem]


def convolution(**attributes):
    return helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1], **attributes)


def test_a_convolution_counts_outputs_times_kernel(save):
    net = model(
        [convolution(strides=[2, 2])],
        {"x": ["N", 3, 8, 8]},
        {"y": ["N", 5, 4, 4]},
        [floats("w", 5, 3, 3, 3), floats("b", 5)],
    )
    facts = read(save(net))
    assert facts.macs == 5 * 4 * 4 * 3 * 3 * 3
    assert facts.parameters == 5 * 3 * 3 * 3 + 5
    assert facts.fixed_batch_size is None
    assert facts.inputs == (onnxfile.OnnxInput("x", "float", (None, 3, 8, 8)),)


def test_groups_divide_the_kernel(save):
    net = model(
        [convolution(group=6)],
        {"x": ["N", 6, 8, 8]},
        {"y": ["N", 6, 8, 8]},
        [floats("w", 6, 1, 3, 3), floats("b", 6)],
    )
    assert read(save(net)).macs == 6 * 8 * 8 * 3 * 3


def test_a_transposed_convolution_counts_inputs_times_kernel(save):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    net = model([node], {"x": ["N", 4, 5, 5]}, {"y": ["N", 7, 11, 11]}, [floats("w", 4, 7, 3, 3)])
    assert read(save(net)).macs == 4 * 5 * 5 * 7 * 3 * 3


def test_matrix_products_count_the_inner_axis(save):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Flatten", ["h"], ["flat"]),
        helper.make_node("Gemm", ["flat", "v"], ["y"], transB=1),
    ]
    net = model(nodes, {"x": ["N", 6, 4]}, {"y": ["N", 9]}, [floats("w", 4, 7), floats("v", 9, 42)])
    facts = read(save(net))
    assert facts.macs == 6 * 7 * 4 + 9 * 42
    assert facts.fixed_batch_size is None


def test_a_transposed_left_factor_has_its_inner_axis_first(save):
    node = helper.make_node("Gemm", ["v", "x"], ["y"], transA=1)
    facts = read(save(model([node], {"x": [5, 3]}, {"y": [5, 3]}, [floats("v", 5, 5)])))
    assert facts.macs == 5 * 3 * 5 / 5


def test_a_fixed_batch_is_named_and_counted_per_item(save):
    net = model(
        [convolution()],
        {"x": [4, 3, 8, 8]},
        {"y": [4, 5, 8, 8]},
        [floats("w", 5, 3, 3, 3), floats("b", 5)],
    )
    facts = read(save(net))
    assert facts.fixed_batch_size == 4
    assert facts.macs == 5 * 8 * 8 * 3 * 3 * 3


def test_a_hard_coded_reshape_fixes_the_batch_at_1(save):
    shape = onnx.numpy_helper.from_array(np.array([1, 12]), "shape")
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["y"]),
    ]
    net = model(nodes, {"x": ["N", 3, 4]}, {"y": ["N", 2]}, [shape, floats("w", 12, 2)])
    facts = read(save(net))
    assert (facts.fixed_batch_size, facts.macs, facts.parameters) == (1, 24, 24)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("g (float x) => (float y) { y = Relu(x) }", 1),
        ("g (float[3,8] x) => (float[8,3] y) { y = Transpose(x) }", 3),
        ("g (float[N,8] x) => (float y) { y = ReduceSum <keepdims = 0> (x) }", 1),
        ("g (float[N,8] x, float[1,8] b) => (float[N,8] y) { y = Add(x, b) }", None),
        ("g (float[N,8] x, float s) => (float[N,8] y) { y = Mul(x, s) }", None),
        ("g (float[seq_len,1,8] x) => (float[seq_len,1,8] y) { y = Relu(x) }", 1),
        ("g (float[N,8,4] x) => (float[8,N,4] y) { y = Transpose <perm = [1, 0, 2]> (x) }", None),
        ("g (float[N,8] x, float[2,N,0] past) => (float[N,8] y) { y = Relu(x) }", None),
    ],
)
def test_what_devices_can_run_is_read(text, fixed, save):
    assert read(save(HEAD + text)).fixed_batch_size == fixed


def test_a_size_below_zero_is_any_size(save):
    """So Paddle wrote its batch axes, and ONNX Runtime reads them."""
    net = model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": [-1, 8]},
        {"y": [-1, 4]},
        [floats("w", 8, 4)],
    )
    facts = read(save(net))
    assert facts.inputs[0].shape == (None, 8)
    assert facts.fixed_batch_size is None
    assert facts.macs == 8 * 4


def test_macs_are_those_of_the_sizes_that_were_given(save):
    net = model(
        [helper.make_node("MatMul", ["x", "m"], ["y"])],
        {"x": ["N", "L", 4]},
        {"y": ["N", "L", 4]},
        [floats("m", 4, 4)],
    )
    path = save(net)
    assert reading.read(path, "net", {"L": 10}).macs == 10 * 4 * 4
    assert reading.read(path, "net", {}, {"x": {"shape": ["batch", 5, 4]}}).macs == 5 * 4 * 4
    assert reading.read(path, "net").graph["free"] == ["L"] or reading.read(path, "net").graph["free"] == (
        "L",
    )


def test_sizes_that_the_graph_cannot_take_are_refused(save):
    net = model(
        [helper.make_node("Add", ["x", "m"], ["y"])], {"x": ["N", "L"]}, {"y": ["N", "L"]}, [floats("m", 3)]
    )
    path = save(net)
    assert reading.read(path, "net", {"L": 3}).fixed_batch_size is None
    with pytest.raises(
        ModelRefused, match="net: it breaks at batch size 1, L 4 by its own shapes: give other"
    ):
        reading.read(path, "net", {"L": 4})


def test_what_a_runtime_loads_is_no_invalid_model(save):
    """Its output is declared with another size than follows: the strictest check refuses that."""
    pytest.importorskip("onnxruntime")
    net = model([helper.make_node("Relu", ["x"], ["y"])], {"x": ["N", 8]}, {"y": ["N", 9]})
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.checker.check_model(net, full_check=True)
    assert read(save(net)).fixed_batch_size is None


def test_a_file_that_the_runtime_is_asked_about_leaves_nothing_in_the_home(save, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    empty = tmp_path / "home"
    empty.mkdir()
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "ORT_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(empty))
    net = model([helper.make_node("Relu", ["x"], ["y"])], {"x": ["N", 8]}, {"y": ["N", 9]})
    assert onnxfile.inspect(save(net)).fixed_batch_size is None
    assert list(empty.rglob("*")) == []


@pytest.mark.parametrize("kind", ["lstm", "einsum", "foreign", "branch", "open axes"])
def test_what_the_graph_does_not_tell_is_absent(kind, save):
    weights = [floats("w", 1, 8, 4), floats("r", 1, 8, 2), floats("m", 4, 4)]
    inputs, outputs = {"x": ["N", 3, 4]}, {"y": ["N", 3, 4]}
    domains = []
    if kind == "lstm":
        nodes = [helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2)]
        outputs = {"y": ["N", 1, 3, 2]}
    elif kind == "einsum":
        nodes = [helper.make_node("Einsum", ["x", "m"], ["y"], equation="nij,jk->nik")]
    elif kind == "foreign":
        nodes, domains = (
            [helper.make_node("FusedConv", ["x", "m"], ["y"], domain="com.microsoft")],
            ["com.microsoft"],
        )
    elif kind == "branch":
        inner = helper.make_graph(
            [helper.make_node("MatMul", ["x", "m"], ["z"])],
            "then",
            [],
            [helper.make_tensor_value_info("z", 1, None)],
        )
        yes = onnx.numpy_helper.from_array(np.array(True), "yes")
        weights.append(yes)
        nodes = [helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)]
    else:
        inputs, outputs = {"x": ["N", "L", 4]}, {"y": ["N", "L", 4]}
        nodes = [helper.make_node("MatMul", ["x", "m"], ["y"])]
    facts = read(save(model(nodes, inputs, outputs, weights, domains)))
    assert facts.macs is None
    assert facts.parameters > 0


def test_an_elementwise_network_has_no_macs_and_no_parameters(save):
    facts = read(save(HEAD + "g (float[N,3] x) => (float[N,3] y) { y = Relu(x) }"))
    assert (facts.macs, facts.parameters, facts.weights_precision) == (0, 0, "fp32")


def test_running_statistics_bounds_and_shapes_are_no_parameters(save):
    nodes = [
        helper.make_node("BatchNormalization", ["x", "scale", "shift", "mean", "var"], ["n"]),
        helper.make_node("Clip", ["n", "low", "high"], ["c"]),
        helper.make_node("Mul", ["c", "half"], ["y"]),
    ]
    constants = [floats(n, 3) for n in ("scale", "shift", "mean", "var")]
    constants += [
        onnx.numpy_helper.from_array(np.float32(v), n) for n, v in (("low", 0), ("high", 6), ("half", 0.5))
    ]
    facts = read(save(model(nodes, {"x": ["N", 3, 2, 2]}, {"y": ["N", 3, 2, 2]}, constants)))
    assert facts.parameters == 6


def test_a_shared_weight_counts_once(save):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "w"], ["y"]),
    ]
    facts = read(save(model(nodes, {"x": ["N", 4]}, {"y": ["N", 4]}, [floats("w", 4, 4)])))
    assert (facts.parameters, facts.macs) == (16, 32)


def quantised(kind: str) -> onnx.ModelProto:
    """One 3 x 3 convolution in int8, as ONNX Runtime's quantiser writes it in its two formats."""
    scale = onnx.numpy_helper.from_array(np.float32(0.1), "s")
    zero = onnx.numpy_helper.from_array(np.int8(0), "z")
    weight = floats("w", 5, 3, 3, 3, kind=TensorProto.INT8)
    bias = floats("b", 5, kind=TensorProto.INT32)
    if kind == "QDQ":
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
            helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
            helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
            helper.make_node("DequantizeLinear", ["b", "s"], ["bd"]),
            helper.make_node("Conv", ["xd", "wd", "bd"], ["y"], pads=[1, 1, 1, 1]),
        ]
    else:
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
            helper.make_node(
                "QLinearConv", ["xq", "s", "z", "w", "s", "z", "s", "z", "b"], ["yq"], pads=[1, 1, 1, 1]
            ),
            helper.make_node("DequantizeLinear", ["yq", "s", "z"], ["y"]),
        ]
    return model(nodes, {"x": ["N", 3, 8, 8]}, {"y": ["N", 5, 8, 8]}, [scale, zero, weight, bias])


@pytest.mark.parametrize("kind", ["QDQ", "QOperator"])
def test_quantising_changes_neither_parameters_nor_macs(kind, save):
    facts = read(save(quantised(kind)))
    assert facts.parameters == 5 * 3 * 3 * 3 + 5
    assert facts.macs == 5 * 8 * 8 * 3 * 3 * 3


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ((TensorProto.FLOAT16,), "fp16"),
        ((TensorProto.DOUBLE,), "fp64"),
        ((TensorProto.FLOAT16, TensorProto.FLOAT), "mixed"),
        ((TensorProto.FLOAT,), "fp32"),
    ],
)
def test_precision_is_what_holds_the_bytes(kinds, word, save):
    nodes, constants, name = [], [], "x"
    for i, kind in enumerate(kinds):
        constants.append(floats(f"w{i}", 8, 8, kind=kind))
        nodes += [
            helper.make_node("Cast", [name], [f"c{i}"], to=kind),
            helper.make_node("MatMul", [f"c{i}", f"w{i}"], [f"m{i}"]),
        ]
        name = f"m{i}"
    nodes.append(helper.make_node("Cast", [name], ["y"], to=TensorProto.FLOAT))
    assert read(save(model(nodes, {"x": ["N", 8]}, {"y": ["N", 8]}, constants))).weights_precision == word


def test_large_int8_weights_make_an_int8_model(save):
    net = quantised("QDQ")
    net.graph.initializer[2].CopyFrom(floats("w", 64, 3, 3, 3, kind=TensorProto.INT8))
    del net.graph.initializer[3:], net.graph.node[3:]
    net.graph.node.append(helper.make_node("Conv", ["xd", "wd"], ["y"], pads=[1, 1, 1, 1]))
    net.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", 1, ["N", 64, 8, 8]))
    assert read(save(net)).weights_precision == "int8"


def test_weights_in_constant_nodes_count(save):
    nodes = [
        helper.make_node("Constant", [], ["w"], value=floats("", 4, 5)),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    facts = read(save(model(nodes, {"x": ["N", 4]}, {"y": ["N", 5]})))
    assert (facts.parameters, facts.macs) == (20, 20)


def test_local_functions_are_looked_into(save):
    text = """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    g (float[N,4] x, float[N,4] z) => (float[N,N] y) { y = local.product(x, z) }
    <domain: "local", opset_import: ["" : 17]>
    product (a, b) => (c) { t = Transpose(b)
    c = MatMul(a, t) }"""
    facts = read(save(text))
    assert facts.macs == 4


def test_nodes_in_disorder_are_read_as_onnx_runtime_reads_them(save):
    text = HEAD + "g (float[N,4] x, float[N,4] z) => (float[N,N] y) { t = Transpose(z)\ny = MatMul(x, t) }"
    net = onnx.parser.parse_model(text)
    net.graph.node.reverse()
    assert read(save(net)).macs == 4


def test_a_machine_that_is_too_busy_to_read_is_not_the_model_s_fault(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"")
    monkeypatch.setattr(onnxfile, "_WALL_SECONDS", 0.001)
    with pytest.raises(ModelRefused, match="not for its own sake: the disk or the machine is too busy"):
        onnxfile.inspect(path)
