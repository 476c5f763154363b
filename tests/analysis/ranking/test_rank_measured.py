"""Real repeated runs, ranked, against long simulations that know nothing of the exact ranking."""

from __future__ import annotations

import csv
from pathlib import Path

import moocore
import numpy as np
import paretofleet_analysis.ranking.rank as rank_module
import pytest
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import replicates
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report

FILE = Path(__file__).parents[1] / "pareto" / "data" / "cnn_benchmarks_passes.csv"
#: Depth stands for quality: the timings come without an accuracy.
LAYERS = {"alexnet": 8, "vgg16": 16, "resnet-18": 18, "vgg19": 19, "googlenet-v1": 22}
LAYERS |= {f"resnet-{depth}": depth for depth in (34, 50, 101, 152, 200)}
#: A training step's backward half has no column in a report; the time to load carries it here.
OBJECTIVES = ["parameters", "batch_latency_mean_s", "load_s"]
MAXIMIZE = [False, False, False]


@pytest.fixture(scope="module")
def passes():
    """(9, 2) forward and backward seconds by device and network: cuDNN 5.1 or the processor, one file of
    each, without its first pass, which is cold."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    files: dict[tuple[str, str], str] = {}
    with FILE.open() as file:
        for row in csv.DictReader(file):
            key = (row["device"], row["model"])
            if not row["cudnn_version"].startswith("51") and row["device"] != "cpu":
                continue
            is_first_file = files.setdefault(key, row["source_file"]) == row["source_file"]
            if is_first_file and int(row["pass"]) > 1:
                found.setdefault(key, []).append((float(row["forward_s"]), float(row["backward_s"])))
    return {key: np.array(values) for key, values in found.items()}


@pytest.fixture
def table(passes, configuration, summary):
    rows = []
    for number, ((device, model), values) in enumerate(passes.items()):
        given = configuration(model, [1.0] * len(values), device=device, configuration_id=f"{number:016x}")
        for k, (run, (forward, backward)) in enumerate(zip(given.runs, values, strict=True)):
            object.__setattr__(run, "summary", summary(batch_latency_mean_s=forward, load_s=backward))
            object.__setattr__(run, "block", 1000 * number + k)  # passes of two networks share no block
        object.__setattr__(given, "parameters", 1000 - LAYERS[model])
        rows.append(given)
    return build_report(rows)


def simulated(draw, layers, rng, draws):
    """The share of `draws` worlds in which moocore finds each network; `draw` gives its (draws, 2) times."""
    worlds = np.stack([draw(rng, draws) for draw in draw], axis=1)
    costs = np.concatenate([np.broadcast_to(1000 - layers, worlds.shape[:2])[..., None], worlds], axis=2)
    return np.mean([moocore.is_nondominated(world, keep_weakly=True) for world in costs], axis=0)


def test_ten_networks_on_four_cards_and_a_processor(passes):
    assert {model for _, model in passes} == set(LAYERS)
    assert len({device for device, _ in passes}) == 5
    assert all(values.shape == (9, 2) for values in passes.values())


def test_the_next_run_of_real_networks_agrees_with_a_long_simulation(table, passes):
    exactly = dict.fromkeys(OBJECTIVES, "0%")
    ranking = rank(table, objectives=OBJECTIVES, question="run", margins=exactly)
    layers = np.array([LAYERS[model] for _, model in passes])
    draws = [lambda rng, n, x=x: x[rng.integers(len(x), size=n)] for x in passes.values()]
    share = simulated(draws, layers, np.random.default_rng(3), 6000)
    said = {(row.identity["device"], row.identity["model"]): row.p_front_next_run for row in ranking.rows}
    for key, p in zip(passes, share, strict=True):
        error = 4.5 * np.sqrt(p * (1 - p) / 6000) + 1e-3
        assert said[key] == pytest.approx((9 * p + 0.5) / 10, abs=error), key
    assert ((share > 0.02) & (share < 0.98)).sum() >= 3


def test_the_mean_of_real_networks_agrees_with_a_long_simulation(passes):
    """Other replicates of the same means, a fleet drawn from them again and again. Each network comes twice,
    as its first passes and as its last: whole ones have noises of 0.1 to 3 % and leave next to nothing open.
    """
    layers = np.repeat([LAYERS[model] for _, model in passes], 2)
    runs = [half for values in passes.values() for half in (values[:4], values[4:])]
    again = replicates(runs, count=6000, seed=99)
    share = simulated([lambda _, n, x=x: x[:n] for x in again], layers, np.random.default_rng(4), 6000)
    arrays = [
        np.column_stack([np.full(len(x), 1000.0 - depth), x]) for depth, x in zip(layers, runs, strict=True)
    ]
    found = probabilities(arrays, FrontQuery(MAXIMIZE, [Margin(0.0)] * 3), is_whole=False)
    error = 4.5 * np.sqrt(share * (1 - share) * (1 / 1000 + 1 / 6000)) + 0.01
    assert (np.abs(found.raw_front - share) < error).all()
    assert ((share > 0.02) & (share < 0.98)).sum() >= 10


def test_what_is_said_of_real_networks(table, monkeypatch):
    # what hangs on one of 450 blocks of one run each is tested elsewhere, and takes a minute here
    monkeypatch.setattr(rank_module, "changed_verdicts", lambda *_: None)
    ranking = rank(table, objectives=OBJECTIVES)
    front = {
        (row.identity["device"], row.identity["model"]) for row in ranking.rows if row.verdict == "front"
    }
    assert {device for device, _ in front} <= {"GeForce GTX 1080 Ti", "TITAN X", "GeForce GTX 1080"}
    assert all(
        row.verdict == "beaten"
        for row in ranking.rows
        if row.identity["device"] == "cpu" and row.identity["model"] != "resnet-200"
    )
    slowest = max(ranking.rows, key=lambda row: row.estimates["batch_latency_mean_s"].mean)
    assert slowest.identity["device"] == "cpu"
