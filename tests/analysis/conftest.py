"""Small fleets whose numbers are written down: a run's summary, a configuration, a report."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.published import published_report
from paretofleet_analysis.report.rows import build_report

#: Simulated windows stand beside this file; simulated sweeps are shared with the benchmarks.
sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[2] / "bench")]

FACTS = {"effective": {"precision": "fp32", "provider": "CPUExecutionProvider", "runtime_version": "1.20.0"}}


def make_summary(latency_s=0.010, energy_j=None, batch_size=1, **more):
    values = {
        "iterations": 30,
        "batch_latency_mean_s": latency_s,
        "batch_latency_p50_s": latency_s,
        "batch_latency_p90_s": latency_s * 1.1,
        "batch_latency_p99_s": None,
        "time_per_item_s": latency_s / batch_size,
        "throughput_items_s": batch_size / latency_s,
        "power_w": None if energy_j is None else energy_j / latency_s,
        "energy_j_per_item": energy_j,
        "power_scope": None if energy_j is None else "package",
        "power_source": None if energy_j is None else "rapl",
        "idle_power_w": None,
        "energy_relative_uncertainty": None if energy_j is None else 0.004,
        "energy_gain_uncertainty": None if energy_j is None else 0.03,
        "energy": [],
        "memory_peak_bytes": 100_000_000,
        "load_s": 0.1,
        "first_inference_s": 0.05,
        "flags": ["short_protocol"],
        "counted": True,
        "rule_version": "1",
    }
    if energy_j is not None:
        sensor = {"stream": "power:rapl/package-0", "source": "rapl", "rail": "package-0", "scope": "package"}
        values["energy"] = [
            sensor
            | {"kind": "counter", "primary": True, "power_w": values["power_w"]}
            | {"energy_j_per_item": energy_j, "relative_uncertainty": 0.004, "gain_uncertainty": 0.03}
        ]
    return {**values, **more}


def make_configuration(name="resnet18", latencies=(0.010,) * 5, energies=None, **more):
    """A configuration whose counted runs have these mean latencies (None: the run has no summary)."""
    batch_size = more.get("batch_size", 1)
    energies = energies or (None,) * len(latencies)
    identity = f"{name}-{batch_size}-{more.get('device', 'desk')}-{more.get('runtime', 'onnxruntime')}"
    runs = [
        RunInput(
            run_id=f"{identity}-run-{block}",
            block=block,
            state="sealed",
            environment_id="e" * 16,
            boot_id="boot-1",
            started_s=1.7e9 + 60 * block,
            summary=make_summary(latency, energy, batch_size),
            facts=FACTS,
        )
        for block, (latency, energy) in enumerate(zip(latencies, energies, strict=True), start=1)
    ]
    given = ReportInput(
        sweep="demo",
        configuration_id=identity,
        model=name,
        variant="fp32",
        variant_sha256=name.ljust(64, "0"),
        weights_precision="fp32",
        device="desk",
        device_class="cpu",
        target="cpu",
        runtime="onnxruntime",
        options={},
        precision="fp32",
        batch_size=1,
        threads=1,
        mode="latency",
        timing_scope="copy+compute",
        protocol="quick",
        simulated=False,
        runs=runs,
        parameters=11_000_000,
        macs=1_800_000_000,
        size_bytes=44_000_000,
        top1=69.758,
        top1_n=50_000,
        top1_source="published-same-architecture",
        accuracy_group=name,
    )
    return replace(given, **more)


@pytest.fixture
def summary():
    return make_summary


@pytest.fixture
def configuration():
    return make_configuration


@pytest.fixture
def fleet():
    """A report from {name: (top1, latency)}, its runs `noise` apart."""

    def make(models, runs=5, noise=0.002, **more):
        rng = np.random.default_rng(0)
        counter = itertools.count()
        rows = []
        for name, (top1, latency) in models.items():
            latencies = latency * np.exp(noise * rng.standard_normal(runs))
            identity = {"configuration_id": f"{next(counter):016x}"}
            rows.append(make_configuration(name, list(latencies), top1=top1, **{**identity, **more}))
        return build_report(rows)

    return make


@pytest.fixture(scope="session")
def published():
    """A report of figures that others published: forty models of one device, each a single value."""
    rng = np.random.default_rng(5)
    latency_s = 0.001 * 1.1 ** rng.permutation(40)
    columns = {
        "model": [f"net{k:02d}" for k in range(40)],
        "device": ["board"] * 40,
        "batch_size": [1] * 40,
        "top1": [float(value) for value in 75 + 4 * np.log10(latency_s) + rng.uniform(-6, 6, 40)],
        "top1_source": ["published-same-weights"] * 40,
        "batch_latency_mean_s": [float(value) for value in latency_s],
        "energy_j_per_item": [float(value) for value in 4 * latency_s * rng.uniform(0.8, 1.2, 40)],
        "power_scope": ["module"] * 40,
    }
    return files.conform(published_report(columns, source="table.csv"), name="table.csv")
