"""Execution providers: chosen by name, and believed only after the profile says where the nodes ran."""

from __future__ import annotations

import dataclasses
import json
import os
import types

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import process
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.runtimes import onnxruntime_placement as placement
from paretofleet_agent.runner.runtimes import onnxruntime_runtime
from paretofleet_agent.runner.runtimes import onnxruntime_settings as settings
from paretofleet_graph import OnnxFile

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
PYTHON = os.environ.get("PARETOFLEET_TEST_ORT_OPENVINO_PYTHON")
with_provider = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_ORT_OPENVINO_PYTHON names no onnxruntime-openvino"
)


def profile_of(*nodes):
    """A profile as ONNX Runtime writes it: sessions, then kernels with their providers."""
    events = [{"cat": "Session", "name": "model_loading_uri", "args": {}}]
    events += [
        {
            "cat": "Node",
            "name": f"{operator}{at}_kernel_time",
            "args": {"op_name": operator, "provider": where},
        }
        for at, (operator, where) in enumerate(nodes)
    ]
    events.append({"cat": "Node", "name": "fence", "args": {"op_name": "Conv"}})

    def profiled(prefix):
        with open(prefix + ".json", "w") as file:
            json.dump(events, file)
        return prefix + ".json"

    return profiled


def test_nodes_are_counted_where_they_ran_and_shapes_may_stay_on_the_cpu():
    nodes = [("Conv", CUDA), ("Relu", CUDA), ("Gather", CPU)]
    assert placement.check(CUDA, profile_of(*nodes)) == {CUDA: 2, CPU: 1}


def test_cuda_is_loaded_from_the_packages_beside_a_wheel_that_looks_for_none():
    loaded = []
    onnxruntime_runtime.load_cuda_libraries(types.SimpleNamespace(preload_dlls=lambda: loaded.append("CUDA")))
    assert loaded == ["CUDA"]
    onnxruntime_runtime.load_cuda_libraries(types.SimpleNamespace())  # before 1.21 there was no such function


def test_a_provider_that_ran_nothing_is_a_silent_fall_back():
    with pytest.raises(RunFailed, match="no node of the model ran on CUDAExecutionProvider") as told:
        placement.check(CUDA, profile_of(("Conv", CPU)))
    assert told.value.reason == "unsupported"


@pytest.mark.parametrize("operator", ["Conv", "FusedConv", "QLinearConv", "MatMul", "Gemm", "ConvTranspose"])
def test_work_that_was_left_to_the_cpu_is_refused(operator):
    with pytest.raises(RunFailed, match=f"left {operator} to another provider"):
        placement.check(CUDA, profile_of(("Relu", CUDA), (operator, CPU)))


