"""Whose steps a row's training is priced by: the device's own or the named one's, and never another's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.training_cost import MeasuredSteps
from paretofleet_collector.jobs import report as reports
from paretofleet_collector.jobs.training_costs import Place, Trained, ancestry, with_measured_steps
from paretofleet_collector.model.entities import RuntimeInfo, Variant
from paretofleet_collector.store import models
from rig import INVENTORY

NET, OTHER = "a" * 64, "b" * 64
DESK, BOARD = Place("id-desk", is_simulated=False), Place("id-board", is_simulated=False)
SAID = {"epochs": 2, "samples": 100}


def trained(place: Place, name: str, item_s: float, sha256: str = NET) -> Trained:
    return Trained(sha256, place, MeasuredSteps(name, "torch 2", (item_s,) * 3, (1.0,) * 3))


AMONG = [trained(DESK, "desk", 0.5), trained(BOARD, "board", 4.0), trained(DESK, "desk", 0.1, OTHER)]


def test_a_row_has_the_steps_of_its_own_device_and_variant():
    at_desk = with_measured_steps(SAID, AMONG, [NET], DESK)
    assert (at_desk["s"], at_desk["device"]) == ([100.0] * 3, "desk")
    assert with_measured_steps(SAID, AMONG, [NET], BOARD)["s"] == [800.0] * 3


def test_a_device_that_never_trained_has_no_cost_unless_another_is_named():
    elsewhere = Place("id-phone", is_simulated=False)
    assert with_measured_steps(SAID, AMONG, [NET], elsewhere) == SAID
    named = with_measured_steps({**SAID, "device": "desk"}, AMONG, [NET], elsewhere)
    assert (named["s"], named["device"]) == ([100.0] * 3, "desk")
    assert "s" not in with_measured_steps({**SAID, "device": "attic"}, AMONG, [NET], DESK), "not desk's"


def test_drawn_steps_are_for_drawn_rows():
    drawn = Place("id-sim", is_simulated=True)
    among = [trained(drawn, "sim", 0.2)]
    assert "s" not in with_measured_steps({**SAID, "device": "sim"}, among, [NET], DESK)
    assert with_measured_steps(SAID, among, [NET], drawn)["s"] == [40.0] * 3


@pytest.mark.parametrize("said", [{}, {"epochs": 2}, {"samples": 100}, {**SAID, "s": [7.0], "seeds": [1]}])
def test_without_epochs_and_samples_or_with_whole_trainings_nothing_is_computed(said):
    assert with_measured_steps(said, AMONG, [NET], DESK) is said


def test_a_variant_made_without_training_took_that_of_what_it_was_made_from():
    variants = {
        NET: Variant("net", "file", NET, 10),
        OTHER: Variant("net", "int8", OTHER, 10, parent=NET),
    }
    assert ancestry(variants, OTHER) == [OTHER, NET]
    assert with_measured_steps(SAID, AMONG[:1], ancestry(variants, OTHER), DESK)["s"] == [100.0] * 3


def test_steps_of_a_sweep_become_the_cost_of_the_rows_of_another(rig):
    """Runs of mode training sealed here; the latency rows of the same model and device have their cost."""
    session = rig.joined()
    torch = RuntimeInfo("torch", "2", tuple(target.target_id for target in INVENTORY.targets))
    rig.hello(session, inventory=replace(INVENTORY, runtimes=(torch,), wire_version=4))
    wanted = {"runtimes": ["torch"], "runs_min": 3, "runs_max": 3}
    timed, steps = (rig.submit(mode=mode, **wanted) for mode in ("latency", "training"))
    while (grant := rig.lease(session)) is not None:
        rig.upload(session, grant, seconds=0.020)
        rig.seal()
    before, (of_steps,) = rows(rig, timed), rows(rig, steps)
    assert before[0]["training_s"] is None, "nobody said how long a training is"
    (stored,) = rig.context.store.read_now(models.listing)
    said = replace(stored, training={"epochs": 3, "samples": 1000})
    rig.do(rig.context.store.write(lambda connection: models.set_facts(connection, stored, said)))
    (of_times,) = rows(rig, timed)
    assert of_steps["batch_latency_mean_s"] is of_times["step_s"] is None
    assert of_steps["step_s"] > 0
    assert of_times["batch_latency_mean_s"] > 0
    assert of_times["training_s"] == pytest.approx(3000 * of_steps["time_per_item_s"])
    assert of_times["training_device"] == of_times["device"]


def rows(rig, sweep):
    inputs = rig.context.store.read_now(lambda connection: reports.report_inputs(connection, sweep.sweep_id))
    return build_report(inputs).to_pylist()
