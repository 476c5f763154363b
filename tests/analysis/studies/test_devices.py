"""What holds from one device to another: orders, fronts and choices; on real tables, the known figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from paretofleet_analysis.errors import RequestError
from paretofleet_analysis.imports.hwnas import import_hwnas
from paretofleet_analysis.report import files
from paretofleet_analysis.studies import devices, places_compared
from paretofleet_analysis.studies.devices import answers
from paretofleet_analysis.studies.drawn_times import slower_by
from paretofleet_analysis.studies.places import places_of
from paretofleet_analysis.studies.rank_agreement import agreement

#: Beside the repository: the tables belong to their authors.
NAS = Path(__file__).parents[4] / "shared" / "data" / "nas"
needs_data = pytest.mark.skipif(not NAS.is_dir(), reason=f"no tables of others in {NAS}")

ORDER = "The order of models is the same from device to device"
RUNTIMES = "The order of models is the same from runtime to runtime"
ENERGY = "The order of models by energy is that by time"
FRONTS = "One place's front of accuracy and time is another's"
FASTEST = "What is fastest at one place is fastest at another"


def by_title(found):
    return {answer.title: answer for answer in found}


@pytest.fixture
def two_devices(fleet):
    """The same networks on `a` and `b`, whose latencies in ms are given, with accuracies that grow."""

    def make(a_ms, b_ms, **more):
        tables = []
        for name, times in (("a", a_ms), ("b", b_ms)):
            models = {f"n{k:02d}": (60.0 + k / 2, ms / 1e3) for k, ms in enumerate(times)}
            tables.append(fleet(models, device=name, **more))
        return files.concatenate(tables)

    return make


def test_devices_that_order_models_alike_share_their_front(two_devices):
    times = np.geomspace(1, 90, 40)
    found = by_title(answers(two_devices(times, 3 * times)))
    assert found[ORDER].verdict == "holds"
    assert found[FRONTS].verdict == "holds"
    assert found[FASTEST].verdict == "holds"
    assert found[RUNTIMES].verdict == "left out"


def test_devices_that_order_models_unlike_fail_with_what_a_choice_costs(two_devices):
    times = np.geomspace(1, 90, 40)
    found = by_title(answers(two_devices(times, times[::-1])))
    assert found[ORDER].verdict == "fails"
    assert found[ORDER].rows[0][4] == pytest.approx(-1)
    assert found[FASTEST].verdict == "fails"
    row = found[FASTEST].rows[0]
    assert row[3] in ("n00", "n39")
    assert row[5] < row[4] < row[6]
    assert row[4] == pytest.approx(90, rel=0.02)
    assert found[FRONTS].verdict == "fails"


def test_of_very_many_comparisons_those_that_differ_most_have_an_interval(two_devices, monkeypatch):
    times = np.geomspace(1, 90, 40)
    report = two_devices(times, times[::-1])
    monkeypatch.setattr(devices, "LINES_MAX", 1)
    every = by_title(answers(report))
    monkeypatch.setattr(devices, "TABLE_FROM", len(report))
    some = by_title(answers(report))
    for title in (FRONTS, FASTEST):
        assert some[title].verdict == every[title].verdict == "fails"
        assert some[title].rows == every[title].rows
        assert some[title].sentence.startswith(every[title].sentence)
        assert "Intervals, and the verdict, are of the " in some[title].sentence


def test_orders_that_are_all_the_same_are_said_once(two_devices):
    found = by_title(answers(two_devices([10, 20, 30], [1, 2, 3])))
    assert "Kendall's tau of 1 comparison is 1" in found[ORDER].sentence
    assert "Of a front, 100 % (a at b) lie within 2 %" in found[FRONTS].sentence
    assert "The best of 2 devices by each cost alone" in found["The best of each device"].sentence


def test_few_models_leave_it_open(two_devices):
    assert by_title(answers(two_devices([1, 2, 3, 4], [1, 2, 3, 4])))[ORDER].verdict == "cannot tell"


def test_one_device_is_no_comparison(fleet):
    found = by_title(answers(fleet({"a": (70, 0.01), "b": (75, 0.02)})))
    assert found[ORDER].verdict == "left out"
    assert found[FRONTS].verdict == "left out"
    assert found["The best of each device"].verdict == "told"


def test_the_best_of_each_device_keeps_the_limits(two_devices):
    table = two_devices([10, 20, 30], [30, 20, 10])
    best = {
        (row[0], row[1]): row[2].split()[0]
        for row in by_title(answers(table, top1_min=60.4))["The best of each device"].rows
        if row[2]
    }
    assert best["a", "fastest"] == "n01"
    assert best["b", "fastest"] == "n02"
    assert best["a", "most accurate"] == "n02"
    titled = "The best of each device, batch_latency_mean_s of at most 0.025"
    limited = by_title(answers(table, maxima={"batch_latency_mean_s": 0.025}))[titled]
    rows = {(row[0], row[1]): row[2] for row in limited.rows}
    assert rows["a", "most accurate"].startswith("n01")
    none = by_title(answers(table, maxima={"batch_latency_mean_s": 1e-6}))
    assert none["The best of each device, batch_latency_mean_s of at most 1e-06"].verdict == "left out"
    with pytest.raises(RequestError, match="unknown objective 'latency'"):
        answers(table, maxima={"latency": 1.0})


def test_unlike_precisions_are_not_compared(fleet):
    times = {f"n{k}": (60 + k, 0.01 * (k + 1)) for k in range(6)}
    table = files.concatenate([fleet(times, device="a"), fleet(times, device="b", precision="int8")])
    effective = table.schema.get_field_index("effective_precision")
    table = table.set_column(effective, table.schema.field(effective), table["precision"])
    assert by_title(answers(table))[ORDER].verdict == "left out"


@settings(max_examples=50, deadline=None)
@given(
    arrays(float, 12, elements=st.sampled_from([60.0, 61.0, 62.0, 63.0])),
    arrays(float, 12, elements=st.floats(0.5, 9)),
)
def test_a_factor_is_the_time_over_the_best_of_what_is_as_accurate(top1, times):
    (factors,) = slower_by(top1, times[None])
    expected = [time / times[top1 >= accuracy].min() for accuracy, time in zip(top1, times, strict=True)]
    assert factors == pytest.approx(expected)


def test_the_interval_of_tau_holds_the_true_one():
    rng = np.random.default_rng(2)
    rho, held = 0.8, 0
    true = 2 / np.pi * np.arcsin(rho)
    for _ in range(200):
        x, noise = rng.standard_normal((2, 30))
        found = agreement(x, rho * x + np.sqrt(1 - rho**2) * noise)
        held += found.lo <= true <= found.hi
    assert 180 <= held <= 200


@needs_data
def test_on_the_pi_5_the_runtime_is_a_device_too():
    report = files.conform(import_hwnas([NAS / "nb201_pi5_latency_energy.parquet"]).report, name="pi5")
    found = by_title(answers(report, top1_min=40))
    tau = found[RUNTIMES].rows[0]
    assert tau[3] == 6317
    assert tau[4] == pytest.approx(0.91, abs=0.005)
    assert tau[5] < tau[4] < tau[6]
    fronts = {row[0].split()[-1]: row for row in found[FRONTS].rows}
    assert fronts["onnx"][3:5] == (39, 20)
    assert fronts["litert"][3:5] == (36, 20)
    rhos = [row[6] for row in found[ENERGY].rows]
    assert all(0.93 <= rho <= 0.99 for rho in rhos)
    assert "All 12932 rows are published figures of unknown runs" in found[RUNTIMES].sentence


@needs_data
def test_the_front_of_the_tx2_is_near_that_of_the_vpu_and_far_from_the_pi_4s(tmp_path):
    table = pyarrow.csv.read_csv(NAS / "nb201_latency_tx2_nano_1999.csv")
    few = table.select(["arch_index", "jetson_tx2_tensorrt_ms", "raspi4_ms", "nnmeter_myriad_vpu_ms"])
    pyarrow.csv.write_csv(few, tmp_path / "few.csv")
    paths = [tmp_path / "few.csv", NAS / "nb201_accuracy_training.csv.gz"]
    report = files.conform(import_hwnas(paths, dataset="cifar10").report, name="nas")
    found = by_title(answers(report, top1_min=40))
    rows = {(row[0].split()[0], row[1].split()[0]): row for row in found[FRONTS].rows}
    to_vpu, back = rows["jetson-tx2", "myriad-vpu"], rows["myriad-vpu", "jetson-tx2"]
    assert (to_vpu[3], back[3]) == (16, 16)
    assert to_vpu[5] == pytest.approx(0.75)
    assert rows["jetson-tx2", "raspi4"][5] == pytest.approx(0.19, abs=0.005)
    assert back[5] == pytest.approx(0.5)
    assert found[FRONTS].verdict == "told"


@needs_data
def test_what_a_choice_on_the_1080_ti_costs_on_the_pi_5_hangs_on_the_accuracy_that_is_asked_for(tmp_path):
    pi5 = pq.read_table(NAS / "nb201_pi5_latency_energy.parquet")
    pq.write_table(pi5.filter(pc.equal(pi5["framework"], "onnx")), tmp_path / "pi5.parquet")
    times = pq.read_table(NAS / "nb201_help.parquet", columns=["arch", "ms_1080ti_1"])
    pq.write_table(times, tmp_path / "times.parquet")
    paths = [tmp_path / "pi5.parquet", tmp_path / "times.parquet", NAS / "nb201_accuracy_training.csv.gz"]
    report = files.conform(import_hwnas(paths).report, name="nas")
    places, factors = places_of(report), {}
    for least in (40, 60, 65, 68):
        pairs = places_compared.pairs_of(places, top1_min=least)
        pair = next(pair for pair in pairs if pair.origin.device == "gtx1080ti")
        factors[least] = places_compared.regret(pair).factor
    assert factors == pytest.approx({40: 1.03, 60: 3.16, 65: 2.62, 68: 2.02}, abs=0.01)
