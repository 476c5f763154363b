"""What cannot be fed, as people type it: `paretofleet-agent bench` says one sentence and prints no number."""

from __future__ import annotations

import pytest
from paretofleet_agent import main
from paretofleet_agent.main import commands
from paretofleet_agent.standalone import bench

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
np = pytest.importorskip("numpy")

ROWS = 50
IDS = np.arange(12).reshape(2, 6)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, an encoder of `ids` [N, seq], a file that folds `x` [N, width] in pairs."""
    monkeypatch.chdir(tmp_path)
    helper, kinds = onnx.helper, onnx.TensorProto
    info = helper.make_tensor_value_info
    made = {
        "encoder": (
            helper.make_node("Gather", ["table", "ids"], ["y"]),
            info("ids", kinds.INT64, ["N", "seq"]),
            info("y", kinds.FLOAT, ["N", "seq", 4]),
            onnx.numpy_helper.from_array(np.ones((ROWS, 4), np.float32), "table"),
        ),
        "fold": (
            helper.make_node("Reshape", ["x", "shape"], ["y"]),
            info("x", kinds.FLOAT, ["N", "width"]),
            info("y", kinds.FLOAT, ["N", None, 2]),
            onnx.numpy_helper.from_array(np.array([0, -1, 2]), "shape"),
        ),
    }
    for name, (node, given, result, constant) in made.items():
        graph = helper.make_graph([node], name, [given], [result], [constant])
        opset = helper.make_opsetid("", 17)
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), f"{name}.onnx")
    return tmp_path


@pytest.fixture
def said(folder, here, monkeypatch, capsys):
    """Runs the command on this machine: it fails with one line, which is returned."""
    monkeypatch.setenv("PARETOFLEET_HOST_LOCK_DIR", str(folder))
    monkeypatch.setattr(commands, "_look", lambda *_, **__: here)

    def run(*words, code=1):
        command = ["bench", *words, "--home", str(folder), "--iterations", "2", "--warm-up-s", "0"]
        assert main.main(command) == code
        told = capsys.readouterr()
        assert told.out == ""
        (line,) = [each for each in told.err.splitlines() if not each.startswith("run ")]
        return line

    return run


ODD_FILES = {
    "another name": ({"idz": IDS, "mask": IDS}, "s.npz has no array ids; it has idz, mask"),
    "another type": ({"ids": IDS + 0.5}, "s.npz holds float64 for input ids, which is int64"),
    "beyond the table": (
        {"ids": IDS + ROWS},
        f"s.npz holds ids of 50 to 61 for input ids, which picks from a table of {ROWS} rows",
    ),
    "another rank": ({"ids": IDS[0]}, "s.npz has the shape [6]"),
    "no sample": ({"ids": IDS[:0]}, "s.npz holds no sample for input ids"),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_samples_that_do_not_fit_are_one_sentence(said, kind):
    arrays, words = ODD_FILES[kind]
    np.savez("s.npz", **arrays)
    assert words in said("encoder.onnx", "--input", "ids=s.npz")


def test_a_broken_file_and_one_that_is_not_there_are_one_sentence(said, folder):
    np.savez("s.npz", ids=IDS)
    (folder / "s.npz").write_bytes((folder / "s.npz").read_bytes()[:-30])
    assert "s.npz holds no arrays of numpy" in said("encoder.onnx", "--input", "s.npz")
    assert "nowhere.npz is no file" in said("encoder.onnx", "--input", "ids=nowhere.npz", code=2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--input", "idz=3", "--size", "seq=4"], "no input idz"),
        (["--input", f"ids={ROWS}", "--size", "seq=4"], f"table of {ROWS} rows"),
        (["--size", "sequense=4"], "no free axis sequense"),
        (["--size", "N=4", "--size", "seq=4", "--batch-size", "2"], "makes axis N 2, and 4 was given for it"),
        (["--size", "seq=4", "--input", "ids=good.npz"], "makes axis seq 6, and 4 was given for it"),
        ([], "--size seq=N"),
    ],
)
def test_sizes_and_values_that_do_not_fit_are_one_sentence(said, words, told):
    np.savez("good.npz", ids=IDS)
    assert told in said("encoder.onnx", *words)


def test_a_size_that_the_graph_cannot_take_is_one_sentence(said):
    line = said("fold.onnx", "--size", "width=7")
    assert "the model fails at batch size 1" in line
    assert line.endswith("[unsupported]")


@pytest.mark.parametrize("changed", ["encoder.onnx", "s.npz"])
def test_a_file_that_changes_between_the_runs_is_told(said, folder, monkeypatch, changed):
    measure = bench.measure

    def measured(*arguments):
        outcome = measure(*arguments)
        if changed.endswith(".npz"):
            np.savez(changed, ids=IDS + 1)
        else:
            (folder / changed).write_bytes((folder / changed).read_bytes() + b"\x00")
        return outcome

    np.savez("s.npz", ids=IDS)
    monkeypatch.setattr(bench, "measure", measured)
    line = said("encoder.onnx", "--input", "s.npz", "--runs", "2")
    assert "changed while" in line
