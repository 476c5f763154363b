"""A stranger's file gets one sentence that names it, whatever is in it; nothing else is opened or run."""

import itertools
import os
import stat
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models import onnxfile
from paretofleet_collector.models.onnxfile import reading
from paretofleet_collector.models.zoo.write import varint

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
SMALL = HEAD + "g (float[N,3,4,4] x, float[2,3,3,3] w) => (float[N,2,2,2] y) { y = Conv(x, w) }"


def small_model() -> onnx.ModelProto:
    """One convolution with a weight in the file."""
    model = onnx.parser.parse_model(SMALL)
    del model.graph.input[1]
    weight = onnx.TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2, 3, 3, 3])
    weight.raw_data = np.ones(54, np.float32).tobytes()
    model.graph.initializer.append(weight)
    return model


def refusal(path: Path) -> str:
    """The sentence with which the file is refused, after checking that it is one and names the file."""
    with pytest.raises(ModelRefused) as refused:
        reading.read(path, "my.onnx")
    sentence = str(refused.value)
    assert "my.onnx" in sentence
    assert "\n" not in sentence
    assert sentence.isprintable()
    assert len(sentence) < 400
    return sentence


def test_the_model_that_is_spoilt_below_is_accepted(save):
    assert reading.read(save(small_model()), "my.onnx").macs == 2 * 2 * 2 * 27


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"#!/bin/sh\necho hello\n", "is not an ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is not an ONNX file"),
        (b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.", "is not an ONNX file"),
        (b"PK\x03\x04" + bytes(100), "is not an ONNX file"),
        (b"\x00" * 1000, "is not an ONNX file"),
    ],
)
def test_other_files_are_refused(content, words, save):
    assert words in refusal(save(content))


def test_a_cut_file_is_refused_wherever_it_is_cut(save):
    data = small_model().SerializeToString()
    for length in range(0, len(data), 7):
        assert refusal(save(data[:length]))


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path, content):
    (tmp_path / "model.onnx").write_bytes(content)
    assert refusal(tmp_path / "model.onnx")


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes_are_refused_or_read(tmp_path, changes):
    data = bytearray(small_model().SerializeToString())
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(data))
    try:
        facts = reading.read(path, "my.onnx")
    except ModelRefused:
        assert refusal(path)
    else:
        assert facts.macs is None or facts.macs >= 0


@pytest.mark.parametrize("location", ["weights.bin", "/etc/passwd", "../../etc/passwd"])
def test_weights_in_other_files_are_refused(location, save):
    model = small_model()
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    assert "keeps the weights w in another file" in refusal(save(model))


def test_weights_in_other_files_are_found_inside_branches(save):
    hidden = onnx.numpy_helper.from_array(np.ones(3, np.float32), "hidden")
    hidden.data_location = TensorProto.EXTERNAL
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=hidden)],
        "b",
        [],
        [helper.make_empty_tensor_value_info("c")],
    )
    model = small_model()
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=inner, else_branch=inner))
    assert "keeps the weights hidden in another file" in refusal(save(model))


def test_a_cycle_is_refused(save):
    text = HEAD + "g (float[N,3] x) => (float[N,3] y) { a = Add(x, b)\nb = Relu(a)\ny = Relu(b) }"
    assert "is not a valid ONNX model (its nodes form a cycle)" in refusal(save(text))


def test_a_function_that_calls_itself_is_refused(save):
    text = """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    g (float[N,4] x) => (float[N,4] y) { y = local.f(x) }
    <domain: "local", opset_import: ["" : 17, "local" : 1]>
    f (a) => (b) { b = local.f(a) }"""
    with pytest.raises(ModelRefused):
        onnxfile.inspect(save(text))


@pytest.mark.parametrize("dims", [[2**40, 2**20], [2**62, 2**62, 2**62], [-1, 3], [2, 3, 3, 4]])
def test_dimensions_that_are_not_there_are_refused(dims, save):
    model = small_model()
    model.graph.initializer[0].dims[:] = dims
    assert "is damaged: tensor w does not hold" in refusal(save(model))


@pytest.mark.parametrize("copies", [1, 3])
def test_small_files_that_make_huge_weights_are_refused(copies, save):
    """A kilobyte that would be terabytes, and some that would be 1.6 GB each."""
    size = 2**40 if copies == 1 else 400_000_000
    shape = onnx.numpy_helper.from_array(np.array([size, 1]), "shape")
    nodes = [helper.make_node("ConstantOfShape", ["shape"], [f"w{i}"]) for i in range(copies)]
    nodes += [helper.make_node("MatMul", ["x", f"w{i}"], [f"y{i}"]) for i in range(copies)]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", size])],
        [helper.make_tensor_value_info(f"y{i}", 1, ["N", 1]) for i in range(copies)],
        [shape],
    )
    assert "more than 2 GiB" in refusal(save(helper.make_model(graph, ir_version=8)))


def test_many_nodes_end_in_time(save):
    model = small_model()
    names = ["y", *(f"n{i}" for i in range(20_000))]
    model.graph.node.extend(helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names))
    began = time.monotonic()
    facts = onnxfile.inspect(save(model))
    assert facts.macs == 2 * 2 * 2 * 27
    assert time.monotonic() - began < 30


