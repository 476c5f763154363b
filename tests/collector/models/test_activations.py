"""The zoo computes like trained networks do: nothing vanishes, overflows or is the same for every image."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from paretofleet_collector.models import zoo

#: One network of every family, small enough to be run several times.
SMALL = ("squeezenet1_1", "mobilenet_v2", "resnet18")
#: Those that are built and run in a moment; all of them by `bench/zoo.py`.
QUICK = tuple(n for n in zoo.NAMES if zoo.facts(n).size_bytes < 40e6 or n == "vit_s_16")
SMALLEST_NORMAL = np.finfo(np.float32).tiny


def images(count: int, name: str = "resnet18") -> np.ndarray:
    shape = (count, *zoo.facts(name).input_shape)
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def session(model: str | bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", QUICK)
def test_a_network_has_its_bytes_and_answers_by_its_image(name, tmp_path):
    net = session(str(zoo.build(name, tmp_path / "m.onnx").path))  # refuses other bytes than the catalogue's
    (tmp_path / "m.onnx").unlink()  # some are large
    first, second = (net.run(None, {"input": image[None]})[0] for image in images(2, name))
    assert first.shape == (1, 1000)
    assert np.isfinite(first).all()
    assert 0.01 < first.std() < 100
    assert not ((first != 0) & (np.abs(first) < SMALLEST_NORMAL)).any()
    assert np.abs(first - second).max() > 0.01 * first.std(), "another image gives another answer"


@pytest.mark.parametrize("name", SMALL)
def test_every_kind_runs_at_any_batch_size(name, built):
    net = session(str(built(name).path))
    many = images(16, name)
    alone = net.run(None, {"input": many[:1]})[0]
    for count in (4, 16):
        together = net.run(None, {"input": many[:count]})[0]
        assert together.shape == (count, 1000)
        assert np.isfinite(together).all()
        assert np.allclose(together[:1], alone, rtol=1e-3, atol=1e-3)
        assert len({row.tobytes() for row in together}) == count


@pytest.mark.parametrize("name", SMALL)
def test_activations_stay_sane(name, built):
    model = onnx.load(built(name).path)
    operators = {node.output[0]: node.op_type for node in model.graph.node if node.op_type != "Constant"}
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(o) for o in operators)
    values = session(model.SerializeToString()).run(None, {"input": images(2, name)})
    for (output, operator), value in zip(operators.items(), values, strict=True):
        assert np.isfinite(value).all(), output
        assert 0.01 < value.std() < 100, output
        size = np.abs(value)
        assert size.max() < 1000, f"{output} would overflow in half precision with little room"
        assert not ((size > 0) & (size < SMALLEST_NORMAL)).any(), f"{output} holds denormals"
        if operator in {"Relu", "Clip"}:
            assert 0.05 < (value == 0).mean() < 0.95, f"{output} is all on or all off"
