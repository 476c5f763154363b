"""A canary set: when a device is due, and what is compared, by the collector's sweeps alone."""

from __future__ import annotations

from dataclasses import replace

from fake_control import device
from paretofleet_collector.cli.canary import Canary, history_of, last_two
from paretofleet_collector.model.views import DeviceView, SweepView
from paretofleet_collector.planning.specification import Spec

CANARY = Canary(Spec(models=("resnet50",), name="canary"))
PC = replace(DeviceView.of(device("pc")), environment_json='{"gpu_driver": "535"}')


def measured(name: str, here: DeviceView = PC, canary: Canary = CANARY, state: str = "finished") -> SweepView:
    labels = canary.part(here).remarks.labels
    return SweepView(f"id-{name}", name, state, 1, 5, {}, 1.0, 2.0, (here.name,), labels=labels)


def test_a_device_is_due_when_it_was_never_measured_or_is_not_what_it_was() -> None:
    assert CANARY.is_due(PC, [])
    assert not CANARY.is_due(PC, [measured("one")])
    assert CANARY.is_due(replace(PC, environment_json='{"gpu_driver": "550"}'), [measured("one")])
    assert CANARY.is_due(replace(PC, runtimes=("onnxruntime 1.20.0",)), [measured("one")])


def test_another_set_under_the_same_name_is_measured_anew() -> None:
    wider = Canary(replace(CANARY.spec, batch_sizes=(1, 8)))
    assert CANARY.label == wider.label
    assert wider.is_due(PC, [measured("one")])


def test_the_newest_measurement_counts_and_a_cancelled_one_is_not_begun_again() -> None:
    driver = replace(PC, environment_json='{"gpu_driver": "550"}')
    history = [measured("one"), measured("two", driver), measured("three")]
    assert CANARY.is_due(driver, history)
    assert not CANARY.is_due(driver, [measured("one"), measured("two", driver, state="cancelled")])


def test_two_watches_that_see_the_same_ask_for_one_sweep() -> None:
    asked = [CANARY.request_id(PC, []), CANARY.request_id(PC, [])]
    assert asked[0] == asked[1]
    assert asked[0] != CANARY.request_id(PC, [measured("one")])
    assert asked[0] != CANARY.request_id(replace(PC, environment_json="{}"), [])


def test_the_newest_two_with_results_are_compared_and_first_with_the_sweep_it_was_taken_from() -> None:
    one, two = measured("one"), measured("two")
    gone = measured("gone", state="cancelled")
    assert last_two([one, gone, two, gone], CANARY) == ("one", "two")
    assert last_two([one], CANARY) is None
    assert last_two([one], replace(CANARY, origin="edge")) == ("edge", "one")


def test_a_device_is_measured_by_sweeps_of_its_own() -> None:
    part = CANARY.part(PC)
    assert (part.name, part.devices) == ("canary-pc", {"name": ("pc",)})
    both = replace(measured("both"), devices=("pc", "tx2"))
    assert history_of([measured("one"), both], "pc") == [measured("one")]
