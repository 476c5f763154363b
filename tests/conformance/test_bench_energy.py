"""What bench says of an energy is what the report says of the same samples, within what both allow."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import PHASES, SCHEMAS, Artifact
from paretofleet_agent.power import rail_facts, stopping
from paretofleet_agent.runner import frames
from paretofleet_agent.simulate.sensor_models import MODELS, Curve, readings, with_faults
from paretofleet_agent.standalone import bench, bench_energy
from paretofleet_agent.standalone.run_options import BenchRequest, RunOptions
from paretofleet_analysis.runs.summary import summarize_run

S = 10**9
READ_S = 0.05


class Both(bench.RunSamples):
    """Keeps what bench keeps, and every stream as it is sealed."""

    def __init__(self):
        super().__init__()
        self.streams = {}

    def put(self, stream, schema, n, columns):
        super().put(stream, schema, n, columns)
        if schema == "state/1":
            return
        columns = [np.array(column, np.int64) for column in frames.unpack_columns(columns, n)]
        kept = self.streams.setdefault(stream, {name: np.empty(0, np.int64) for name in SCHEMAS[schema]})
        for name, column in zip(SCHEMAS[schema], columns, strict=True):
            kept[name] = np.concatenate([kept[name], column])


def both(samples, facts, device=None):
    """The energy of a run as bench gives it, and as the report has it."""
    window = samples.window(facts.get("paced"))
    items = len(samples.window_s())
    here = bench_energy.of_run(device, "cpu", facts, samples.power, window, items)
    mode = "paced" if facts.get("paced") else "latency"
    report = summarize_run(samples.streams, facts, batch_size=1, mode=mode, target_kind="cpu")
    return here, report


def agree(here, report):
    """Whether the two differ by no more than both say that they may be off."""
    off = math.hypot(here["energy_relative_uncertainty"] or 0.0, report["energy_relative_uncertainty"] or 0.0)
    return abs(here["energy_j_per_item"] / report["energy_j_per_item"] - 1.0) <= off


def of_simulated(root, device_class, seed, request):
    """The energy of a simulated run as bench gives it, and as the report has it."""
    device = probe.probe_device(root, Simulation(device_class, seed), {})
    lease = bench.lease_of(Artifact("5" * 64, 45 * 10**6, "net.onnx"), seed, request)
    samples = Both()
    outcome = measure(lease, None, samples, bench.Progress("run"), device)
    assert outcome.ok, outcome.message
    return both(samples, outcome.facts, device)


@pytest.mark.parametrize("device_class", ["jetson-tx2", "jetson-tx1", "jetson-nano", "cpu-server"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_simulated_run_has_one_energy(tmp_path, device_class, seed):
    here, report = of_simulated(tmp_path, device_class, seed, BenchRequest(window_min_s=15.0))
    assert here["energy_relative_uncertainty"] is not None
    assert agree(here, report)
    for key in ("power_scope", "power_source", "energy_gain_uncertainty"):
        assert here[key] == report[key]


@pytest.mark.parametrize("device_class", ["jetson-tx2", "cpu-server"])
def test_so_has_one_whose_items_come_by_the_clock(tmp_path, device_class):
    options = RunOptions(mode="paced", items_s=5.0)
    request = BenchRequest(window_min_s=20.0, options=options)
    here, report = of_simulated(tmp_path, device_class, 1, request)
    assert agree(here, report)


def of_sensor(model, seed, *, window_s, faults):
    """A run of steady work whose power a model shows, read as the sampler reads."""
    draw = random.Random(f"{seed} {window_s}")
    model = with_faults(model, seed, **faults)
    rail = model.rail("sim", "x", "package")
    facts = dict(rail.facts(), read_s=READ_S, read_spread=False)
    guard_s = stopping.guard_s([rail_facts.rail_facts(facts, READ_S)], is_short=True)
    begin_s = 5.0 + draw.random()
    start_s, end_s = begin_s + guard_s, begin_s + guard_s + window_s
    curve = Curve([(-100.0, 10.0), (begin_s - 1.0, 40.0 + 20.0 * draw.random())])
    series = readings(model, curve, begin_s=0.0, end_s=end_s + guard_s, every_s=READ_S)
    samples = Both()
    marks = [
        (0, "idle_before"),
        (round(begin_s * S), "guard_before"),
        (round(start_s * S), "measure"),
        (round(end_s * S), "guard_after"),
        (round((end_s + guard_s) * S), "end"),
    ]
    length_ns = round(0.013 * S)
    starts = range(round(start_s * S), round(end_s * S) - length_ns, length_ns)
    for stream, schema, columns in (
        ("marks", "marks/1", [[t for t, _ in marks], [PHASES.index(phase) for _, phase in marks]]),
        ("iterations", "iterations/1", [list(starts), [length_ns] * len(starts)]),
        (rail.stream, rail.schema, list(zip(*series, strict=True))),
    ):
        samples.put(stream, schema, len(columns[0]), frames.pack_columns(columns))
    return samples, {"sensors": [facts], "target_id": "cpu", "flags": []}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "meter"])
@pytest.mark.parametrize("faults", [{}, {"stale": 0.1, "failing": 0.03}], ids=["good", "faulty"])
def test_every_kind_of_sensor_has_one_energy(name, faults):
    """As often as two uncertainties at 95 % say; where the report has none, bench has none.

    A gap at an edge may be a hole by a read more or less.
    """
    agreed, alone = [], 0
    for seed in range(40):
        for window_s in (0.4, 1.0, 5.0, 12.0):
            here, report = both(*of_sensor(MODELS[name], seed, window_s=window_s, faults=faults))
            if here["energy_j_per_item"] is None:
                assert here["energy_why"]
                continue
            if report["energy_j_per_item"] is None:
                alone += 1
                continue
            if here["energy_relative_uncertainty"] is None:
                assert here["energy_why"]
            else:
                assert report["energy_relative_uncertainty"] is not None, (seed, window_s)
                agreed.append(agree(here, report))
    assert alone <= (4 if faults else 0)
    least = 0.85 if faults else 0.95  # agent and report allow for a good refresh only
    assert sum(agreed) >= least * len(agreed)
    assert agreed or MODELS[name].part_time


def altered(samples, change):
    """The samples with the power readings, times and values, as `change` makes them."""
    ((stream, (times, values)),) = samples.power.items()
    times, values = change(times, values)
    schema = "power/1" if "value_uw" in samples.streams[stream] else "energy/1"
    samples.power.clear()
    samples.streams.pop(stream)
    samples.put(stream, schema, len(times), frames.pack_columns((times, values)))
    return samples


def with_a_hole(times, values):
    kept = [(t, value) for t, value in zip(times, values, strict=True) if not 9 * S < t < 10 * S]
    return tuple(zip(*kept, strict=True))


@pytest.mark.parametrize(
    ("name", "change", "facts", "why"),
    [
        ("nvml-full", with_a_hole, {}, "readings of sim/x are missing in the window"),
        ("rapl", lambda times, _: (times, [7] * len(times)), {}, "sim/x stood still while"),
        (
            "intel-gpu",
            lambda t, v: (t, [each - (v[-1] if k > 200 else 0) + v[-1] for k, each in enumerate(v)]),
            {},
            "sim/x began to count anew",
        ),
        ("rapl", lambda t, v: (t[:190], v[:190]), {}, "readings of sim/x are missing in the window"),
        ("nvml-full", lambda t, v: (t, v), {"max_power_w": 20.0}, "W where 20 W is the most"),
        ("rapl", lambda t, v: (t, v), {"missing": "unplugged"}, "missing in this run: unplugged"),
    ],
)
def test_neither_has_an_energy_and_bench_says_why(name, change, facts, why):
    samples, run_facts = of_sensor(MODELS[name], 1, window_s=5.0, faults={})
    run_facts["sensors"][0].update(facts)
    here, report = both(altered(samples, change), run_facts)
    assert here["energy_j_per_item"] is report["energy_j_per_item"] is None
    assert why in here["energy_why"]
