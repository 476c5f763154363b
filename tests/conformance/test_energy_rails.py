"""What probe says will speak for a target's energy is what the report lets speak."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paretofleet_agent import sensors
from paretofleet_agent.power import energy_rails
from paretofleet_agent.sensors import Rail
from paretofleet_analysis.runs import primary_sensor

sys.path.insert(0, str(Path(__file__).parent.parent / "agent"))

import trees

TREES = sorted(path.parent.name for path in trees.FIXTURES.glob("*/tree.txt"))
TARGETS = [("cpu", "cpu"), ("cuda:0", "GPU-0"), ("cuda:1", "GPU-1"), ("npu", "npu")]
SCOPES = (
    *("package", "module", "apu", "gpu-board", "gpu-chip", "module+carrier", "usb-input", "wall", "battery"),
    *("dram", "platform", "pmic-rails", "part"),
)


def entry_of(rail):
    """What a summary says of a rail that was read: whatever it measured, the choice is the same."""
    return {
        **{key: rail[key] for key in ("stream", "source", "rail", "scope", "kind")},
        **dict.fromkeys(("power_w", "energy_j", "energy_j_per_item", "idle_power_w"), 1.0),
        **dict.fromkeys(("relative_uncertainty", "gain_uncertainty")),
        "flags": [],
    }


def both_choose(rails, alias, target_id):
    """The choice of the agent, after it was held against that of the analysis."""
    entries = [entry_of(rail) for rail in rails]
    kind = alias.partition(":")[0]
    sealed = primary_sensor.primary_energy(entries, rails, kind, target_id)
    chosen = energy_rails.energy_rails(rails, alias, target_id)
    assert set(chosen.streams) == sealed.streams
    assert chosen.is_ambiguous == (primary_sensor.AMBIGUOUS in sealed.flags)
    if chosen.streams:
        assert (chosen.scope, chosen.source) == (sealed.values["power_scope"], sealed.values["power_source"])
    aliases = {target: name for name, target in TARGETS}
    for rail in rails:
        why = energy_rails.silence(rail, chosen, target_id, aliases)
        assert (why is None) == (rail["stream"] in sealed.streams)
        assert why is None or "None" not in why
    return chosen


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(("alias", "target_id"), TARGETS)
def test_on_every_board_that_is_a_fixture(tmp_path, name, alias, target_id):
    opened, _ = sensors.find_all(trees.unpack(name, tmp_path))
    rails = [rail.facts() for sensor in opened for rail in sensor.rails()]
    for sensor in opened:
        sensor.close()
    assert set(both_choose(rails, alias, target_id).streams) <= {rail["stream"] for rail in rails}


rail_facts = st.builds(
    lambda number, source, scope, kind, primary, target_id: Rail(
        source, str(number), scope, kind, primary, target_id=target_id
    ).facts(),
    st.integers(0, 10**6),
    st.sampled_from(["a", "b"]),
    st.sampled_from(SCOPES),
    st.sampled_from(["counter", "boxcar"]),
    st.booleans(),
    st.sampled_from([None, "cpu", "GPU-0", "GPU-1"]),
)


@given(st.lists(rail_facts, max_size=8, unique_by=lambda rail: rail["stream"]), st.sampled_from(TARGETS))
@example([Rail("rapl", name, "package", "counter", True).facts() for name in "ab"], ("cpu", "cpu"))
@example([Rail("nvml", name, "gpu-board", "counter", True).facts() for name in "ab"], ("cuda:0", "GPU-0"))
def test_whatever_rails_there_are(rails, target):
    assert set(both_choose(rails, *target).streams) <= {rail["stream"] for rail in rails}


def test_the_scopes_are_the_same():
    assert dict(energy_rails.SCOPES) == dict(primary_sensor.PRIMARY_SCOPES)
    assert energy_rails.WHOLE_DEVICE_SCOPES == primary_sensor.WHOLE_DEVICE_SCOPES
    assert dict(energy_rails.PARTIAL_SCOPES) == dict(primary_sensor.PARTIAL_SCOPES)


def test_a_rail_that_is_missing_would_speak_still():
    there = Rail("meter", "x", "wall", "boxcar", primary=True).facts()
    missing = dict(Rail("rapl", "package-0", "package", "counter", primary=True).facts(), missing="unplugged")
    assert both_choose([there, missing], "cpu", "cpu").streams == ("power:rapl/package-0",)
