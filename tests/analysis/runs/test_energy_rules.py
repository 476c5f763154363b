"""What an energy is made of: idle and its kind, dynamic energy, two sensors of one source, rates."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_agent.simulate.sensor_models import MODELS, SensorModel, with_faults
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.ranking.energy_rate import energy_j_per_item_at_rate, take_rate
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.energy_uncertainty import error_budget
from paretofleet_analysis.runs.power_curve import PowerCurve, SensorFacts, power_curve
from paretofleet_analysis.runs.summary import summarize_run
from windows import Load, run_of

COUNTER, FULL = MODELS["nvml-counter"], MODELS["nvml-full"]


def run(model=COUNTER, *, power_w=100.0, idle_w=40.0, window_s=6.0, seed=1, **more):
    load = Load(power_w, power_w, iteration_s=0.0313, pause_s=more.pop("pause_s", 0.0))
    faulty = with_faults(model, seed, stale=model.stale, failing=model.failing)
    return run_of(faulty, load, window_s=window_s, seed=seed, idle_w=idle_w, **more)


def test_idle_has_its_kind_and_dynamic_energy_is_what_is_above_it():
    made = run()
    entry = made.entry()
    assert (entry["idle_kind"], entry["idle_power_w"]) == ("armed_idle", pytest.approx(40.0, rel=0.02))
    assert entry["cold_idle_power_w"] == pytest.approx(40.0, rel=0.03)
    per_item = made.true_j / made.summary()["iterations"]
    assert entry["dynamic_j_per_item"] == pytest.approx(0.6 * per_item, rel=0.03)
    assert entry["dynamic_relative_uncertainty"] > entry["relative_uncertainty"]


def test_dynamic_energy_below_a_fifth_is_not_told_apart_from_idle():
    entry = run(idle_w=85.0).entry()
    assert entry["energy_j"] is not None
    assert entry["idle_power_w"] == pytest.approx(85.0, rel=0.02)
    assert entry["dynamic_j_per_item"] is None
    assert entry["dynamic_relative_uncertainty"] is None


def test_the_terms_of_the_budget_are_published_apart():
    counted, sampled = run().entry(), run(replace(FULL, noise_w=3.0)).entry()
    assert counted["sampling_uncertainty"] == 0
    assert counted["time_uncertainty"] > counted["quantum_uncertainty"]
    assert sampled["sampling_uncertainty"] > sampled["edge_uncertainty"]
    for entry in (counted, sampled):
        names = ("edge", "sampling", "quantum", "time")
        root = math.hypot(*(entry[f"{name}_uncertainty"] for name in names))
        assert 1.95 * root <= entry["relative_uncertainty"] <= 2.8 * root


def test_a_lag_that_nobody_knows_is_not_taken_for_none():
    """As much as a period late: nothing to work that is steady within its guards, much to a short guard."""
    guarded, bare = run(FULL, guard_s=1.0), run(FULL, window_s=3.0, idle_w=40.0, guard_s=0.0)
    terms = []
    for made in (guarded, bare):
        known = made.entry()
        made.facts["sensors"][0].update(lag_s=None)
        unknown = made.entry()
        assert unknown["energy_j"] == known["energy_j"]
        assert unknown["error_bound"] >= known["error_bound"]
        terms.append(unknown["relative_uncertainty"] - known["relative_uncertainty"])
    assert terms[0] == pytest.approx(0, abs=5e-4)
    assert terms[1] > 0.002


def test_what_an_unknown_lag_adds_covers_the_error_of_lags_between_none_and_a_period():
    """A step from 10 to 30 W before the window: root mean square error of the window's mean, one-sided."""
    t_s = np.arange(-4.0, 9.0, 1.0)
    power_w = np.where(t_s < 0, 10.0, 30.0)
    window_s = 5.0
    curve = PowerCurve(
        t_s=t_s,
        value=power_w,
        is_counter=False,
        origin_ns=0,
        spacing_s=1.0,
        read_s=1.0,
        missed_s=math.inf,
        late_s=np.zeros(t_s.size),
        unknown_lag_s=1.0,
    )
    found = error_budget(curve, 0.0, window_s, quantum=0.0, edge_w=10.0)
    lags_s = np.linspace(0.0, 1.0, 1001)
    errors = (10.0 - 30.0) * lags_s / (30.0 * window_s)
    assert found.time == pytest.approx(math.sqrt(np.mean(errors**2)), rel=0.01)


