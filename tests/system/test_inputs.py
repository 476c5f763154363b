"""Sizes and samples from the command to the report, through a real collector and a real agent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from farm import Farm, wait_until
from networks import encoder, folding
from paretofleet_collector import cli
from paretofleet_collector.errors import Unreachable
from paretofleet_collector.rpc import client as rpc_client

pytestmark = pytest.mark.system
ROWS = 500


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("fed"))
    farm.start_collector()
    try:
        farm.start_agent("here")
        yield farm
    finally:
        farm.close()


def samples(path: Path, *, rows: int = ROWS, count: int = 16) -> Path:
    ids = np.random.default_rng(3).integers(0, rows, size=(count, 24))
    np.savez(path, ids=ids, mask=np.ones_like(ids))
    return path


def report(farm: Farm, sweep: str) -> pd.DataFrame:
    farm.command("report", "pull", sweep, "-o", farm.root / f"{sweep}.parquet")
    return pd.read_parquet(farm.root / f"{sweep}.parquet")


def test_an_encoder_is_swept_over_its_length_and_the_batch(fed: Farm) -> None:
    file = encoder(fed.root / "encoder.onnx", rows=ROWS)
    done = fed.run("models", "add", file)
    assert "axis sequence is free besides the batch" in done.stderr
    assert "--size sequence=N" in done.stderr
    refused = fed.run("sweep", "submit", "--model", "encoder")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--size sequence=N" in refused.stderr
    fed.command(
        "sweep", "submit", "--name", "lengths", "--model", "encoder", "--size", "sequence=32,128",
        "--batch-size", "1,4", "--protocol", "quick", "--repeats", "3", "--watch",
    )  # fmt: skip
    frame = report(fed, "lengths")
    assert set(frame["status"]) == {"ok"}
    sizes = [json.loads(text)["sizes"]["sequence"] for text in frame["inputs"]]
    assert sorted(zip(frame["batch_size"], sizes, strict=True)) == [(1, 32), (1, 128), (4, 32), (4, 128)]
    assert frame["configuration_id"].nunique() == 4
    ranking = fed.command("rank", "lengths", "--for", "offline", "--objective", "time_per_item_s")
    assert "sequence" in ranking
    shown = fed.listing("sweep", "show", "lengths")
    assert {each["fed"] for each in shown["configurations"]} == {"sequence=32", "sequence=128"}


def test_a_users_samples_reach_the_runner_and_the_report(fed: Farm) -> None:
    encoder(fed.root / "own.onnx", rows=ROWS, width=16)
    file = samples(fed.root / "samples.npz")
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    fed.command("models", "add", fed.root / "own.onnx", "--input", file)
    fed.command(
        "sweep", "submit", "--name", "samples", "--model", "own", "--batch-size", "4", "--protocol", "quick",
        "--repeats", "1", "--watch",
    )  # fmt: skip
    (row,) = report(fed, "samples").itertuples()
    assert row.status == "ok"
    assert json.loads(row.inputs) == {
        "sizes": {"sequence": 24},
        "inputs": {"ids": {"sha256": sha256}, "mask": {"sha256": sha256}},
    }
    assert (fed.root / "here" / "models" / sha256).read_bytes() == file.read_bytes()
    samples(file, count=5)
    changed = fed.run("sweep", "submit", "--model", "own", "--input", file)
    assert changed.returncode == 1
    assert "samples.npz has changed since it was added with own" in changed.stderr


def test_an_id_beyond_its_table_is_told_before_anything_is_kept(fed: Farm) -> None:
    encoder(fed.root / "far.onnx", rows=40, width=8)
    done = fed.run("models", "add", fed.root / "far.onnx", "--input", samples(fed.root / "far.npz", count=7))
    assert done.returncode == 1
    assert "picks from 40 rows" in done.stderr
    assert "far" not in {each["model"] for each in fed.listing("models", "list")}
    sha256 = hashlib.sha256((fed.root / "far.npz").read_bytes()).hexdigest()
    assert not list((fed.collector_home / "lake" / "models").glob(f"{sha256}*"))


def stored(farm: Farm) -> tuple[object, ...]:
    """What nothing that is refused may change."""
    with farm.client() as client:
        models = [(each.model, each.sha256, each.inputs) for each in client.list_models() if each.stored]
        sweeps = [each.name for each in client.list_sweeps()]
    lake = farm.collector_home / "lake"
    files = [path.name for ending in ("npz", "onnx") for path in lake.rglob(f"*.{ending}")]
    return models, sweeps, sorted(files)


@pytest.fixture
def refused(fed: Farm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs the command in this process: it fails with one line, which is returned, and leaves nothing."""
    monkeypatch.chdir(fed.root)
    with fed.client() as client:
        names = {each.model for each in client.list_models()}
    for make in (encoder, folding):
        if make.__name__ not in names:
            fed.command("models", "add", make(fed.root / f"{make.__name__}.onnx"))

    def run(*words: str) -> str:
        before = stored(fed)
        capsys.readouterr()
        assert cli.run(["--collector", fed.address, *words]) in (1, 2)
        (line,) = capsys.readouterr().err.splitlines()
        assert stored(fed) == before
        return line

    return run


