"""The tables of timm and of a Raspberry Pi 5, imported and ranked: the frontiers are a peer's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from paretofleet_analysis.imports.hwnas import import_hwnas
from paretofleet_analysis.imports.timm import import_timm
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report import files

paretoset = pytest.importorskip("paretoset", reason="requirements-peers.txt could not be installed")
moocore = pytest.importorskip("moocore")

#: Beside the repository: the tables belong to their authors.
DATA = Path(__file__).parents[4] / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no tables of others in {DATA}")


def frontier(report, objectives, directions):
    """Models on the frontier of the report's means by moocore, with paretoset as a second opinion."""
    rows = report.select(["model", *objectives]).to_pandas().dropna()
    points = rows[list(objectives)].to_numpy(float)
    is_best = moocore.is_nondominated(points, maximise=[way == "max" for way in directions], keep_weakly=True)
    assert (is_best == paretoset.paretoset(points, sense=list(directions), distinct=False)).all()
    return set(rows["model"][is_best])


def ranked_frontier(report, objectives):
    margins = {name: "0%" if name != "top1" else "0" for name in objectives}
    ranking = rank(report, objectives=objectives, margins=margins)
    assert all("published value of an unknown number of runs" in row.sentence for row in ranking.rows)
    return {row.identity["model"] for row in ranking.rows if row.is_on_frontier_of_means}


@needs_data
def test_the_frontier_of_timm_is_moocores():
    folder = DATA / "timm"
    imported = import_timm(
        [
            folder / "results-imagenet.csv",
            folder / "benchmark-infer-amp-nchw-pt240-cu124-rtx3090.csv",
        ]
    )
    report = files.conform(imported.report, name="timm")
    assert report.num_rows > 900
    objectives = ["top1", "throughput_items_s", "parameters"]
    assert ranked_frontier(report, objectives) == frontier(report, objectives, ("max", "max", "min"))


@needs_data
@pytest.mark.parametrize("runtime", ["onnx", "litert"])
def test_the_frontier_of_the_pi_5_is_moocores(tmp_path, runtime):
    table = pq.read_table(DATA / "nas" / "nb201_pi5_latency_energy.parquet").to_pandas()
    #: Every fourth cell, so that the test takes seconds.
    kept = table[(table["framework"] == runtime) & (table["accuracy"] > 40)].iloc[::4]
    kept.to_parquet(tmp_path / "pi5.parquet")
    report = files.conform(import_hwnas([tmp_path / "pi5.parquet"]).report, name="pi5")
    objectives = ["top1", "batch_latency_p50_s", "energy_j_per_item"]
    best = frontier(report, objectives, ("max", "min", "min"))
    assert ranked_frontier(report, objectives) == best
    assert len(best) > 10
    assert np.isfinite(report["energy_j_per_item"].to_numpy()).all()
