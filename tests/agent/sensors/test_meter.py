"""An external meter over TCP and over a serial port: its protocol, rubbish, silence, and what is refused."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
import threading
import time
from pathlib import Path

import pytest
import trees
from paretofleet_agent import sensors
from paretofleet_agent.sensors import meter
from paretofleet_agent.sensors._meter_lines import parse_greeting, parse_reading, rail_of

GREETING = "paretofleet-meter/1 id=m1 unit=W period=0.05"
TRANSCRIPT = (trees.FIXTURES / "meter_wall" / "transcript.txt").read_text()


class Server:
    """A meter on loopback: greets, then sends what it is told."""

    def __init__(self, greeting=GREETING + "\n"):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard = b""
        self._greeting = greeting
        self._connection = None
        self._greeted = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            self.heard = connection.recv(100)
            connection.sendall(self._greeting.encode())
            self._connection = connection
            self._greeted.set()

    def send(self, text):
        assert self._greeted.wait(60)
        self._connection.sendall(text.encode("latin-1"))

    def hang_up(self):
        assert self._greeted.wait(60)
        self._connection.close()

    def close(self):
        self._listener.close()
        if self._connection is not None:
            self._connection.close()


@pytest.fixture
def server():
    servers = []

    def start(*arguments):
        servers.append(Server(*arguments))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


def open_meter(setting):
    found, absent = meter.find(Path("/"), {"meter": setting})
    assert absent == []
    return found[0]


def read_until(sensor, wanted, seconds=60.0):
    """Values in watts, or failures as None, until there are enough."""
    values, end = [], time.monotonic() + seconds
    while len(values) < wanted and time.monotonic() < end:
        (new,) = sensor.read()
        values += [None] if new is None else [value / 1e6 for _, value in new]
        time.sleep(0.005)
    return values


def test_a_meter_over_tcp_gives_its_scope_and_microwatts(server):
    wall = server("paretofleet-meter/1 id=m1 unit=W period=0.05 gain=0.01 quantum=0.1\n")
    sensor = open_meter(f"wall@{wall.url}")
    wall.send("1.00 41.5\n1.05 42.5\r\n")
    assert read_until(sensor, 2) == [41.5, 42.5]
    (rail,) = sensor.rails()
    sensor.close()
    assert wall.heard == b"hello paretofleet-meter/1\n"
    assert (rail.stream, rail.scope, rail.kind, rail.primary) == ("power:meter/m1", "wall", "boxcar", True)
    assert (rail.period_s, rail.window_s, rail.is_self_timed) == (0.05, 0.05, True)
    assert (rail.quantum_w, rail.gain_relative_uncertainty) == (0.1, 0.01)


def test_its_own_clock_spaces_the_readings_whenever_they_arrive(server):
    wall = server()
    sensor = open_meter(f"wall@{wall.url}")
    before = time.perf_counter_ns()
    wall.send("100.0 1\n100.5 2\n101.0 3\n")
    time.sleep(0.05)
    (new,) = sensor.read()
    sensor.close()
    times = [t_ns for t_ns, _ in new]
    assert [b - a for a, b in zip(times, times[1:])] == [500_000_000, 500_000_000]
    assert times[-1] <= time.perf_counter_ns()
    assert times[-1] >= before


def test_a_meter_that_counts_energy(server):
    wall = server("paretofleet-meter/1 id=m2 unit=J period=1 quantum=0.36\n")
    sensor = open_meter(f"usb-input@{wall.url}")
    wall.send("1 1000.5\n")
    assert read_until(sensor, 1) == [1000.5]
    (rail,) = sensor.rails()
    sensor.close()
    assert (rail.kind, rail.schema, rail.quantum_j, rail.window_s) == ("counter", "energy/1", 0.36, None)


def test_a_transcript_with_rubbish_gives_its_good_lines(server):
    wall = server(TRANSCRIPT)
    sensor = open_meter(f"wall@{wall.url}")
    assert read_until(sensor, 4) == [41.5, 41.7, 41.9, 41.6]
    sensor.close()


class Lines:
    """A link whose lines are told, at times of our clock that are told."""

    is_open = True

    def __init__(self, monkeypatch):
        self.now_ns, self._lines = 0, []
        monkeypatch.setattr(meter.time, "perf_counter_ns", lambda: self.now_ns)

    def lines(self):
        return self._lines

    def come(self, sensor, at_s, *lines):
        """The readings of lines that come at once: (seconds of our clock, watts), None where they fail."""
        self.now_ns, self._lines = int(at_s * 1e9), list(lines)
        (new,) = sensor.read()
        return new if new is None else [(round(t_ns / 1e9, 3), value / 1e6) for t_ns, value in new]


@pytest.fixture
def lines(monkeypatch):
    return Lines(monkeypatch)


def slow_meter(lines):
    return meter.MeterSensor(sensors.Rail("meter", "m1", "wall", "boxcar", period_s=1.0), lines)


def test_a_time_that_jumps_ahead_is_rubbish_and_shifts_nothing(lines):
    sensor = slow_meter(lines)
    assert lines.come(sensor, 50, "10.0 5") == [(50, 5)]
    assert lines.come(sensor, 51, "11.0 5") == [(51, 5)]
    assert lines.come(sensor, 52, "18.0 5") is None
    assert lines.come(sensor, 53, "13.0 6") == [(53, 6)]
    assert lines.come(sensor, 59, "19.0 7") == [(59, 7)], "a pause is none"


def test_a_smaller_jump_is_undone_by_the_line_that_contradicts_it(lines):
    sensor = slow_meter(lines)
    lines.come(sensor, 50, "10.0 5")
    lines.come(sensor, 51, "11.0 5")
    assert lines.come(sensor, 52, "14.5 5") == [(52, 5)], "it came now, whatever its clock says"
    assert lines.come(sensor, 53, "13.0 6") == [(53, 6)]
    assert lines.come(sensor, 54, "14.0 7") == [(54, 7)]


@pytest.mark.parametrize("first", ["17.0 5", "1.0 5"])
def test_a_wrong_first_time_is_undone_too(lines, first):
    sensor = slow_meter(lines)
    assert lines.come(sensor, 50, first) == [(50, 5)]
    assert lines.come(sensor, 51, "11.0 6") == [(51, 6)]
    assert lines.come(sensor, 52.2, "12.0 7") == [(52, 7)], "late by 0.2 s on the way"


@pytest.mark.parametrize("step_s", [5.0, 3600.0, -5.0])
def test_a_clock_that_was_set_costs_one_line(lines, step_s):
    """Two lines in a row that agree with each other and not with those before: the meter's clock was set."""
    sensor = slow_meter(lines)
    lines.come(sensor, 50, "10.0 5")
    lines.come(sensor, 51, "11.0 5")
    assert lines.come(sensor, 52, f"{12 + step_s} 5") is None
    assert lines.come(sensor, 53, f"{13 + step_s} 6") == [(53, 6)]
    assert lines.come(sensor, 54, f"{14 + step_s} 7") == [(54, 7)]


