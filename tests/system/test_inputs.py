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
from networks import encoder
from paretofleet_collector.errors import Unreachable

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
        farm.start_collector(listen=farm.address)
        assert not list(lake.rglob("*.npz"))
        wait_until(lambda: farm.is_online("here"), "the agent is back")
        farm.command("sweep", "plan", "--model", "net", "--input", "ids=large.npz")
        assert len(list((lake / "models").glob("*.npz"))) == 1
    finally:
        farm.close()
