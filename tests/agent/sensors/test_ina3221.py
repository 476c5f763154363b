"""Jetson boards from copied trees: rails, units, the total of each board, and what is refused."""

from __future__ import annotations

import os

import pytest
from paretofleet_agent.hardware import boards
from paretofleet_agent.sensors import _files, ina3221
from paretofleet_agent.sensors._ina3221_channels import config_period_s

SUM_OF_XAVIER = "GPU+CPU+SOC+CV+VDDRQ+SYS5V"
SUM_OF_ORIN = "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0+VDDQ_VDD2_1V8AO"

#: Fixture: board, rails, (rail of the module, mW), (rail of module and carrier board, mW).
BOARDS = {
    "ina3221_tx1": (
        "Jetson TX1",
        *(("VDD_IN", "VDD_GPU", "VDD_CPU", "VDD_MUX", "VDD_5V_IO_SYS", "VDD_3V3_SYS"),),
        *(("VDD_IN", 4136), ("VDD_IN+VDD_MUX", 4136 + 5367)),
    ),
    "ina3221_tx2_l4t28": (
        "Jetson TX2",
        *(("VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR", "VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI"),),
        *(("VDD_IN", 2906), ("VDD_IN+VDD_MUX", 2906 + 3522)),
    ),
    "ina3221_tx2_l4t32": (
        "Jetson TX2",
        *(("VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR", "VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_4V0_WIFI"),),
        *(("VDD_IN", 2906), ("VDD_IN+VDD_MUX", 2906 + 3522)),
    ),
    "ina3221_tx2_nx": ("Jetson TX2 NX", ("VDD_IN", "VDD_CPU_GPU", "VDD_SOC"), ("VDD_IN", 2584), None),
    "ina3221_nano": ("Jetson Nano", ("POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"), ("POM_5V_IN", 2351), None),
    "ina3221_xavier_nx": (
        *("Jetson Xavier NX", ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"), ("VDD_IN", 3189), None),
    ),
    "ina3221_xavier_nx_jetpack5": (
        *("Jetson Xavier NX", ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"), ("VDD_IN", 3189.760), None),
    ),
    "ina3221_agx_xavier": (
        *("Jetson AGX Xavier", ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")),
        *((SUM_OF_XAVIER, 462 + 770 + 1539 + 0 + 308 + 2155), None),
    ),
    "ina3221_agx_orin": (
        *("Jetson AGX Orin", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO")),
        *((SUM_OF_ORIN, 19.872 * (160 + 40) + 4.968 * (760 + 140)), None),
    ),
    "ina3221_orin_nx": (
        *("Jetson Orin NX or Nano", ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"), ("VDD_IN", 5781.44), None),
    ),
}


def readings_of(sensor):
    return {rail.rail: (rail, new[-1][1] / 1000) for rail, new in zip(sensor.rails(), sensor.read())}


@pytest.mark.parametrize("name", list(BOARDS))
def test_a_board_gives_its_rails_and_the_right_total(tree, name):
    board, labels, module, both = BOARDS[name]
    root = tree(name)
    assert boards.board_of(root).name == board
    (sensor,), _ = ina3221.find(root)
    found = readings_of(sensor)
    sensor.close()
    assert set(labels) <= set(found)
    assert not any(rail.rail in ("", "NC", "sum of shunt voltages") for rail, _ in found.values())
    totals = {rail.scope: (rail.rail, milliwatts) for rail, milliwatts in found.values() if rail.primary}
    expected = {"module": module, "module+carrier": both}
    assert totals == {
        scope: (total[0], pytest.approx(total[1])) for scope, total in expected.items() if total is not None
    }
    assert {rail.scope for rail, _ in found.values() if not rail.primary} <= {"part"}
    assert all(rail.source == "ina3221" for rail, _ in found.values())


def test_sub_rails_are_never_added_to_the_rail_that_feeds_them(tree):
    (sensor,), _ = ina3221.find(tree("ina3221_tx2_l4t32"))
    primary = [rail.rail for rail in sensor.rails() if rail.primary and rail.scope == "module"]
    sensor.close()
    assert primary == ["VDD_IN"]


def test_a_nano_2gb_has_no_monitor_and_is_told_so(tree):
    found, (absent,) = ina3221.find(tree("ina3221_nano_2gb"))
    assert found == []
    assert absent.why == "the Nano 2GB has no power monitor"
    assert "meter" in absent.fix


def test_a_board_that_is_not_in_the_list_has_rails_and_no_total(tree):
    (sensor,), (absent,) = ina3221.find(tree("ina3221_unknown"))
    assert [rail.primary for rail in sensor.rails()] == [False, False, False]
    sensor.close()
    assert "not in our list" in absent.why
    assert "snapshot" in absent.fix


def test_a_board_without_its_input_rail_has_no_total(tree):
    root = tree("ina3221_nano")
    for path in root.rglob("rail_name_0"):
        path.write_text("NC\n")
    (sensor,), (absent,) = ina3221.find(root)
    assert not any(rail.primary for rail in sensor.rails())
    sensor.close()
    assert "should have POM_5V_IN" in absent.why


def test_the_sum_of_an_agx_orin_comes_with_its_caveat(tree):
    (sensor,), (absent,) = ina3221.find(tree("ina3221_agx_orin"))
    sensor.close()
    assert "less than what it draws" in absent.why


def test_something_else_is_no_jetson(tree):
    assert ina3221.find(tree("rapl_intel"))[1][0].why == "this is not a Jetson board"


def test_triggered_chips_convert_at_each_read_and_continuous_ones_average(tree):
    (triggered,), _ = ina3221.find(tree("ina3221_tx2_l4t32"))
    (continuous,), _ = ina3221.find(tree("ina3221_tx2_l4t28"))
    first, second = triggered.rails()[0], continuous.rails()[0]
    triggered.close()
    continuous.close()
    assert (first.kind, first.period_s) == ("instant", pytest.approx(0.84e-3))
    assert (second.kind, second.period_s) == ("boxcar", pytest.approx(0.430, abs=1e-3))
    assert second.window_s == second.period_s
    assert ina3221.state(tree("ina3221_tx2_l4t28"))["0-0041"] == {"continuous": True}


@pytest.mark.parametrize(
    ("register", "seconds"),
    [(0x7003, 0.84e-3), (0x7727, 0.4224), (0x7C07, 0.430), (0x7607, 0.0538), (0x7127, 0.0066)],
)
def test_the_configuration_register_tells_the_period(register, seconds):
    assert config_period_s(register) == pytest.approx(seconds, rel=1e-2)


def test_the_shunt_tells_the_quantum(tree):
    """40 uV over 5 mOhm at 19 V: about 152 mW."""
    (sensor,), _ = ina3221.find(tree("ina3221_tx2_l4t32"))
    quanta = {rail.rail: rail.quantum_w for rail in sensor.rails()}
    sensor.close()
    assert quanta["VDD_IN"] == pytest.approx(0.153, abs=1e-3)


def test_the_interval_of_hwmon_is_the_period(tree):
    (sensor,), _ = ina3221.find(tree("ina3221_orin_nx"))
    rail = sensor.rails()[0]
    sensor.close()
    assert (rail.kind, rail.period_s, rail.window_s) == ("boxcar", 0.049, 0.049)
    assert rail.quantum_w == pytest.approx(0.008 * 4.984)


def test_a_busy_chip_is_asked_again_three_times(tree, monkeypatch):
    (sensor,), _ = ina3221.find(tree("ina3221_nano"))
    read, failures = os.pread, [2]

    def busy(descriptor, n, offset):
        if failures[0]:
            failures[0] -= 1
            raise BlockingIOError(11, "try again")
        return read(descriptor, n, offset)

    monkeypatch.setattr(_files.os, "pread", busy)
    assert all(sensor.read())
    failures[0] = 3
    first, *others = sensor.read()
    sensor.close()
    assert first is None
    assert all(others)


def test_a_rail_that_disappears_in_a_run_gives_no_reading(tree):
    root = tree("ina3221_orin_nx")
    (sensor,), _ = ina3221.find(root)
    for path in root.rglob("curr2_input"):
        path.write_text("")
    values = dict(zip([rail.rail for rail in sensor.rails()], sensor.read()))
    sensor.close()
    assert values["VDD_CPU_GPU_CV"] is None
    assert values["VDD_IN"][0][1] == 4984 * 1160


def test_nothing_at_all_is_no_reading_of_a_board_and_may_be_one_of_a_part(tree):
    """A chip that has not converted yet shows 0; an engine of a module may well be off."""
    root = tree("ina3221_nano")
    (sensor,), _ = ina3221.find(root)
    for path in [*root.rglob("in_power0_input"), *root.rglob("in_power1_input")]:
        path.write_text("0\n")
    values = dict(zip([rail.rail for rail in sensor.rails()], sensor.read()))
    sensor.close()
    assert values["POM_5V_IN"] is None
    assert values["POM_5V_GPU"][0][1] == 0


def test_a_rail_that_gives_no_reading_at_the_start_is_named_and_its_total_is_missing(tree):
    root = tree("ina3221_agx_orin")
    for path in root.rglob("curr2_input"):
        path.write_text("unavailable\n")
    (sensor,), absent = ina3221.find(root)
    assert [rail.rail for rail in sensor.rails()] == ["VDD_GPU_SOC", "VIN_SYS_5V0"]
    sensor.close()
    assert {each.name for each in absent} >= {f"ina3221/{SUM_OF_ORIN}", "ina3221/VDD_CPU_CV"}
    assert "says 'unavailable'" in absent[-1].why


def test_a_rail_that_cannot_be_opened_is_named(tree):
    root = tree("ina3221_orin_nx")
    for path in root.rglob("curr1_input"):
        path.unlink()
    (sensor,), absent = ina3221.find(root)
    assert [rail.rail for rail in sensor.rails()] == ["VDD_CPU_GPU_CV", "VDD_SOC"]
    sensor.close()
    assert absent[-1].name == "ina3221/VDD_IN"
    assert "No such file" in absent[-1].why