def alternating(alike, *, load_s=None):
    """U of three refreshes in a window of 3 s: all at 10 W, amid others at 9 and 11 W, idle from 8 s on."""
    t_s = np.arange(-20.0, 20.0)
    power_w = np.where(t_s % 2 == 0, 9.0, 11.0)
    power_w[(t_s >= 0) & (t_s < 3)] = alike
    power_w[t_s >= 8] = 1.0
    curve = PowerCurve(
        t_s=t_s,
        value=power_w,
        is_counter=False,
        origin_ns=0,
        spacing_s=1.0,
        read_s=1.0,
        missed_s=1.5,
        late_s=np.zeros(t_s.size),
    )
    return error_budget(curve, -0.5, 2.5, quantum=0.01, edge_w=10.0, load_s=load_s)


def test_three_refreshes_that_are_alike_take_the_spread_of_those_around_them():
    shown, guarded = (
        alternating([10.0, 10.0, 10.0]),
        alternating([10.0, 10.0, 10.0], load_s=(-5.0, 8.0 - 1e-6)),
    )
    assert 0.04 < guarded.sampling < 0.07
    assert shown.sampling > 3 * guarded.sampling, "nobody said where the load ended: idle is in it"


def test_a_spread_of_three_refreshes_has_two_degrees_of_freedom():
    budget = alternating([9.0, 11.0, 10.0], load_s=(-0.5, 2.5))
    root = math.hypot(budget.edge, budget.sampling, budget.quantum, budget.time)
    assert budget.sampling == pytest.approx(0.1 / math.sqrt(3), rel=0.02)
    assert budget.relative == pytest.approx(4.303 * root, rel=1e-3)


def test_a_power_of_six_refreshes_is_never_known_to_two_percent():
    """However alike they are."""
    steady = replace(MODELS["nvml-full"], quantum=1e-6, stale=0.0, failing=0.0)
    for window_s, is_flagged in ((0.45, True), (1.5, False)):
        entry = run(steady, window_s=window_s, guard_s=1.5).entry()
        assert (entry["refreshes"] <= 6) == is_flagged
        assert entry["relative_uncertainty"] < 0.02
        assert ("energy_not_converged" in entry["flags"]) == is_flagged


def both(gain=1.0, noise_w=0.0):
    """A counter and a power of one card, the power off by a gain."""
    counted = run()
    sampled = run(replace(FULL, gain=gain, noise_w=noise_w))
    sensors = [
        {**counted.facts["sensors"][0], "rail": "energy", "stream": "power:nvml/energy"},
        {**sampled.facts["sensors"][0], "rail": "instant", "stream": "power:nvml/instant", "primary": False},
    ]
    streams = {name: counted.streams[name] for name in ("iterations", "marks")}
    streams["power:nvml/energy"] = counted.streams["power:sim/rail"]
    streams["power:nvml/instant"] = sampled.streams["power:sim/rail"]
    return summarize_run(streams, {"sensors": sensors}, batch_size=1, mode="latency", target_kind="cpu")


def test_a_counter_and_the_power_beside_it_that_differ_are_both_published_with_a_flag():
    alike, apart = both(), both(gain=1.06)
    assert "counter_integral_mismatch" not in alike["flags"]
    assert "counter_integral_mismatch" in apart["flags"]
    counted, integrated = apart["energy"]
    assert integrated["energy_j"] / counted["energy_j"] == pytest.approx(1.06, rel=0.01)
    assert apart["energy_j_per_item"] == counted["energy_j_per_item"], "the counter speaks"


def test_the_flags_of_a_secondary_sensor_are_not_those_of_the_run():
    noisy = both(noise_w=60.0)
    assert "energy_not_converged" in noisy["energy"][1]["flags"]
    assert "energy_not_converged" not in noisy["flags"]


def beside(scope, *, covers=True, target_kind="cpu"):
    """The summary of a run whose package counts, with a sensor of another scope that shows 70 W beside it."""
    made = run()
    times = made.streams["power:sim/rail"]["t_ns"]
    other = dict(made.facts["sensors"][0], stream="power:other/x", source="other", rail="x", scope=scope)
    other |= {"kind": "boxcar", "schema": "power/1", "period_s": 0.1, "quantum_j": None, "quantum_w": 0.1}
    kept = slice(None) if covers else slice(0, 3)
    streams = made.streams | {"power:other/x": {"t_ns": times, "value_uw": np.full(times.size, 70_000_000)}}
    streams["power:other/x"] = {name: column[kept] for name, column in streams["power:other/x"].items()}
    facts = {"sensors": [*made.facts["sensors"], other]}
    return summarize_run(streams, facts, batch_size=1, mode="latency", target_kind=target_kind)


