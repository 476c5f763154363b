"""The PMIC of a Raspberry Pi 5: through the mailbox, through vcgencmd, and answers that are nonsense."""

from __future__ import annotations

import errno
import subprocess

import pytest
from paretofleet_agent import sensors
from paretofleet_agent.sensors import _raspberry_mailbox, _raspberry_pmic, raspberry
from paretofleet_agent.sensors._raspberry_mailbox import MESSAGE, PROCESSED, by_mailbox
from paretofleet_agent.sensors._raspberry_pmic import first_answer, parse

RAILS = ["3V7_WL_SW", "3V3_SYS", "1V8_SYS", "DDR_VDD2", "DDR_VDDQ", "1V1_SYS", "0V8_SW", "VDD_CORE"]
RAILS += ["3V3_DAC", "3V3_ADC", "0V8_AON", "HDMI"]
CORE = 0.862 * 6.224
SUM = CORE + 3.7 * 0.09368929 + 3.31 * 0.088 + 1.805 * 0.18 + 1.105 * 0.225 + 0.601 * 0.067 + 1.11 * 0.175
SUM += 0.801 * 0.377 + 3.313 * 0.00006105 + 3.307 * 0.0003663 + 0.8 * 0.0030525 + 5.087 * 0.024


@pytest.fixture
def pi5(tree, monkeypatch):
    root = tree("raspberry_pi5")
    monkeypatch.setenv("PATH", f"{root}/usr/bin:/usr/bin:/bin")
    return root


