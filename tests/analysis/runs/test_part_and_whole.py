"""A card's chip draws no more than the card."""

from __future__ import annotations

import pytest
from run_streams import COUNTER, ITERATIONS, counter, iterations, marks, summarize

CARD = COUNTER | {
    "stream": "power:intel_gpu/0000:03:00.0-card",
    "source": "intel_gpu",
    "rail": "0000:03:00.0-card",
    "scope": "gpu-board",
    "target_id": "0000:03:00.0",
    "period_s": None,
}
CHIP = CARD | {"stream": "power:intel_gpu/0000:03:00.0-pkg", "scope": "part", "primary": False}


def summary(card_w, chip_w, **chip_facts):
    chip = CHIP | chip_facts
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=2.0, end=3.0),
        "iterations": iterations(1.0, ITERATIONS, 1.0 / ITERATIONS),
        CARD["stream"]: counter(card_w, 3.0),
        chip["stream"]: counter(chip_w, 3.0),
    }
    return summarize(streams, {"sensors": [CARD, chip]}, target_kind="cuda")


@pytest.mark.parametrize(("chip_w", "is_plausible"), [(60.0, True), (103.0, True), (150.0, False)])
def test_a_chip_above_its_card_leaves_neither_an_energy(chip_w, is_plausible):
    run = summary(100.0, chip_w)
    assert (run["energy_j_per_item"] is not None) == is_plausible
    assert [rail["energy_j"] is not None for rail in run["energy"]] == [is_plausible, is_plausible]
    assert ("implausible_power" in run["flags"]) != is_plausible


@pytest.mark.parametrize("facts", [{"target_id": None}, {"target_id": "0000:04:00.0"}, {"source": "xe"}])
def test_what_is_no_part_of_the_card_may_draw_more(facts):
    assert summary(100.0, 150.0, **facts)["power_w"] == pytest.approx(100.0, rel=0.01)


@pytest.mark.parametrize(("card_w", "is_plausible"), [(9_500.0, True), (20_000.0, False)])
def test_more_than_any_device_draws_is_no_power_where_no_limit_is_told(card_w, is_plausible):
    run = summary(card_w, 50.0)
    assert (run["energy_j_per_item"] is not None) == is_plausible
