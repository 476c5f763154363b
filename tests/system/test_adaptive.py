"""Adaptive sweeps with real processes and a simulated device."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pandas as pd
import pytest
from farm import Farm, wait_until
from networks import convolution
from paretofleet_agent.simulate import device_class, expected

pytestmark = pytest.mark.system
DEVICE = "jetson-tx2"
RUNS_MIN, RUNS_MAX = 3, 6


def truths(folder: Path) -> dict[Path, tuple[float, float]]:
    """Small networks with the seconds and joules that the simulated device will need for an item."""
    found = {}
    for seed in range(40):
        path = convolution(folder / f"net{seed}.onnx", seed=seed)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        configuration = {"variant_sha256": sha256, "batch_size": 1, "precision": "native"}
        seconds, watts = expected(device_class(DEVICE), configuration, path.stat().st_size, 1)
        found[path] = (seconds, seconds * watts)
    return found


def chosen(folder: Path) -> dict[str, Path]:
    """A `rival`, a `close` one a little worse in everything, a `loser` much worse, and a `canary`."""
    known = truths(folder)

    def excess(pair: tuple[Path, Path]) -> float:
        """How far the second is from being 2.5 % worse in both."""
        return max(
            abs(theirs / ours - 1.025) for ours, theirs in zip(known[pair[0]], known[pair[1]], strict=True)
        )

    rival, close = min(itertools.permutations(known, 2), key=excess)
    loser = max(known, key=lambda path: min(known[path][k] / known[rival][k] for k in (0, 1)))
    canary = min(known, key=lambda path: known[path][0])
    assert len({rival, close, loser, canary}) == 4
    return {"canary": canary, "rival": rival, "close": close, "loser": loser}


def runs_of(farm: Farm, sweep: str) -> dict[str, int]:
    farm.command("report", "pull", sweep, "-o", farm.root / f"{sweep}.parquet")
    return dict(pd.read_parquet(farm.root / f"{sweep}.parquet").set_index("model")["runs"])


def test_what_the_ranking_leaves_open_gets_the_runs_across_a_restart_of_the_collector(farm: Farm) -> None:
    accuracy = {"canary": 60.0, "rival": 80.0, "close": 80.0, "loser": 70.0}
    for name, path in chosen(farm.root).items():
        farm.command("models", "add", path, "--name", name, "--top1", accuracy[name], "--top1-n", 50000)
    farm.start_agent("tx2", "--simulate", DEVICE, "--seed", "5")
    words = [word for name in accuracy for word in ("--model", name)]
    words += ["--threads", "1", "--protocol", "quick", "--repeats", f"{RUNS_MIN}-{RUNS_MAX}", "--adaptive"]
    planned = farm.run("sweep", "plan", *words)
    assert f"at least the time of {RUNS_MIN} runs" in planned.stderr
    farm.command("sweep", "submit", "--name", "first", *words)
    wait_until(lambda: farm.sweep("first")["runs_by_state"].get("sealed", 0) >= 14, "the chosen blocks")
    killed = farm.processes[0]
    killed.kill()
    killed.wait()
    farm.start_collector()
    wait_until(lambda: farm.has_ended("first"), "the end of the sweep")
    runs = runs_of(farm, "first")
    assert runs["loser"] == RUNS_MIN
    assert runs["close"] > RUNS_MIN
    assert runs["rival"] > RUNS_MIN
    said = farm.command("sweep", "show", "first")
    assert "adaptive: after block 3" in said
    assert "tx2 has ended" in said or "undecided" in said

    farm.command("sweep", "submit", "--name", "second", *words, "--watch")
    assert runs_of(farm, "second") == runs, "the same numbers give the same choices"