def tag(field: int, content: bytes) -> bytes:
    """A length-delimited protobuf field, by hand: the library refuses to build what it refuses to read."""
    return varint(field << 3 | 2) + varint(len(content)) + content


@pytest.mark.parametrize("depth", [20, 40, 5_000])
def test_deeply_nested_branches_end_in_a_sentence(depth, save):
    graph = tag(1, helper.make_node("Relu", ["x"], ["y"]).SerializeToString())
    for _ in range(depth):
        attribute = tag(1, b"then_branch") + tag(6, graph) + b"\xa0\x01\x05"
        graph = tag(1, tag(2, b"y") + tag(4, b"If") + tag(5, attribute))
    with pytest.raises(ModelRefused, match=r"is not an ONNX file|takes no input"):
        onnxfile.inspect(save(b"\x08\x08" + tag(7, graph + tag(2, b"g"))))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("g (float[] x) => (float[] y) { y = Relu(x) }", "says no axes of input x"),
        (
            "g (seq(float[3]) x) => (float[N] y) { y = ConcatFromSequence <axis = 0> (x) }",
            "says no axes of input x, or it is no tensor",
        ),
        ("g () => (float[1] y) { y = Constant <value_floats = [1.0]> () }", "takes no input"),
        (
            "g (float[N,900000,1000] x) => (float[N,900000,1000] y) { y = Relu(x) }",
            "more than 2 GiB at input x",
        ),
        ("g (float[N,8] x) => (float[N,8] y) { y = NoSuchOperator(x) }", "is not a valid ONNX model"),
    ],
)
def test_graphs_that_cannot_be_measured_are_refused(text, words, save):
    assert words in refusal(save(HEAD + text))


def custom(domain: str, where: str) -> str:
    """A model with an operator of a `domain`, in the graph itself or in a branch."""
    inner = f"y = {domain}.Magic(x)"
    if where == "branch":
        branch = f"b () => (float[N] z) {{ z = {domain}.Magic(x) }}"
        chosen = f"<then_branch = {branch}, else_branch = {branch}>"
        inner = f"c = Constant <value = bool[1] {{1}}> ()\ny = If (c) {chosen}"
    head = HEAD.replace(": 17]", f': 17, "{domain}" : 1]')
    return f"{head}g (float[N] x) => (float[N] y) {{ {inner} }}"


@pytest.mark.parametrize("where", ["graph", "branch"])
def test_operators_of_a_users_library_are_refused(where, save):
    assert "has the operator acme::Magic, which no runtime has" in refusal(save(custom("acme", where)))


def test_an_operator_set_of_the_future_is_refused(save):
    model = small_model()
    model.opset_import[0].version = 999
    assert "uses opset 999, newer than" in refusal(save(model))


def test_an_element_type_that_does_not_exist_is_refused(save):
    model = small_model()
    model.graph.initializer[0].data_type = 99
    assert "w" in refusal(save(model))
    model = small_model()
    model.graph.input[0].type.tensor_type.elem_type = 99
    assert "x" in refusal(save(model))


def test_an_axis_of_size_zero_is_refused(save):
    model = small_model()
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 0
    assert "has an axis without size at input x" in refusal(save(model))


def test_names_cannot_write_on_the_terminal(save):
    model = small_model()
    model.graph.initializer[0].name = "\x1b[2J\nw" * 100
    model.graph.initializer[0].dims[0] = 7
    assert refusal(save(model)).isprintable()


@pytest.mark.parametrize("name", [b"w", b"x"])
def test_names_that_are_no_text_are_refused(name, save):
    """The weight w and the input x, as bytes that are not UTF-8."""
    model = small_model()
    model.graph.node[0].input[:] = ["x_long_name", "w_long_name"]
    model.graph.input[0].name = "x_long_name"
    model.graph.initializer[0].name = "w_long_name"
    model.graph.initializer[0].dims[0] = 2 if name == b"x" else 7
    unreadable = model.SerializeToString().replace(name + b"_long_name", name + b"\xff\xfe\xfd\xfcg_name")
    assert refusal(save(unreadable))


def test_what_is_no_file_is_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "absent.onnx")
    assert "is not a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refusal(tmp_path / "pipe")
    with (tmp_path / "big.onnx").open("wb") as file:
        file.truncate(2**31)
    assert "larger than 2 GiB" in refusal(tmp_path / "big.onnx")


def test_the_caller_gets_the_same_sentence_from_the_reading_process(save):
    with pytest.raises(ModelRefused, match=r"^vgg\.onnx is empty: export the model again$"):
        onnxfile.inspect(save(b""), called="vgg.onnx")


@pytest.mark.parametrize("end", ["kill -SEGV $$", "kill -KILL $$", "exit 1", "echo Traceback >&2; exit 1"])
def test_a_reader_that_breaks_down_costs_only_the_file(end, save, tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text(f"#!/bin/sh\n{end}\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(ModelRefused, match=r"my\.onnx: the ONNX checker broke down on it"):
        onnxfile.inspect(save(small_model()), called="my.onnx")
