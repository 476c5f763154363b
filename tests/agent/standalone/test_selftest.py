"""What the self-test finds on this machine, what it keeps, and what it says when it cannot tell."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paretofleet_agent import status
from paretofleet_agent.device import probe, selftest_result
from paretofleet_agent.errors import PfError
from paretofleet_agent.standalone import paired, selftest, warm_runner


@pytest.fixture(autouse=True)
def few_pairs(monkeypatch):
    monkeypatch.setattr(selftest, "TWICE_MIN", 2)


@pytest.fixture
def with_power(kit, tmp_path):
    """This machine with the power sensors of another: files that a sampler really reads."""
    return probe.probe_device(kit.unpack_tree("rapl_intel", tmp_path / "tree"), None, {})


def test_a_device_with_power_is_tested_whole_and_status_shows_the_verdict(
    with_power, model, tmp_path, capsys
):
    pytest.importorskip("onnxruntime")
    home = tmp_path / "home"
    assert selftest.run(model, with_power, home, minutes=0.1, output="json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["same_model_twice"]["pairs"] >= selftest.TWICE_MIN
    assert facts["sampler"].get("samples", 1) > 0, "the sampler read the files while it was on"
    assert facts["verdict"] in {selftest.GOOD, selftest.BAD, selftest.UNDECIDED}
    assert selftest_result.stored(home) == facts
    assert status.read_status(home)["selftest"] == facts


def test_without_a_sensor_a_sampler_of_files_is_compared_beside_a_daemon(here, model, monkeypatch):
    pytest.importorskip("onnxruntime")
    beside = []

    def compare(runner, process_ids, *, between, **_):
        beside.extend(Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in process_ids)
        time.sleep(0.3)
        between()
        assert runner.median_s(0.05) > 0
        return [0.001] * 20

    monkeypatch.setattr(selftest, "compare", compare)
    found = selftest.sampler_on_and_off(model, here, math.inf)
    assert not here.has_power
    assert found["samples"] > 0
    assert found["read"] == "4 files, as there is no power sensor"
    daemon, sampler = beside
    assert "paretofleet_agent.main" in daemon
    assert "paretofleet_agent.power.sampler" in sampler
    assert selftest.verdict({**facts_of(has_power=False), "sampler": found}) == "good"


def test_without_a_model_named_it_takes_the_smallest_of_the_home(here, model, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "home" / "models"
    folder.mkdir(parents=True)
    (folder / "large").write_bytes(model.read_bytes() + b"\0" * 100)
    (folder / "small").write_bytes(model.read_bytes())
    (folder / "smaller.part").write_bytes(b"")
    assert selftest.run(None, here, tmp_path / "home", minutes=0.01) == 0
    told = capsys.readouterr().out
    assert "models/small on this device" in told
    # Chance tells the same model apart once in 20, so the verdict may be bad, too.
    assert "verdict            good" not in told, "the time allowed no pairs of the agent on and off"


def test_without_a_model_it_names_the_folder_and_the_way_out(here, tmp_path):
    with pytest.raises(PfError, match=r"there is no model in .*models: name one"):
        selftest.run(None, here, tmp_path)


def test_a_simulated_device_is_refused(tx2, model, tmp_path):
    with pytest.raises(PfError, match="without --simulate"):
        selftest.run(model, tx2, tmp_path)


def test_a_model_that_does_not_run_is_one_sentence(here, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model")
    with pytest.raises(PfError, match=r"broken.onnx: .*\["):
        selftest.run(broken, here, tmp_path, minutes=0.01)


def test_a_stored_verdict_that_cannot_be_read_is_none(tmp_path):
    assert selftest_result.stored(tmp_path) is None
    (tmp_path / selftest_result.FILE).write_text("{")
    assert selftest_result.stored(tmp_path) is None
    (tmp_path / selftest_result.FILE).write_text('{"version": 0}')
    assert selftest_result.stored(tmp_path) is None


def facts_of(**wanted):
    twice = {"pairs": 20, "change": 0.0, "low": -0.01, "high": 0.01, "told_apart": False}
    sampler = {"pairs": 20, "median": 0.001, "low": -0.002, "high": 0.004, "read": "power sensors"}
    return {
        "model": "m.onnx",
        "same_model_twice": {**twice, **wanted.get("twice", {})},
        "sampler": {
            **(sampler if "why_not" not in wanted.get("sampler", ()) else {}),
            **wanted.get("sampler", {}),
        },
        "has_power": wanted.get("has_power", True),
        "sensors": {"power:rapl/package-0": {"period_s": 0.001, "read_cost_s": 12e-6, "flags": ["constant"]}},
    }


@pytest.mark.parametrize(
    ("wanted", "verdict", "words"),
    [
        ({}, "good", "harmless"),
        ({"twice": {"low": 0.002, "high": 0.01, "told_apart": True}}, "bad", "TOLD APART"),
        ({"twice": {"low": -0.04, "high": 0.03}}, "undecided", "scatter too much"),
        ({"sampler": {"pairs": 300, "median": 0.03, "low": 0.02, "high": 0.04}}, "bad", "SLOWS THE RUNNER"),
        ({"sampler": {"pairs": 300, "median": 0.0, "low": -0.02, "high": 0.02}}, "undecided", "not narrow"),
        ({"sampler": {"why_not": "only 3 pairs"}}, "undecided", "only 3 pairs"),
        ({"sampler": {"why_not": "only 3 pairs"}, "has_power": False}, "undecided", "only 3 pairs"),
    ],
)
def test_a_verdict_is_given_only_where_the_intervals_allow_one(wanted, verdict, words):
    facts = facts_of(**wanted)
    assert selftest.verdict(facts) == verdict
    told = selftest.table({**facts, "verdict": verdict})
    assert words in told
    assert "refreshes every 1 ms, a read costs 12 us; constant" in told


def test_the_interval_of_a_median_covers_it_as_often_as_it_says():
    for n in range(6, 301):
        rank = paired.median_rank(n)
        outside = sum(math.comb(n, k) for k in range(rank)) * 2 / 2**n
        wider = outside + 2 * math.comb(n, rank) / 2**n
        assert outside <= 0.05 < wider, n


def test_pairs_are_added_until_the_interval_is_narrow_or_there_are_300():
    quiet = [0.001, -0.001] * 200
    assert not paired.is_enough(quiet[:19])
    assert paired.is_enough(quiet[:20])
    loud = [0.1, -0.1] * 200
    assert not paired.is_enough(loud[:299])
    assert paired.is_enough(loud[:300])
    assert paired.change(quiet[:5]) is None


class Machine:
    """A runner whose halves take as long as a script says, and which looks whether the others stand still."""

    def __init__(self, process_id):
        self.process_id = process_id

    def median_s(self, seconds):
        time.sleep(seconds / 10)  # a signal takes a moment
        state = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()[0]
        return 1.0 if state == "T" else 1.02


def test_without_means_that_the_processes_stand_still_and_they_go_on_in_the_end():
    beside = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        taken = []
        logs = warm_runner.compare(
            Machine(beside.pid), [beside.pid], between=lambda: taken.append(1), until_s=math.inf, half_s=0.5
        )
        assert logs == [pytest.approx(math.log(1.02))] * paired.PAIRS_MIN
        assert len(taken) == paired.PAIRS_MIN
        assert "T" not in Path(f"/proc/{beside.pid}/stat").read_text().rpartition(")")[2].split()[0]
    finally:
        os.kill(beside.pid, signal.SIGKILL)
        beside.wait()
