"""Batteries: the packs of a machine tell what it draws only where they carry all of it."""

from __future__ import annotations

import pytest
from paretofleet_agent.sensors import battery

PACK = f"{battery.SUPPLIES}/BAT0"


def power_w(sensor):
    """Watts by rail, None where reading failed."""
    watts = {
        rail.rail: None if new is None else new[-1][1] / 1e6
        for rail, new in zip(sensor.rails(), sensor.read())
    }
    sensor.close()
    return watts


def put(root, **files):
    """Writes files of a supply; a double underscore parts its name from the file's."""
    for name, content in files.items():
        path = root / battery.SUPPLIES / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


def reasons(root):
    """Why nothing is measured under `root`."""
    opened, absent = battery.find(root)
    assert opened == []
    return [each.why for each in absent]


@pytest.mark.parametrize(
    ("name", "rail", "watts"),
    [
        ("battery_power", "BAT0", 8.42),
        ("battery_current", "BAT1", 7.6),
        ("battery_power_now_empty", "BAT0", 11.4),
    ],
)
def test_a_battery_carries_the_whole_device(tree, name, rail, watts):
    (sensor,), absent = battery.find(tree(name))
    facts = sensor.rails()[0]
    assert (facts.scope, facts.kind, facts.primary) == ("battery", "filtered", True)
    assert power_w(sensor) == {rail: watts}
    assert absent == []


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging"])
def test_a_battery_on_mains_power_is_refused(tree, status):
    root = tree("battery_power")
    put(root, BAT0__status=status)
    (absent,) = battery.find(root)[1]
    assert f"BAT0 is {status.lower()}" in absent.why
    assert "unplug" in absent.fix


def test_a_state_that_says_nothing_is_named_so(tree):
    root = tree("battery_power")
    put(root, BAT0__status="Unknown")
    assert "BAT0 is in an unknown state" in reasons(root)[0]
    (root / PACK / "status").unlink()
    assert "BAT0 is in a state that cannot be read" in reasons(root)[0]


def test_plugging_in_during_a_run_ends_the_readings(tree):
    root = tree("battery_power")
    (sensor,), _ = battery.find(root)
    put(root, BAT0__status="Charging")
    assert power_w(sensor) == {"BAT0": None}


def test_a_charger_that_is_too_weak_carries_the_rest(tree):
    (why,) = reasons(tree("battery_weak_charger"))
    assert "online: AC and ucsi-source-psy-USBC000:001; discharging: BAT0" in why


@pytest.mark.parametrize("kind", ["Mains", "USB", "USB_PD", "Wireless", "UPS", "Unknown"])
@pytest.mark.parametrize("online", ["1", "2", ""])
def test_any_source_that_is_not_surely_offline_may_feed_the_device(tree, kind, online):
    root = tree("battery_power")
    put(root, second__type=kind, second__online=online)
    assert "online: second; discharging: BAT0" in reasons(root)[0]


def test_a_mains_supply_that_does_not_say_whether_it_feeds_may_feed(tree):
    root = tree("battery_power")
    put(root, adapter__type="Mains")
    assert "online: adapter; discharging: BAT0" in reasons(root)[0]


@pytest.mark.parametrize("current", [65_535_000, -65_535_000, 4_294_967_295_000])
def test_a_current_that_the_firmware_does_not_know_is_none(tree, current):
    root = tree("battery_current")
    put(root, BAT1__current_now=current)
    assert "does not know" in reasons(root)[0]


def test_a_source_that_comes_online_during_a_run_ends_the_readings(tree):
    root = tree("battery_power")
    put(root, pad__type="Wireless", pad__online=0)
    (sensor,), _ = battery.find(root)
    put(root, pad__online=1)
    assert power_w(sensor) == {"BAT0": None}


def test_what_belongs_to_another_device_feeds_nothing_and_is_no_pack(tree):
    root = tree("battery_power")
    put(root, pen__type="USB", pen__scope="Device", pen__online=1)
    put(
        root,
        mouse__type="Battery",
        mouse__scope="Device",
        mouse__status="Discharging",
        mouse__power_now=10**6,
    )
    (sensor,), _ = battery.find(root)
    assert power_w(sensor) == {"BAT0": 8.42}


def test_two_packs_that_discharge_have_a_rail_each(tree):
    root = tree("battery_two_packs")
    put(root, BAT1__status="Discharging")
    (sensor,), _ = battery.find(root)
    assert power_w(sensor) == {"BAT0": 9.0, "BAT1": 8.0}


def test_a_pack_with_a_current_of_its_own_takes_its_part_of_the_load(tree):
    (why,) = reasons(tree("battery_two_packs"))
    assert why == "BAT1 is in an unknown state and has 8 W of its own: no sum is the whole"


def test_a_pack_that_rests_leaves_the_load_to_the_other_until_it_stops_resting(tree):
    root = tree("battery_two_packs")
    put(root, BAT1__current_now=0)
    (sensor,), _ = battery.find(root)
    assert sensor.read()[0][-1][1] == 9_000_000
    put(root, BAT1__current_now=-500_000)
    assert power_w(sensor) == {"BAT0": None}


def test_a_pack_that_cannot_be_read_leaves_no_sum(tree):
    root = tree("battery_two_packs")
    put(root, BAT1__status="Discharging", BAT1__current_now="")
    (absent,) = battery.find(root)[1]
    assert absent.name == "battery/BAT1"
    assert "BAT1 is discharging and tells no power" in absent.why
    assert "voltage_now and current_now: not a whole number" in absent.why
    assert absent.refused


def test_an_empty_bay_is_no_pack(tree):
    root = tree("battery_two_packs")
    put(root, BAT1__present=0)
    (sensor,), _ = battery.find(root)
    assert power_w(sensor) == {"BAT0": 9.0}


@pytest.mark.parametrize("content", ["12_340_000", "8.42", "1e6", "0x80", "+8420000", "8420000 uW"])
def test_what_is_no_whole_number_is_no_reading(tree, content):
    root = tree("battery_power")
    put(root, BAT0__power_now=content)
    assert "power_now: not a whole number" in reasons(root)[0]


def test_a_dead_power_leaves_the_word_to_voltage_and_current(tree):
    root = tree("battery_power")
    put(root, BAT0__power_now=0, BAT0__current_now=-1_000_000)
    (sensor,), _ = battery.find(root)
    assert power_w(sensor) == {"BAT0": 11.8}


def test_figures_in_other_units_are_refused(tree):
    root = tree("battery_current")
    put(root, BAT1__voltage_now=15_200)
    assert "0.0152 V is no voltage of a battery in microvolts" in reasons(root)[0]
    put(root, BAT1__voltage_now=15_200_000, BAT1__current_now=500)
    assert "gives 0.0076 W, less than a computer draws" in reasons(root)[0]