@pytest.fixture
def answer(pi5):
    """What the firmware of the fixture says."""
    command = [f"{pi5}/usr/bin/vcgencmd", "pmic_read_adc"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


class Firmware:
    """Stands in for ioctl: answers a mailbox message."""

    def __init__(self, text, code=PROCESSED, error=0):
        self.text, self.code, self.error = text, code, error
        self.requests = []

    def __call__(self, descriptor, request, message):
        size, _, tag, length, _, _, command, end = MESSAGE.unpack(message)
        self.requests.append((descriptor, request, size, tag, command.rstrip(b"\0")))
        value = self.text.encode()
        message[:] = MESSAGE.pack(size, self.code, tag, length, 0, self.error, value, end)


def watts_of(sensor):
    readings = dict(zip([rail.rail for rail in sensor.rails()], sensor.read()))
    return {name: new and new[0][1] / 1e6 for name, new in readings.items()}


def test_a_pi_5_gives_the_sum_of_its_rails_and_each_of_them(pi5):
    (sensor,), (absent,) = raspberry.find(pi5)
    total, *parts = sensor.rails()
    assert (total.scope, total.kind, total.primary) == ("pmic-rails", "instant", True)
    assert [rail.rail for rail in parts] == RAILS
    assert {(rail.scope, rail.primary) for rail in parts} == {("part", False)}
    watts = watts_of(sensor)
    sensor.close()
    assert watts["sum"] == pytest.approx(SUM, abs=1e-4)
    assert watts["VDD_CORE"] == pytest.approx(CORE, abs=1e-6)
    assert "leave out USB" in absent.why


def test_the_mailbox_is_asked_as_vcgencmd_asks_it(answer):
    firmware = Firmware(answer)
    assert parse(by_mailbox(7, firmware)).microwatts("VDD_CORE") == round(CORE * 1e6)
    assert firmware.requests == [(7, 0xC0086400, 1052, 0x30080, b"pmic_read_adc")]


@pytest.mark.parametrize(
    "firmware",
    [Firmware("x", code=0x80000001), Firmware("error=1", error=1), Firmware("A" * 1024)],
)
def test_a_firmware_that_refuses_is_no_answer(firmware):
    with pytest.raises(ValueError, match="the firmware answers with code"):
        by_mailbox(7, firmware)


def test_the_mailbox_comes_before_the_tool(pi5, answer, monkeypatch):
    (pi5 / "dev").mkdir()
    (pi5 / "dev/vcio").write_text("")
    firmware = Firmware(answer.replace("6.22400000A", "1.00000000A"))
    monkeypatch.setattr(_raspberry_mailbox, "by_mailbox", lambda descriptor: by_mailbox(descriptor, firmware))
    (sensor,), _ = raspberry.find(pi5)
    assert watts_of(sensor)["VDD_CORE"] == pytest.approx(0.862)
    sensor.close()


def test_a_mailbox_that_refuses_leaves_it_to_the_tool(pi5):
    (pi5 / "dev").mkdir()
    (pi5 / "dev/vcio").write_text("a file knows no ioctl")
    (sensor,), _ = raspberry.find(pi5)
    assert watts_of(sensor)["sum"] == pytest.approx(SUM, abs=1e-4)
    sensor.close()


def test_a_pi_5_that_does_not_answer_is_told_both_ways(pi5, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found, (absent,) = raspberry.find(pi5)
    assert found == []
    assert "/dev/vcio: No such file" in absent.why
    assert "vcgencmd: it is not in PATH" in absent.why
    assert "group video" in absent.fix
    assert not absent.refused


def test_a_mailbox_that_may_not_be_opened_is_refused(pi5, monkeypatch):
    def denied(_sysroot):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(_raspberry_pmic, "open_mailbox", denied)
    monkeypatch.setenv("PATH", "/nowhere")
    _, (absent,) = raspberry.find(pi5)
    assert absent.refused


@pytest.mark.parametrize(
    "nonsense",
    [
        *("", "\n\n", 'error=1 error_msg="Command not registered"', "VDD_CORE_A current(7)=abcA"),
        *("VDD_CORE_A current(7)=1.0V", "VDD_CORE_A current(7)=-1.0A", "VDD_CORE_A current(7)=400.0A"),
        *("VDD_CORE_A current(7)=infA", "VDD_CORE_A current(7)=1..0A", "VDD_CORE_V volt(15)=0.8V"),
        *("VDD_CORE_A current(7)=1.0A\nVDD_CORE_A current(8)=1.0A", "VDD_CORE_A current(7)=1.0A\n3V3_SY"),
        *("VDD_CORE_A current(7)=1.0A\nVDD_CORE_V volt(15)=80V", "\ufffd_A current(7)=1.0A \x01"),
    ],
)
def test_nonsense_is_no_reading(pi5, nonsense):
    with pytest.raises(ValueError, match=r"is no reading of a rail|cannot be|tells no current"):
        parse(nonsense)
    (pi5 / "usr/bin/vcgencmd").write_text(f"#!/bin/sh\ncat <<'END'\n{nonsense}\nEND\n")
    found, (absent,) = raspberry.find(pi5)
    assert found == []
    assert "its PMIC gives no reading" in absent.why


def test_nonsense_in_a_run_is_a_failed_reading_and_no_more(answer):
    answers = [answer, answer.replace("VDD_CORE_V volt(15)=0.86200000V", ""), "rubbish", answer]
    (sensor,), _ = first_answer(lambda: answers.pop(0), lambda: None)
    without_core, rubbish, good = watts_of(sensor), watts_of(sensor), watts_of(sensor)
    assert without_core["sum"] is None, "a part is missing"
    assert without_core["VDD_CORE"] is None
    assert without_core["HDMI"] == pytest.approx(5.087 * 0.024)
    assert set(rubbish.values()) == {None}
    assert good["sum"] == pytest.approx(SUM, abs=1e-4)


def test_a_current_without_a_voltage_takes_the_sum_away(answer):
    cut = answer.replace("VDD_CORE_V volt(15)=0.86200000V", "")
    (sensor,), (absent,) = first_answer(lambda: cut, lambda: None)
    assert "sum" not in watts_of(sensor)
    assert "no voltage of VDD_CORE" in absent.why
    assert absent.refused


def test_the_display_may_lack_its_voltage(answer):
    early = answer.replace("HDMI_V volt(23)=5.08700000V", "")
    (sensor,), _ = first_answer(lambda: early, lambda: None)
    watts = watts_of(sensor)
    assert "HDMI" not in watts
    assert watts["sum"] == pytest.approx(SUM - 5.087 * 0.024, abs=1e-4)


def test_a_tool_that_hangs_is_a_failed_reading(pi5, monkeypatch):
    (sensor,), _ = raspberry.find(pi5)
    (pi5 / "usr/bin/vcgencmd").write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(_raspberry_mailbox, "TOOL_TIMEOUT_S", 0.1)
    assert set(watts_of(sensor).values()) == {None}
    sensor.close()


def test_a_pi_4_has_none_even_with_the_tool(tree, pi5):
    found, (absent,) = raspberry.find(tree("raspberry_pi4"))
    assert found == []
    assert "no current sensor" in absent.why
    assert sensors.states(pi5) == {"raspberry": {"now": [], "since_boot": []}}
