"""Layouts of other kernels, carrier boards and containers: small trees, and the power that is right.

A tree is a mapping of paths to contents; a power is in watts, None where there must be none.
"""

from __future__ import annotations

import contextlib
import os
import sys

import pytest
from paretofleet_agent import sensors
from paretofleet_agent.device import runtimes
from paretofleet_agent.device.power_sources import find_power_sources
from paretofleet_agent.hardware import boards
from paretofleet_agent.hardware.sysfs import integer
from paretofleet_agent.power.energy_rails import energy_rails
from paretofleet_agent.sensors import ina3221

if sys.version_info < (3, 9):
    pytest.skip("its trees are joined by dict unions", allow_module_level=True)


TREE = "proc/device-tree"
DRIVERS = "sys/bus/i2c/drivers"
CHIP = f"{DRIVERS}/ina3221/1-0040/hwmon/hwmon1"
IIO = f"{DRIVERS}/ina3221x/6-0040/iio:device0"
PACK = "sys/class/power_supply/BAT0"
CARD = "sys/class/drm/card1/device"
HWMON = f"{CARD}/hwmon/hwmon4"

ORIN_NX = {f"{TREE}/compatible": "nvidia,p3768-0000+p3767-0000\0nvidia,tegra234\0"}
AGX_ORIN = {f"{TREE}/compatible": "nvidia,tegra234\0nvidia,p3701-0005\0nvidia,p3737-0000+p3701-0005\0"}
NANO = {f"{TREE}/compatible": "nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,tegra210\0"}
THOR = {f"{TREE}/compatible": "nvidia,p4071-0000+p3834-0008\0nvidia,tegra264\0"}
INA238 = f"{DRIVERS}/ina238/2-0044/hwmon/hwmon2"


def channel(at, label, millivolts, milliamperes, chip=CHIP):
    """A channel of an INA3221; what is None has no file."""
    files = {f"in{at}_label": label, f"in{at}_input": millivolts, f"curr{at}_input": milliamperes}
    return {f"{chip}/{name}": content for name, content in files.items() if content is not None}


def rails(labels, chip=CHIP):
    """A channel of 19 V and 0.1 A for each of `labels`."""
    tree = {}
    for at, label in enumerate(labels, 1):
        tree |= channel(at, label, 19_000, 100, chip)
    return tree


def moved(tree, before, after):
    return {path.replace(before, after): content for path, content in tree.items()}


def gpu(device, **files):
    """An amdgpu of the PCI device."""
    uevent = {f"{CARD}/uevent": f"PCI_ID=1002:{device}\nPCI_SLOT_NAME=0000:03:00.0"}
    return uevent | {f"{HWMON}/name": "amdgpu"} | {f"{HWMON}/{name}": text for name, text in files.items()}


def pack(**files):
    defaults = {"type": "Battery", "status": "Discharging", "present": 1}
    return {f"{PACK}/{name}": content for name, content in (defaults | files).items()}


AGX_RAILS = rails(("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"))
INPUT = channel(1, "VDD_IN", 5000, 1200)
SECOND = f"{DRIVERS}/ina3221/7-0041/hwmon/hwmon9"
XAVIER_AS_NX = {f"{TREE}/compatible": "nvidia,p2822-0000+p2888-0001-as-p3668-0001\0nvidia,tegra194\0"}
XAVIER_RAILS = rails(("GPU", "CPU", "SOC")) | rails(("CV", "VDDRQ", "SYS5V"), SECOND)