def test_wrong_times_among_good_lines_that_come_at_once(lines):
    sensor = slow_meter(lines)
    lines.come(sensor, 50, "10.0 5")
    late = ["11.0 1", "12.0 2", "19.0 3", "1e30 4", "13.0 5", "13.0 6", "2.0 7"]
    assert lines.come(sensor, 53, *late) == [(51, 1), (52, 2), (53, 5)]
    assert lines.come(sensor, 54, "14.0 8") == [(54, 8)]


def test_a_time_that_no_clock_shows_does_not_stop_the_sampler(lines):
    sensor = slow_meter(lines)
    assert lines.come(sensor, 50, "1.0 5", "1e30 5") == [(50, 5)]
    assert lines.come(sensor, 51, "1e30 5") is None


def test_nothing_but_rubbish_is_a_failure_and_floods_do_no_harm(server):
    wall = server()
    sensor = open_meter(f"wall@{wall.url}")
    wall.send("\x00\xff garbage\n")
    assert read_until(sensor, 1) == [None]
    wall.send("x" * 20_000)
    assert read_until(sensor, 1) == [None]
    wall.send("\n2.0 7\n")
    assert [value for value in read_until(sensor, 2) if value is not None] == [7.0]
    sensor.close()


def test_silence_is_a_failure_only_after_three_periods(server, monkeypatch):
    wall, now_ns = server(), [time.perf_counter_ns()]
    monkeypatch.setattr(meter.time, "perf_counter_ns", lambda: now_ns[0])
    sensor = open_meter(f"wall@{wall.url}")
    wall.send("1 5\n")
    assert read_until(sensor, 1) == [5.0]
    now_ns[0] += int(meter.SILENT_S * 1e9)
    assert sensor.read() == [()]
    now_ns[0] += 1
    assert sensor.read() == [None]
    wall.send("3 6\n")
    values, end = [], time.monotonic() + 60
    while 6.0 not in values:
        assert time.monotonic() < end, "it may come back"
        values = read_until(sensor, 1)
    sensor.close()


def test_a_meter_that_hangs_up_fails_from_then_on(server):
    wall = server()
    sensor = open_meter(f"wall@{wall.url}")
    wall.hang_up()
    assert read_until(sensor, 2) == [None, None]
    sensor.close()