@pytest.mark.parametrize("scope", ["battery", "apu", "pmic-rails"])
def test_the_only_sensor_of_a_laptop_speaks_for_its_runs(scope):
    made = run()
    facts = {"sensors": [dict(made.facts["sensors"][0], scope=scope)]}
    summary = summarize_run(made.streams, facts, batch_size=1, mode="latency", target_kind="cpu")
    per_item = made.true_j / summary["iterations"]
    assert summary["energy_j_per_item"] == pytest.approx(per_item, rel=0.01)
    assert summary["power_scope"] == scope


def test_a_package_goes_before_a_battery_and_an_apu_is_no_power_of_a_graphics_card():
    assert beside("battery")["power_scope"] == "package"
    assert beside("battery", target_kind="cuda")["power_scope"] == "battery", "it carries the card, too"
    assert beside("apu", target_kind="cuda")["energy_j_per_item"] is None


def test_the_rails_of_a_raspberry_pi_speak_as_themselves_and_only_where_nothing_else_does():
    assert beside("pmic-rails")["power_scope"] == "package"
    assert beside("pmic-rails", target_kind="cuda")["energy_j_per_item"] is None
    made = run()
    rails, meter = (dict(made.facts["sensors"][0], scope=scope) for scope in ("pmic-rails", "wall"))
    streams = made.streams | {"power:meter/x": made.streams["power:sim/rail"]}
    facts = {"sensors": [rails, dict(meter, stream="power:meter/x", source="meter")]}
    summary = summarize_run(streams, facts, batch_size=1, mode="latency", target_kind="cpu")
    assert summary["power_scope"] == "wall"


def test_a_secondary_sensor_that_does_not_cover_the_window_is_no_flag_of_the_energy():
    summary = beside("battery", covers=False)
    assert summary["energy_j_per_item"] == beside("battery")["energy_j_per_item"]
    package, battery = summary["energy"]
    assert (package["flags"], battery["flags"]) == ([], ["energy_not_covered"])
    assert "energy_not_covered" not in summary["flags"]


def test_a_sensor_slower_than_the_run_gives_no_energy():
    entry = run(MODELS["meter"], window_s=0.9).entry()
    assert entry["energy_j"] is None
    assert entry["flags"] == ["sensor_too_slow"]


BATTERY = SensorModel("filtered", 30.0, tau_s=5.0, quantum=0.01, noise_w=0.05)


@pytest.mark.parametrize(("model", "is_told"), [(BATTERY, False), (replace(BATTERY, period_s=0.4), True)])
def test_a_sensor_whose_period_nobody_could_measure_needs_refreshes_that_are_seen(model, is_told):
    """A fuel gauge shows what was drawn half a minute ago: in a window of 15 s that may be idle."""
    made = run(model, power_w=12.0, idle_w=4.0, window_s=15.0, guard_s=25.0 if is_told else None)
    made.facts["sensors"][0].update(period_s=None)
    entry = made.entry()
    if is_told:
        assert entry["energy_j"] == pytest.approx(made.true_j, rel=0.02)
    else:
        assert entry["energy_j"] is None
        assert entry["flags"] == ["sensor_too_slow"]


def test_a_reading_of_unknown_rhythm_that_never_moves_is_no_reading():
    """Some drivers give the same power for ever."""
    frozen = run(replace(MODELS["ina3221-triggered"], quantum=1000.0, gain=10.0), power_w=100.0, idle_w=95.0)
    frozen.facts["sensors"][0].update(period_s=None)
    assert len(set(frozen.streams["power:sim/rail"]["value_uw"])) == 1
    assert frozen.entry()["energy_j"] is None
    moving = run(replace(MODELS["ina3221-triggered"], noise_w=1.0), power_w=100.0, idle_w=40.0)
    moving.facts["sensors"][0].update(period_s=None)
    assert moving.entry()["energy_j"] == pytest.approx(moving.true_j, rel=0.02)


