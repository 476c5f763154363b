"""What `sweep show --timing` says of a sweep's repeats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.diagnostics import timing
from paretofleet_analysis.present.timing_text import timing_lines
from paretofleet_analysis.report.inputs import ReportInput, RunInput
from paretofleet_analysis.report.rows import build_report

MEANS = [0.0100, 0.0102, 0.0098, 0.0101, 0.0099]


def configuration(model, means, error_s, device="desk", **more):
    runs = [
        RunInput(
            run_id=f"{model}-{device}-{block}",
            block=block,
            state="sealed",
            environment_id="e" * 16,
            summary={
                "iterations": 500,
                "batch_latency_mean_s": mean_s,
                "time_per_item_s": mean_s,
                "mean_error_s": error_s,
                "overhead_s": 3.0,
            },
        )
        for block, mean_s in enumerate(means, start=1)
    ]
    made = ReportInput(
        sweep="first",
        configuration_id=model,
        model=model,
        variant="fp32",
        variant_sha256="0" * 64,
        weights_precision="fp32",
        device=device,
        device_class="cpu",
        target="cpu",
        runtime="onnxruntime",
        options={},
        precision="fp32",
        batch_size=1,
        threads=1,
        mode="latency",
        timing_scope="copy+compute",
        protocol="standard",
        simulated=False,
        runs=runs,
    )
    return replace(made, **more)


def test_a_sweep_tells_how_its_devices_drifted_and_what_to_repeat():
    table = build_report(
        [
            configuration("canary", list(0.02 * np.exp(0.03 * np.arange(8))), 1e-5),
            configuration("a", MEANS, 1e-5),
            configuration("b", MEANS, 4e-4),
            configuration("c", MEANS[:2], 1e-5, device="young"),
        ]
    )
    summary = timing.timing_summary(table)
    assert summary["drift"][0]["measures"]["time_per_item_s"]["per_block"] == pytest.approx(np.expm1(0.03))
    (desk,) = summary["levels"]
    assert (desk["device"], desk["configurations"]) == ("desk", 3)
    assert desk["help"] == {"more runs": 2, "longer windows": 1}
    text = "\n".join(timing_lines(summary))
    assert "drift of desk by its canary (canary fp32" in text
    assert "drift of young: unknown, no configuration ran in 3 blocks" in text
    assert "is between runs and 0 % within them (median of 3 configurations)" in text
    assert text.endswith("what would help: longer windows in 1, more runs in 2")


def test_a_young_sweep_says_that_there_is_nothing_to_say():
    summary = timing.timing_summary(build_report([configuration("a", MEANS[:2], 1e-5)]))
    assert summary["levels"] == []
    assert "nothing to say before 5 runs of 30 iterations" in "\n".join(timing_lines(summary))


def test_runs_that_each_build_an_engine_say_so():
    table = build_report(
        [configuration("a", MEANS, 1e-5), configuration("b", MEANS, 1e-5, runtime="trtexec")]
    )
    summary = timing.timing_summary(table)
    assert summary["levels"][0]["builds"] == 1
    text = "\n".join(timing_lines(summary))
    assert "builds on desk: each run of 1 configurations builds an engine of its own" in text
    plain = timing.timing_summary(build_report([configuration("a", MEANS, 1e-5)]))
    assert "builds" not in "\n".join(timing_lines(plain))
