"""Jetson boards from copied trees: rails, units, the total of each board, and what is refused."""

from __future__ import annotations

import os
import shutil

import pytest
from paretofleet_agent.hardware import boards
from paretofleet_agent.sensors import _files, ina3221
from paretofleet_agent.sensors._ina3221_channels import config_period_s

SUM_OF_XAVIER = "GPU+CPU+SOC+CV+VDDRQ+SYS5V"
#: Without VDDQ_VDD2_1V8AO, which VIN_SYS_5V0 feeds: Jetson Linux guide r36.4.3, "Software-Based Power
#: Consumption Modeling".
SUM_OF_ORIN = "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"
RAILS_OF_ORIN = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO")

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
        *("Jetson AGX Orin", RAILS_OF_ORIN, (SUM_OF_ORIN, 19.872 * (160 + 40) + 4.968 * 760), None),
    ),
    "ina3221_agx_orin_load": (
        *("Jetson AGX Orin", RAILS_OF_ORIN, (SUM_OF_ORIN, 15 * 210 + 14.908 * 960 + 4968), None),
    ),
    "ina3221_igx_orin": ("Jetson AGX Orin", RAILS_OF_ORIN, (SUM_OF_ORIN, 6000 + 2400 + 4000), None),
    "ina3221_orin_nx_jetpack6": (
        *("Jetson Orin NX or Nano", ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"), ("VDD_IN", 5781.44), None),
    ),
    "ina3221_thor": (
        *("Jetson AGX Thor", ("VIN", "VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"), None, ("VIN", 62_400)),
    ),
    "ina3221_clara_agx": (
        *("Clara AGX", ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"), (SUM_OF_XAVIER, 6750), None),
    ),
    "ina3221_tx2_upstream": (
        *("Jetson TX2", ("VDD_IN", "VDD_MUX", "VDD_SYS_GPU"), ("VDD_IN", 3800), ("VDD_IN+VDD_MUX", 6650)),
    ),
    "ina3221_tx2i_foreign": (
        *("Jetson TX2", ("VDD_IN", "VDD_SYS_CPU", "VDD_SYS_DDR"), ("VDD_IN", 8000), None),
    ),
    "ina3221_tx1_foreign": (
        *("Jetson TX1", ("VDD_IN", "VDD_GPU", "VDD_CPU", "VDD_MUX"), ("VDD_IN", 4136), None),
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
    assert {rail.source for rail, _ in found.values()} <= {"ina3221", "ina238"}


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


def test_a_thor_whose_carrier_board_has_no_monitor_has_no_total(tree):
    root = tree("ina3221_thor")
    shutil.rmtree(root / "sys/bus/i2c/drivers/ina238")
    (sensor,), (absent,) = ina3221.find(root)
    assert not any(rail.primary for rail in sensor.rails())
    sensor.close()
    assert "should have VIN, and has VDD_GPU" in absent.why


def test_a_container_without_a_device_tree_is_told_what_to_mount(tree):
    (sensor,), (absent,) = ina3221.find(tree("ina3221_container"))
    assert [rail.scope for rail in sensor.rails()] == ["part", "part"]
    sensor.close()
    assert "a power monitor is here" in absent.why
    assert "nothing says which board" in absent.why
    assert "mount the host's /proc/device-tree" in absent.fix


def test_a_device_tree_that_breaks_off_is_quoted(tree):
    (sensor,), (absent,) = ina3221.find(tree("ina3221_cut_device_tree"))
    assert not any(rail.primary for rail in sensor.rails())
    sensor.close()
    assert "not in our list" in absent.why
    assert "it says 'nvidia,p3768-0000+p37'" in absent.why


def test_two_channels_of_one_label_are_refused_with_both_paths(tree):
    found, (absent,) = ina3221.find(tree("ina3221_label_twice"))
    assert found == []
    assert absent.refused
    assert "2 channels are called VDD_IN" in absent.why
    assert "1-0040/hwmon/hwmon1/in1_input and " in absent.why
    assert "7-0041/hwmon/hwmon2/in1_input" in absent.why


def test_two_parts_of_one_label_take_nothing_from_the_total(tree):
    root = tree("ina3221_orin_nx")
    for path in root.rglob("in3_label"):
        path.write_text("VDD_CPU_GPU_CV\n")
    (sensor,), (absent,) = ina3221.find(root)
    assert [(rail.rail, rail.scope) for rail in sensor.rails()] == [("VDD_IN", "module")]
    sensor.close()
    assert not absent.refused


@pytest.mark.parametrize("label", [b"VDD_\xff\xfe\n", b"VDD\x01IN\n", b"VDD\nIN\n"])
def test_a_label_of_odd_bytes_is_a_sentence(tree, label):
    root = tree("ina3221_orin_nx")
    for path in root.rglob("in1_label"):
        path.write_bytes(label)
    (sensor,), (absent,) = ina3221.find(root)
    assert not any(rail.primary for rail in sensor.rails())
    sensor.close()
    assert absent.refused
    assert "is no text" in absent.why


def test_numbers_of_modules_name_one_board_or_none():
    assert boards.by_module("3310:1000:B02").name == "Jetson TX2"
    assert boards.by_module("699-82180-1000-400 R.0").name == "Jetson TX1"
    assert boards.by_module("3448-0003-100").note == "the Nano 2GB has no power monitor"
    assert boards.by_module("3489:0000:A0 2180:1000:A0") is None
    assert boards.by_module("3834:0008:A0") is None, "its only total is the carrier board's"
    assert boards.by_module("2597:0000:B02 \ufffd") is None


def test_what_a_board_can_draw_is_known_where_it_is_documented(tree):
    (sensor,), _ = ina3221.find(tree("ina3221_nano"))
    assert {rail.max_power_w for rail in sensor.rails()} == {30.0}
    sensor.close()
    (sensor,), _ = ina3221.find(tree("ina3221_tx2i_foreign"))
    assert {rail.max_power_w for rail in sensor.rails()} == {None}, "another carrier board, another supply"
    sensor.close()


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