IDS = np.arange(48).reshape(2, 24)
ODD_FILES = {
    "another name": ({"idz": IDS}, "input idz; did you mean ids"),
    "another type": ({"ids": IDS.astype(np.int32)}, "is int32 and input ids takes int64"),
    "beyond the table": ({"ids": IDS + ROWS}, f"holds {ROWS + 47}, and input ids picks from {ROWS} rows"),
    "another rank": ({"ids": IDS[0]}, "a sample has 0 axes"),
    "no samples": ({"ids": IDS[:0]}, "has no samples"),
    "unlike numbers": ({"ids": IDS, "mask": IDS[:1]}, "arrays of unlike numbers of samples (1, 2)"),
    "unlike sizes": ({"ids": IDS, "mask": IDS[:, :9]}, "has 9 elements on axis sequence"),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_samples_that_do_not_fit_leave_nothing_behind(fed: Farm, refused, kind: str) -> None:
    arrays, words = ODD_FILES[kind]
    np.savez(fed.root / "odd.npz", **arrays)
    encoder(fed.root / "other.onnx", rows=ROWS, width=24)
    assert words in refused("models", "add", "other.onnx", "--input", "odd.npz")
    assert words in refused("sweep", "submit", "--model", "encoder", "--input", "odd.npz")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--input", "nowhere.npz"], "nowhere.npz does not exist"),
        (["--input", "ids=cut.npz"], "cut.npz is not an .npz file, or is damaged"),
        (["--input", "ids=encoder.onnx"], "neither a law of values nor the path"),
        (["--input", "idz=ones"], "did you mean ids"),
        (["--input", f"ids={ROWS}", "--size", "sequence=8"], f"table of {ROWS} rows"),
        (["--input", "ids=0.5", "--size", "sequence=8"], "takes no 0.5"),
        (["--size", "sequense=8"], "did you mean sequence"),
        (["--size", "sequence=16", "--input", "good.npz"], "has 24 elements on axis sequence"),
        (["--size", "batch=4", "--size", "sequence=8"], "--batch-size"),
        (["--size", "sequence=many"], "'many' is not a whole number"),
        (["--model", "gone.onnx", "--input", "good.npz"], "gone.onnx is not a file"),
    ],
)
def test_what_cannot_be_fed_is_one_sentence_and_no_sweep(fed: Farm, refused, words, said) -> None:
    samples(fed.root / "good.npz", count=3)
    (fed.root / "cut.npz").write_bytes((fed.root / "good.npz").read_bytes()[:-30])
    assert said in refused("sweep", "submit", "--model", "encoder", *words)


def test_sizes_that_contradict_the_batch_or_the_graph_are_no_sweep(fed: Farm, refused) -> None:
    (fed.root / "odd.yaml").write_text(
        "{models: [encoder], batch_sizes: [4], inputs: {ids: {shape: [2, 8]}}}"
    )
    assert "batch" in refused("sweep", "submit", "odd.yaml")
    words = refused("sweep", "submit", "--model", "folding", "--size", "width=7")
    assert "breaks at batch size 1, width 7 by its own shapes" in words


def test_a_model_file_that_has_changed_since_it_was_added_is_told(fed: Farm, refused) -> None:
    encoder(fed.root / "changed.onnx", rows=ROWS, width=40)
    fed.command("models", "add", fed.root / "changed.onnx")
    encoder(fed.root / "changed.onnx", rows=ROWS, width=48)
    line = refused("sweep", "submit", "--model", "./changed.onnx", "--size", "sequence=8")
    assert "Model 'changed' has a variant 'file' from another file" in line
    assert "`paretofleet models add FILE --name NAME`" in line


@pytest.mark.parametrize("what", ["model", "samples"])
def test_a_file_that_changes_while_it_is_sent_is_told(fed: Farm, refused, monkeypatch, what: str) -> None:
    encoder(fed.root / "moving.onnx", rows=ROWS, width=56)
    samples(fed.root / "moving.npz", count=11)
    hashed = rpc_client.sha256_of

    def change(path: Path) -> str:
        known = hashed(path)
        if path.suffix == {"model": ".onnx", "samples": ".npz"}[what]:
            path.write_bytes(path.read_bytes()[:-8])
        return known

    monkeypatch.setattr(rpc_client, "sha256_of", change)
    line = refused("models", "add", "moving.onnx", "--input", "moving.npz")
    assert "was damaged on the way, or changed meanwhile" in line


def test_a_collector_killed_in_the_middle_of_samples_keeps_nothing_of_them(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    collector = farm.start_collector()
    try:
        farm.start_agent_raw("here", "here")
        encoder(tmp_path / "net.onnx")
        farm.command("models", "add", tmp_path / "net.onnx")
        np.savez(tmp_path / "large.npz", ids=np.zeros((40_000, 64), np.int64))
        lake = farm.collector_home / "lake"

        def die(sent: int, size: int) -> None:
            if collector.poll() is None:
                assert sent < size
                wait_until(
                    lambda: any(path.stat().st_size for path in (lake / "tmp").glob("*.npz")), "a part"
                )
                collector.kill()
                collector.wait()

        with farm.client() as client, pytest.raises(Unreachable):
            client.add_inputs(tmp_path / "large.npz", "large.npz", die)
        assert list((lake / "tmp").glob("*.npz")), "it was cut in the middle"
        farm.start_collector()
        assert not list(lake.rglob("*.npz"))
        wait_until(lambda: farm.is_online("here"), "the agent is back")
        farm.command("sweep", "plan", "--model", "net", "--input", "ids=large.npz")
        assert len(list((lake / "models").glob("*.npz"))) == 1
    finally:
        farm.close()
