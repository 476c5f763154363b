"""A model whose weights lie in a file beside it, as torch exports it, is sent as one file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from paretofleet_collector.cli.whole_file import whole_file
from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import reading

W = np.arange(3000, dtype=np.float32).reshape(30, 100)


def saved(path, **more):
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
        for name, size in (("x", 30), ("y", 100))
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        values[:1],
        values[1:],
        [numpy_helper.from_array(W, "w")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path, **more
    )
    return path


@pytest.fixture
def split(tmp_path):
    return saved(tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)


def test_weights_beside_a_model_are_in_the_file_that_is_sent(split, tmp_path):
    with whole_file(split) as file:
        assert file != split
        assert reading.read(file, file.name).parameters == W.size
        assert (numpy_helper.to_array(onnx.load(file).graph.initializer[0]) == W).all()
    assert not file.exists()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]


def test_the_same_model_is_the_same_file_each_time(split):
    with whole_file(split) as first, whole_file(split) as second:
        assert first.read_bytes() == second.read_bytes()


def test_a_model_that_is_one_file_already_is_sent_as_it_is(tmp_path):
    path = saved(tmp_path / "m.onnx")
    with whole_file(path) as file:
        assert file == path


@pytest.mark.parametrize("fault", ["missing", "short"])
def test_weights_that_are_not_there_are_named_with_what_to_do(split, fault):
    data = split.with_name("m.onnx.data")
    if fault == "missing":
        data.unlink()
    else:
        data.write_bytes(data.read_bytes()[:100])
    words = r"m\.onnx keeps weights in another file.*beside it"
    with pytest.raises(ModelRefused, match=words), whole_file(split):
        pass


def test_weights_of_another_folder_are_not_opened(tmp_path):
    """A stranger's file must not have others' files sent."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(W.tobytes())
    inside = tmp_path / "models"
    inside.mkdir()
    path = saved(inside / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../secret.bin"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelRefused, match="keeps weights in another file"), whole_file(path):
        pass
