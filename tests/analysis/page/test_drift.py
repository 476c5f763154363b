"""The figure of drift: how far each device was from its mean, block by block."""

from __future__ import annotations

import pytest
from paretofleet_analysis.page.content import gather
from paretofleet_analysis.page.drift import DEVICES_MAX, drift_charts
from paretofleet_analysis.page.render import render
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.report.rows import build_report

LATENCY = "batch_latency_p90_s"


@pytest.fixture
def drifted(configuration):
    """Three networks on each of so many devices, whose every block takes so much longer by name."""

    def make(factors, devices=("desk",), models=3):
        rows = [
            configuration(
                f"net{k}", [0.01 * (k + 1) * factor for factor in factors], top1=60.0 + k, device=device,
                configuration_id=f"{device}{k}",
            )
            for device in devices
            for k in range(models)
        ]  # fmt: skip
        return rank_runs(build_report(rows), objectives=["top1", LATENCY])

    return make


def test_a_block_that_took_longer_stands_out_by_as_much(drifted):
    (drawn,) = drift_charts(drifted([1.0, 1.0, 1.1, 1.0]))
    percent = {point["block"]: point["percent"] for point in drawn.chart.points}
    assert percent[3] / 100 == pytest.approx(1.1 ** (3 / 4) - 1, abs=1e-3)
    assert percent[1] / 100 == pytest.approx(1.1 ** (-1 / 4) - 1, abs=1e-3)
    assert "configurations of desk by block" in drawn.alternative
    assert "Furthest away was block 3 of desk, by +7.4 %" in drawn.alternative


def test_two_blocks_and_figures_without_runs_show_no_drift(drifted, published):
    assert drift_charts(drifted([1.0, 1.1])) == []
    assert drift_charts(rank_runs(published)) == []


def test_of_many_devices_those_that_moved_most_are_drawn(drifted):
    names = [f"d{k:02d}" for k in range(DEVICES_MAX + 2)]
    (drawn,) = drift_charts(drifted([1.0, 1.02, 1.0], devices=names, models=1))
    assert len({point["device"] for point in drawn.chart.points}) == DEVICES_MAX
    assert f"of {DEVICES_MAX} of {DEVICES_MAX + 2} devices" in drawn.alternative


def test_the_figure_stands_with_the_devices_and_is_one_of_the_files(drifted):
    page = gather(drifted([1.0, 1.0, 1.1, 1.0]), title="drift")
    assert [figure.name for figure in page.figures] == ["frontier", f"drift-{LATENCY}"]
    html = render(page)
    places = [
        html.index(part)
        for part in (">The devices</h2>", f"figure-drift-{LATENCY}", ">What this rests on</h2>")
    ]
    assert places == sorted(places)