POWERS = {
    "an AGX Orin whose hwmons have other numbers": (AGX_ORIN | moved(AGX_RAILS, "hwmon1", "hwmon12"), 5.7),
    "an AGX Orin that behaves as a smaller module": (
        {f"{TREE}/compatible": "nvidia,p3737-0000+p3701-0000-as-p3767-0000\0"} | AGX_RAILS,
        5.7,
    ),
    "an AGX Xavier that behaves as a smaller module": (XAVIER_AS_NX | XAVIER_RAILS, 11.4),
    "an AGX Orin of which one rail is not there": (AGX_ORIN | rails(("VDD_GPU_SOC", "VDD_CPU_CV")), None),
    "an AGX Orin of which one rail is empty": (AGX_ORIN | AGX_RAILS | {f"{CHIP}/curr2_input": ""}, None),
    "one label on two buses": (AGX_ORIN | AGX_RAILS | channel(1, "VDD_CPU_CV", 9000, 9, SECOND), None),
    "a channel of the carrier without a label": (ORIN_NX | INPUT | channel(1, None, 9000, 9, SECOND), 6.0),
    "a second channel of that label, disabled": (
        ORIN_NX | INPUT | channel(1, "VDD_IN", 0, 0, SECOND) | {f"{SECOND}/in1_enable": 0},
        6.0,
    ),
    "a label that ends in spaces": (ORIN_NX | channel(1, "VDD_IN  ", 5000, 1200), 6.0),
    "a label that ends in NUL": (ORIN_NX | channel(1, "VDD_IN\0", 5000, 1200), 6.0),
    "no label": (ORIN_NX | channel(1, None, 5000, 1200), None),
    "a current alone": (ORIN_NX | channel(1, "VDD_IN", None, 1200), None),
    "a power alone, which hwmon has in microwatts": (
        ORIN_NX | channel(1, "VDD_IN", None, None) | {f"{CHIP}/power1_input": 6_000_000},
        6.0,
    ),
    "a power beside a current that says nothing": (
        ORIN_NX | channel(1, "VDD_IN", 5000, "") | {f"{CHIP}/power1_input": 6_000_000},
        6.0,
    ),
    "a current with an underscore": (ORIN_NX | channel(1, "VDD_IN", 5000, "12_00"), None),
    "a current with a unit": (ORIN_NX | channel(1, "VDD_IN", 5000, "1200 mA"), None),
    "a hexadecimal current": (ORIN_NX | channel(1, "VDD_IN", 5000, "0x4b0"), None),
    "a current that flows back": (ORIN_NX | channel(1, "VDD_IN", 5000, -1200), None),
    "a voltage and a current below 0": (ORIN_NX | channel(1, "VDD_IN", -5000, -1200), None),
    "a voltage in microvolts": (ORIN_NX | channel(1, "VDD_IN", 5_000_000, 1200), None),
    "a current of more than 64 bits": (ORIN_NX | channel(1, "VDD_IN", 5000, 2**63), None),
    "the class of hwmon alone": (
        ORIN_NX | moved(INPUT, CHIP, "sys/class/hwmon/hwmon3") | {"sys/class/hwmon/hwmon3/name": "ina3221"},
        6.0,
    ),
    "the devices of i2c alone": (
        ORIN_NX | moved(INPUT | {f"{CHIP}/name": "ina3221"}, f"{DRIVERS}/ina3221", "sys/bus/i2c/devices"),
        6.0,
    ),
    "a device tree where the kernel has it": (moved(ORIN_NX, TREE, boards.KERNEL_DEVICE_TREE) | INPUT, 6.0),
    "a carrier board of which only the module's number is known": (
        {f"{TREE}/compatible": "seeed,j401\0nvidia,tegra234\0", f"{TREE}/chosen/ids": "3767-0003-301\0"}
        | INPUT,
        6.0,
    ),
    "a device tree that names no board": ({f"{TREE}/compatible": "nvidia,tegra234\0"} | INPUT, None),
    "a Nano whose first channel has no file": (
        NANO | {f"{IIO}/rail_name_1": "POM_5V_IN", f"{IIO}/in_power1_input": 2351},
        2.351,
    ),
    "a Nano's power with an underscore": (
        NANO | {f"{IIO}/rail_name_0": "POM_5V_IN", f"{IIO}/in_power0_input": "2_351"},
        None,
    ),
    "a Nano's power that is empty beside voltage and current": (
        NANO
        | {f"{IIO}/rail_name_0": "POM_5V_IN", f"{IIO}/in_power0_input": ""}
        | {f"{IIO}/in_voltage0_input": 5000, f"{IIO}/in_current0_input": 500},
        2.5,
    ),
    "a Thor's voltage and current alone": (
        THOR | {f"{INA238}/in1_input": 19_500, f"{INA238}/curr1_input": 3200},
        62.4,
    ),
    "a Thor's INA238 under another driver": (
        THOR
        | moved({f"{INA238}/name": "ina238", f"{INA238}/power1_input": 62_400_000}, DRIVERS, "sys/bus/i2c")
        | {"sys/class/hwmon/hwmon2/name": "ina238", "sys/class/hwmon/hwmon2/power1_input": 62_400_000},
        62.4,
    ),
    "two INA238 of a Thor": (
        THOR
        | {f"{INA238}/power1_input": 62_400_000}
        | {f"{DRIVERS}/ina238/2-0045/hwmon/hwmon3/power1_input": 9_000_000},
        None,
    ),
    "an APU whose input is empty": (
        gpu("1638", in1_label="vddnb", power1_input="", power1_average=9_000_000),
        9.0,
    ),
    "an APU whose input is dead": (
        gpu("1638", in1_label="vddnb", power1_input=0, power1_average=9_000_000),
        9.0,
    ),
    "an MI300A that has the voltage of a card": (
        gpu("74A0", in0_label="vddgfx", power1_input=213_000_000),
        213.0,
    ),
    "an APU of which neither file says anything": (gpu("1638", in1_label="vddnb", power1_input=""), None),
    "an APU's name that ends in two lines": (
        gpu("1638", name="amdgpu\n\n", in1_label="vddnb", power1_average=9_000_000),
        9.0,
    ),
    "a power of more than 64 bits": (gpu("1638", in1_label="vddnb", power1_average=2**64 - 1), None),
    "a battery's current below 0": (pack(voltage_now=11_400_000, current_now=-1_000_000), 11.4),
    "a battery's power below 0": (pack(power_now=-11_400_000), 11.4),
    "a battery with an energy alone": (pack(energy_now=40_000_000), None),
    "a battery in nanowatts": (pack(power_now=11_400_000_000), None),
    "a battery of which nothing is known": (pack(power_now=2**32 * 1000 - 1000), None),
    "a battery of more than 64 bits": (pack(power_now=2**70), None),
    "a full battery with a current": (pack(status="Full", voltage_now=11_400_000, current_now=10**6), None),
    "a bay that is empty": (pack(present=0, voltage_now=11_400_000, current_now=10**6), None),
}