def test_what_changes_numbers_is_told_to_the_provider():
    options = {"provider": "cuda", "cudnn_conv_algo_search": "HEURISTIC"}
    for precision, flag in (("fp32", "0"), ("native", "0"), ("tf32", "1")):
        told = settings.provider_options(options, {"precision": precision}, "1.18.0")
        assert told == {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": flag}
    told = settings.provider_options(options, {"precision": "fp32"}, "1.11.0")
    assert told == {"cudnn_conv_algo_search": "HEURISTIC"}, "older releases refuse what they do not know"
    told = settings.provider_options({"provider": "tensorrt"}, {"precision": "fp16"}, "1.18.0")
    assert told["trt_fp16_enable"] == "True"


class FakeOnnxRuntime:
    """onnxruntime with a GPU's provider: what it was told, and the variables at its import."""

    __version__ = "1.19.2"

    def __init__(self, provider, log):
        self.provider, self.log, self.providers = provider, log, None
        self.SessionOptions, self.InferenceSession = self._settings, self._open
        self.ExecutionMode = types.SimpleNamespace(ORT_SEQUENTIAL=0)
        self.GraphOptimizationLevel = types.SimpleNamespace(ORT_ENABLE_ALL=99)

    def get_available_providers(self):
        return [self.provider, CPU]

    def _settings(self):
        return types.SimpleNamespace(enable_profiling=False, add_session_config_entry=lambda *_: None)

    def _open(self, path, options, providers):
        self.log.append("profiled" if options.enable_profiling else "measured")
        self.providers = dict(providers)
        items = OnnxFile(path)

        def end_profiling():
            return profile_of(("MatMul", self.provider))(options.profile_file_prefix)

        return types.SimpleNamespace(
            get_providers=lambda: [self.provider],
            get_inputs=lambda: items.inputs,
            get_outputs=lambda: [types.SimpleNamespace(name="y", type="tensor(float)")],
            run=lambda _names, feed: [feed["x"]],
            end_profiling=end_profiling,
        )


@pytest.fixture
def on_gpu(monkeypatch, kit):
    """Runs a file with a fake of onnxruntime: what is in force, what it was told, what was done."""
    monkeypatch.setattr(os, "environ", dict(os.environ, NVIDIA_TF32_OVERRIDE="1"))
    log = []
    monkeypatch.setattr(process, "forget_memory_peak", lambda: log.append("forget"))

    def run(path, provider, precision):
        name = settings.PROVIDERS[provider][0]
        fake = FakeOnnxRuntime(name, log)

        def imported():
            log.append(os.environ.get(settings.TF32_VARIABLE))
            return fake

        monkeypatch.setattr(onnxruntime_runtime, "import_runtime", imported)
        request = dict(
            kit.lease_of(
                path, target_id="GPU-1", precision=precision, options={"provider": provider}
            ).configuration,
            artifact=str(path),
            seed=7,
        )
        made = onnxruntime_runtime.OnnxRuntime(request, lambda: 0)
        return made.ready()["effective"], fake.providers[name], log

    return run


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
@pytest.mark.parametrize(("precision", "variable"), [("fp32", "0"), ("native", "0"), ("tf32", None)])
def test_fp32_on_a_gpu_is_not_tf32_unless_asked_for(on_gpu, model, *, provider, precision, variable):
    effective, _, log = on_gpu(model, provider, precision)
    assert log[0] == variable, "when the libraries are loaded, which read it then"
    assert effective["settings"].get("NVIDIA_TF32_OVERRIDE") == variable
    assert effective["precision"] == ("tf32" if precision == "tf32" else "fp32")


@pytest.fixture
def half(kit, tmp_path):
    """A file in half precision."""
    return kit.make_model(tmp_path / "half.onnx", dtype="FLOAT16")


@pytest.fixture
def half_inside(kit, tmp_path):
    """A file whose weights are in half precision, and its input and output are not."""
    onnx = pytest.importorskip("onnx")
    weight = pytest.importorskip("numpy").eye(16, dtype="float16")
    node = onnx.helper.make_node
    nodes = [
        node("Cast", ["x"], ["h"], to=onnx.TensorProto.FLOAT16),
        node("MatMul", ["h", "w"], ["i"]),
        node("Cast", ["i"], ["y"], to=onnx.TensorProto.FLOAT),
    ]
    path = kit.make_model(tmp_path / "inside.onnx", nodes=[("Relu", ["x"], ["y"])], constants={"w": weight})
    made = onnx.load(str(path))
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    onnx.save(made, str(path))
    return path


@pytest.mark.parametrize("file", ["half", "half_inside"])
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
@pytest.mark.parametrize("precision", ["native", "fp16"])
def test_a_half_precision_file_is_computed_in_it_on_a_gpu(on_gpu, request, *, file, provider, precision):
    effective, told, _ = on_gpu(request.getfixturevalue(file), provider, precision)
    assert effective["precision"] == "fp16"
    assert told.get("trt_fp16_enable") in (None, "True")
    with pytest.raises(RunFailed, match="this file computes in fp16 with the provider"):
        on_gpu(request.getfixturevalue(file), provider, "fp32")


def test_a_half_precision_file_is_computed_in_fp32_on_a_cpu(kit, here, half):
    pytest.importorskip("onnxruntime")
    outcome = measure(kit.lease_of(half), half, kit.Samples(), kit.Watch(), here)
    assert outcome.facts["effective"]["precision"] == "fp32"


def test_the_memory_of_looking_where_the_nodes_run_is_not_that_of_the_run(on_gpu, model):
    assert on_gpu(model, "cuda", "native")[2][1:4] == ["profiled", "forget", "measured"]


def test_a_peak_of_memory_can_be_forgotten():
    large = bytearray(200 * 2**20)
    before = process.memory_peak_bytes()
    del large
    if not process.forget_memory_peak():
        pytest.skip("NOT TRIED: this system does not forget a process's peak")
    assert process.memory_peak_bytes() < before - 100 * 2**20


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"target_id": "GPU-1"}, "has no CUDAExecutionProvider for the target GPU-1"),
        ({"options": {"provider": "openvino"}}, "has no OpenVINOExecutionProvider"),
        ({"options": {"provider": "cuda"}}, "provider cuda is not for target cpu"),
        ({"target_id": "GPU-1", "options": {"provider": "cpu"}}, "provider cpu is not for target GPU-1"),
        ({"options": {"provider": "rocm"}}, "option provider takes"),
    ],
)
def test_a_provider_that_is_not_there_is_never_replaced(kit, here, model, wanted, says):
    pytest.importorskip("onnxruntime")
    lease = kit.lease_of(model, **wanted)
    outcome = measure(lease, model, kit.Samples(), kit.Watch(), here)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert says in outcome.message


@with_provider
def test_a_real_other_provider_runs_the_nodes_and_says_so(kit, here, tmp_path):
    np = pytest.importorskip("numpy")
    weight = np.random.RandomState(0).standard_normal((64, 64)).astype("float32") / 8
    nodes = [("MatMul", ["x", "w"], ["y"])]
    path = kit.make_model(tmp_path / "m.onnx", nodes=nodes, shape=("N", 64), constants={"w": weight})
    device = dataclasses.replace(here, interpreters={"onnxruntime": PYTHON})
    lease = kit.lease_of(path, options={"provider": "openvino"})
    outcome = measure(lease, path, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert effective["provider"] == "OpenVINOExecutionProvider"
    assert set(effective["nodes"]) == {"OpenVINOExecutionProvider"}
    assert effective["reference"]["relative_error"] < 1e-3