def test_a_window_between_two_refreshes_borrows_the_guards_and_says_how_little_that_is():
    """The quick protocol and a tiny model: the same work goes on around the window."""
    noisy = replace(MODELS["nvml-full"], noise_w=4.0)
    within = []
    for seed in range(40):
        made = run(noisy, window_s=0.06, seed=seed, guard_s=1.0)
        entry = made.entry()
        assert entry["refreshes"] <= 2
        assert 0.03 < entry["relative_uncertainty"] < 0.5
        assert "energy_not_converged" in entry["flags"]
        within.append(abs(entry["energy_j"] / made.true_j - 1) <= entry["relative_uncertainty"])
    assert np.mean(within) >= 0.9


@pytest.mark.parametrize("model", [COUNTER, FULL, MODELS["ina3221-triggered"]])
def test_a_rail_that_disappears_in_the_window_gives_no_energy_and_leaves_the_times_alone(model):
    whole, lost = run(model), run(replace(model, lost_s=6.0))
    assert lost.entry()["energy_j"] is None
    for name in ("batch_latency_mean_s", "throughput_items_s", "iterations"):
        assert lost.summary()[name] == whole.summary()[name]
    assert "energy_not_covered" in lost.summary()["flags"]


def test_readings_with_too_many_holes_give_no_energy():
    triggered = MODELS["ina3221-triggered"]
    few = [run(replace(triggered, failing=0.02), power_w=8, idle_w=2, seed=seed).entry() for seed in range(5)]
    many = [run(replace(triggered, failing=0.5), power_w=8, idle_w=2, seed=seed).entry() for seed in range(5)]
    assert all(entry["energy_j"] is not None for entry in few)
    assert all(entry["energy_j"] is None for entry in many)


def test_a_counter_that_was_reset_in_the_run_gives_no_energy():
    assert run(replace(COUNTER, reset_s=6.0)).entry()["energy_j"] is None


def test_pauses_of_a_spread_run_are_no_part_of_power_energy_or_throughput():
    plain = run(FULL, power_w=100.0, idle_w=40.0)
    spread = run(FULL, power_w=100.0, idle_w=40.0, pause_s=0.03, facts={"phase_spread": {"pause_s": 0.03}})
    for name, tolerance in (("energy_j_per_item", 0.02), ("power_w", 0.02), ("throughput_items_s", 1e-6)):
        assert spread.summary()[name] == pytest.approx(plain.summary()[name], rel=tolerance)
    without_idle = {name: columns for name, columns in spread.streams.items() if name != "marks"}
    phases = spread.streams["marks"]
    kept = phases["phase"] != 6
    without_idle["marks"] = {name: column_[kept] for name, column_ in phases.items()}
    found = summarize_run(without_idle, spread.facts, batch_size=1, mode="latency", target_kind="cpu")
    assert found["energy_j_per_item"] is None, "nothing is known of the pauses' power"