@pytest.fixture
def serial_port():
    """(end of the meter, path of our end)."""
    theirs, ours = pty.openpty()
    yield theirs, os.ttyname(ours)
    for descriptor in (theirs, ours):
        os.close(descriptor)


def talk(descriptor, text):
    """Answers hello as a meter on a serial line does."""

    def run():
        heard = b""
        while b"\n" not in heard:
            heard += os.read(descriptor, 100)
        os.write(descriptor, text.encode())

    threading.Thread(target=run, daemon=True).start()


def test_a_meter_on_a_serial_port(serial_port):
    theirs, path = serial_port
    talk(theirs, f"{GREETING}\n0.05 9.25\n")
    sensor = open_meter(f"wall@serial://{path}?baud=9600")
    assert read_until(sensor, 1) == [9.25]
    sensor.close()


def test_a_serial_port_that_another_process_reads_is_refused(serial_port):
    theirs, path = serial_port
    talk(theirs, f"{GREETING}\n")
    sensor = open_meter(f"wall@serial://{path}")
    found, (absent,) = meter.find(Path("/"), {"meter": f"wall@serial://{path}"})
    sensor.close()
    assert found == []
    assert "being read by another process" in absent.why


def test_a_meter_that_feeds_another_board_is_refused(server):
    wall = server("paretofleet-meter/1 busy=tx1-3\n")
    found, (absent,) = meter.find(Path("/"), {"meter": f"wall@{wall.url}"})
    assert found == []
    assert "already gives its figures to tx1-3" in absent.why
    assert absent.refused


@pytest.mark.parametrize("ours", ["", "#tx1-1"])
def test_a_meter_that_names_another_board_is_refused(server, ours):
    wall = server(GREETING + " board=tx2-1\n")
    found, (absent,) = meter.find(Path("/"), {"meter": f"wall@{wall.url}{ours}"})
    assert found == []
    assert "measures 'tx2-1' and not" in absent.why
    assert f"#{'tx2-1'}" in absent.fix


def test_a_meter_that_names_this_board_is_taken(server):
    wall = server(GREETING + " board=tx2-1\n")
    sensor = open_meter(f"wall@{wall.url}#tx2-1")
    assert [rail.stream for rail in sensor.rails()] == ["power:meter/m1"]
    sensor.close()


def test_two_meters_that_claim_one_scope_are_both_refused(server, tmp_path):
    one, two = server(), server("paretofleet-meter/1 id=m2 unit=W period=1\n")
    found, absent = sensors.find_all(tmp_path, {"meter": f"wall@{one.url}, wall@{two.url}"})
    assert found == []
    assert "all claim the scope wall" in absent[-1].why


def test_what_does_not_greet_is_no_meter(server, monkeypatch):
    monkeypatch.setattr(meter, "GREETING_S", 0.2)
    for text in ("220 mail.example ESMTP\n", "paretofleet-meter/1 id=a unit=VA\n", ""):
        found, (absent,) = meter.find(Path("/"), {"meter": f"wall@{server(text).url}"})
        assert found == []
        assert "did not greet us" in absent.why


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("roof@tcp://127.0.0.1:1", "is no scope"),
        ("wall@udp://127.0.0.1:1", "neither tcp"),
        ("wall@tcp://nowhere", "not tcp://HOST:PORT"),
        ("wall@tcp://127.0.0.1:1", "refused"),
        ("wall@serial:///dev/null", "not a serial port"),
        ("wall@serial:///dev/absent", "No such file"),
        ("wall@serial:///dev/null?baud=123", "not a speed"),
        ("wall", "neither tcp"),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(setting, why):
    found, (absent,) = meter.find(Path("/"), {"meter": setting})
    assert found == []
    assert why in absent.why
    assert absent.fix


def test_no_setting_is_no_meter():
    (absent,) = meter.find(Path("/"))[1]
    assert "no external meter" in absent.why
    assert not absent.refused


def test_a_line_is_seconds_and_a_value():
    assert parse_reading("1.5 2.25") == (1_500_000_000, 2_250_000)
    for rubbish in (
        "",
        "1",
        "1 2 3",
        "-1 2",
        "1 -2",
        "1 inf",
        "nan 1",
        "1 1e12",
        "1e30 2",
        "1e10 2",
        "1  2",
        "eins 2",
    ):
        assert parse_reading(rubbish) is None


def test_numbers_of_a_greeting_that_are_none_are_unknown():
    rail = rail_of(parse_greeting(f"{GREETING} gain=x quantum=-1"), "wall", "tcp://a:1", "")
    assert (rail.gain_relative_uncertainty, rail.quantum_w) == (None, None)