def put(root, tree):
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(str(content) if path.startswith(TREE) else f"{content}\n")
    return root


def power_w(root):
    """What will be measured on the CPU in watts; None where a part of it is missing, or all."""
    found = find_power_sources(root, {}, None, contextlib.nullcontext).rails
    streams = energy_rails(found, "cpu", "cpu").streams
    opened, _ = sensors.find_all(root)
    readings = {
        rail.stream: new[-1][1] / 1e6
        for sensor in opened
        for rail, new in zip(sensor.rails(), sensor.read())
        if new
    }
    for sensor in opened:
        sensor.close()
    return sum(readings[each] for each in streams) if streams and readings.keys() >= set(streams) else None


@pytest.mark.parametrize("layout", list(POWERS))
def test_a_layout_gives_the_power_that_is_right_or_none(tmp_path, layout):
    tree, watts = POWERS[layout]
    assert power_w(put(tmp_path, tree)) == (None if watts is None else pytest.approx(watts))


def test_a_monitor_without_names_is_said_to_be_there(tmp_path):
    put(tmp_path, ORIN_NX | channel(1, None, 5000, 1200))
    reasons = [each.why for each in sensors.find_all(tmp_path)[1] if each.name == "ina3221"]
    assert len(reasons) == 1
    assert "no channel of the power monitor" in reasons[0]
    assert "has a name" in reasons[0]


def test_a_channel_that_never_answers_does_not_stop_the_search(tmp_path):
    put(tmp_path, ORIN_NX | channel(1, "VDD_IN", None, 1200) | {f"{CHIP}/shunt1_resistor": 5000})
    os.mkfifo(tmp_path / CHIP / "in1_input")
    found, absent = ina3221.find(tmp_path)
    assert found == []
    assert any("does not return" in each.why for each in absent)


CLOCKS = [f"sys/class/devfreq/{name}/cur_freq" for name in ("gpu-gpc-0", *boards.GPU_NAMES)]


@pytest.mark.parametrize("path", [*(f"{folder}/load" for folder in boards.GPUS), *CLOCKS])
@pytest.mark.parametrize("tree", [{}, ORIN_NX], ids=["container", "board"])
def test_the_gpu_of_a_jetson_is_found_with_and_without_a_device_tree(tmp_path, path, tree):
    root = put(tmp_path, {**tree, path: 0})
    assert [target.alias for target in runtimes.find_gpus(root)] == ["cuda:0"]


@pytest.mark.parametrize("content", [str(2**63), str(-(2**63)), "9" * 64])
def test_what_samples_cannot_hold_is_no_number(content):
    with pytest.raises(ValueError, match="more than 64 bits"):
        integer(content)