def test_a_stale_counter_is_read_across_its_standstill():
    """A refresh that does not come leaves a step of twice the size; the line between changes is right."""
    t_ns = np.arange(0, 40) * 50_000_000
    counted = (np.arange(0, 40) // 2 * 5_000_000).copy()
    counted[20:22] = counted[18]
    curve = power_curve(t_ns, counted, SensorFacts(is_counter=True, period_s=0.1))
    assert energy_j(curve, 0.5, 1.5) == pytest.approx(50.0, rel=1e-9)


# Items that come at a rate.


@given(
    energy_j=st.floats(1e-3, 1e3),
    time_s=st.floats(1e-4, 10),
    idle_w=st.floats(0, 100),
    share=st.floats(0.01, 1),
)
def test_at_a_rate_idle_fills_the_period(energy_j, time_s, idle_w, share):
    values = {"energy_j_per_item": energy_j, "time_per_item_s": time_s, "armed_idle_power_w": idle_w}
    rate_hz = share / time_s
    found = energy_j_per_item_at_rate(rate_hz, **values)
    mean_power_w = found * rate_hz
    assert found >= energy_j
    busy_w = energy_j / time_s
    assert min(busy_w, idle_w) * (1 - 1e-9) <= mean_power_w <= max(busy_w, idle_w) * (1 + 1e-9)
    assert energy_j_per_item_at_rate(1 / time_s, **values) == pytest.approx(energy_j)
    assert energy_j_per_item_at_rate(1.01 / time_s, **values) is None


def report_of(summaries):
    """The report of one configuration with a run for each summary."""
    runs = [
        RunInput(run_id=str(k), block=k, state="sealed", environment_id="e" * 16, summary=summary)
        for k, summary in enumerate(summaries, 1)
    ]
    given_ = ReportInput(
        sweep="s", configuration_id="c", model="m", variant="v", variant_sha256="0" * 64,
        weights_precision="fp32", device="d", device_class="cpu", target="cpu", runtime="r", options={},
        precision="fp32", batch_size=1, threads=None, mode="latency", timing_scope="copy+compute",
        protocol="standard", simulated=True, runs=runs,
    )  # fmt: skip
    return build_report([given_])


@pytest.mark.parametrize(
    ("energies", "is_told"),
    [
        ((1.0, 1.06, 0.94, 1.05, 0.95), True),
        ((1.0, 1.002, 0.998, 1.001, 0.999), False),
        ((1.0, 1.06, 0.94), False),
    ],
    ids=["apart", "alike", "too few"],
)
def test_processes_that_differ_in_energy_by_more_than_each_one_may_be_off_are_flagged(energies, is_told):
    summary = run().summary()
    each = [summary | {"energy_j_per_item": energy_j} for energy_j in energies]
    assert summary["energy_relative_uncertainty"] < 0.02
    assert ("process_variance" in report_of(each).to_pylist()[0]["flags"]) == is_told


def test_a_report_has_the_kind_of_idle_and_the_error_budget_of_every_scope():
    summary = run().summary()
    (rail,) = report_of([summary] * 3).to_pylist()[0]["energy"]
    assert rail["idle_kind"] == "armed_idle"
    assert rail["error_bound"] == pytest.approx(summary["energy"][0]["error_bound"])
    assert json.dumps(rail)


def test_a_ranking_at_a_rate_is_by_the_energy_of_items_that_come_at_it():
    summary = run().summary()
    table = report_of([summary] * 3)
    one = {"objectives": ["energy_j_per_item"]}
    (row,) = rank(table, rate_hz=5.0, **one).rows
    assert row.estimates["energy_j_per_item"].mean == pytest.approx(
        summary["energy_j_per_item"] + 40.0 * (0.2 - summary["time_per_item_s"]), rel=0.02
    )
    (same,) = rank(table, rate_hz=5.0, power_scope="package", **one).rows
    assert same.estimates == row.estimates
    assert any("of 5 items a second" in note for note in rank(table, rate_hz=5.0, **one).notes)
    for rate_hz, why in ((1000.0, "does not keep up with 1000 items a second"), (0.0, "a rate of 0")):
        with pytest.raises(RankError, match=why):
            rank(table, rate_hz=rate_hz, **one)


def test_a_row_without_idle_of_a_loaded_model_has_no_energy_at_a_rate():
    summary = run().summary()
    summary["energy"][0] |= {"armed_idle_power_w": None, "idle_kind": "cold_idle"}
    with pytest.raises(RankError, match="idle power with the model loaded is not known"):
        rank(report_of([summary] * 3), rate_hz=5.0, objectives=["energy_j_per_item"])


@pytest.mark.parametrize("asked", [{"rate_hz": 5.0}, {"objectives": ["energy_j_per_item"]}])
def test_where_there_is_no_energy_it_is_said_why_and_what_to_do(asked):
    summary = run().summary() | {"energy": [], "energy_j_per_item": None}
    with pytest.raises(RankError, match="no power sensor was read; `paretofleet-agent probe` on the device"):
        rank(report_of([summary] * 3), **asked)
    flagged = summary | {"flags": ["counter_reset"]}
    with pytest.raises(RankError, match="energy_j_per_item is absent by its flags: counter_reset"):
        rank(report_of([flagged] * 3), **asked)


def test_a_run_that_is_slower_than_the_rate_has_no_rest():
    row = {
        "energy_j_per_item": 1.0,
        "time_per_item_s": 0.19,
        "energy_j_per_item_runs": [0.9, 1.1, None],
        "time_per_item_s_runs": [0.15, 0.23, 0.19],
    }
    assert take_rate(row, 5.0, [{"armed_idle_power_w": 2.0}]) is None
    assert row["energy_j_per_item"] == pytest.approx(1.02)
    assert row["energy_j_per_item_runs"] == [pytest.approx(1.0), pytest.approx(1.1), None]
