"""An external meter, such as a wall meter or a lab supply, over TCP or a serial port.

Setting, in [sensors] of agent.ini: `meter = SCOPE@URL#BOARD`, several with commas. SCOPE is what the meter
sees (wall, usb-input, module+carrier, module), URL `tcp://HOST:PORT` or `serial:///dev/ttyUSB0?baud=115200`,
BOARD the name that the meter has for this device, where it has one.

Line protocol, ASCII, a line ends in LF or CR LF. We say `hello paretofleet-meter/1`. The meter answers
`paretofleet-meter/1 id=NAME unit=W period=1.0` (unit J: energy since some start; optional board=NAME, gain=
relative standard uncertainty, quantum= in its unit, window= seconds that a value averages over), or
`paretofleet-meter/1 busy=NAME` when another board is reading it. No other meter of the fleet may have the
same id: the collector takes two devices that name one for two readers of one meter, and its energy is null
in the runs of both while both are here. Then a line for every refresh: seconds on
the meter's own clock, a space, the value. That clock only goes forward, and not by more than ours plus three
periods, 2 s at least: a line that says otherwise is rubbish. Lines that begin with # say nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._meter_clock import MeterClock
from paretofleet_agent.sensors._meter_connection import MeterConnection, greet, open_connection
from paretofleet_agent.sensors._meter_lines import FIX, VERSION, parse_greeting, parse_reading, rail_of
from paretofleet_agent.sensors.protocol import NO_SETTINGS, FindResult, Rail, Reading, Readings, Settings

SOURCE = "meter"
SCOPES = ("wall", "usb-input", "module+carrier", "module")
GREETING_S = 3.0
#: No refresh for so many periods, and for so long, is a meter that stopped.
SILENT_PERIODS, SILENT_S = 3.0, 2.0


class MeterSensor:
    """A meter that greeted us. Its clock spaces the readings, ours says when they came."""

    def __init__(self, rail: Rail, connection: MeterConnection) -> None:
        self._rail, self._connection = rail, connection
        self._last_ns = time.perf_counter_ns()
        self._silent_ns = int(max(SILENT_S, SILENT_PERIODS * (rail.period_s or 1.0)) * 1e9)
        self._clock = MeterClock(self._silent_ns)
        self._dated_ns = -1

    def rails(self) -> Sequence[Rail]:
        """Its one rail."""
        return [self._rail]

    def read(self) -> Sequence[Readings]:
        """The refreshes that arrived since the last read; None where rubbish came or nothing for long."""
        now_ns = time.perf_counter_ns()
        lines = self._connection.lines()
        new: list[Reading] = []
        for line in lines:
            reading = parse_reading(line)
            if reading is not None and self._clock.accepts(reading[0], now_ns):
                new = [earlier for earlier in new if earlier[0] < reading[0]] + [reading]
        dated = [(self._clock.dates(meter_ns), value) for meter_ns, value in new]
        dated = [reading for reading in dated if reading[0] > self._dated_ns]
        if dated:
            self._last_ns, self._dated_ns = now_ns, dated[-1][0]
            return [dated]
        rubbish = any(not line.startswith("#") for line in lines)
        silent = not self._connection.is_open or now_ns - self._last_ns > self._silent_ns
        return [None if rubbish or silent else ()]

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()


def find(_sysroot: Path, settings: Settings = NO_SETTINGS) -> FindResult:
    """The meters that `settings["meter"]` names, each greeted; or why not.

    No file under `_sysroot` tells of them.
    """
    meters = _named(settings)
    if not meters:
        return [], [Unavailable("meter", "no external meter is configured", FIX)]
    answers = [connect(setting) for setting in meters]
    return (
        [answer for answer in answers if not isinstance(answer, Unavailable)],
        [replace(answer, refused=True) for answer in answers if isinstance(answer, Unavailable)],
    )


def scopes(settings: Settings) -> set[str]:
    """The scopes for which `settings["meter"]` names a meter, whether it answers or not."""
    return {setting.partition("@")[0] for setting in _named(settings)}


def _named(settings: Settings) -> list[str]:
    return [setting.strip() for setting in settings.get("meter", "").split(",") if setting.strip()]


def connect(setting: str) -> MeterSensor | Unavailable:
    """Opens and greets the meter of one `setting`, SCOPE@URL#BOARD."""
    scope, _, url = setting.partition("@")
    url, _, board = url.partition("#")
    if scope not in SCOPES:
        why = f"'{scope}' in {setting} is no scope; scopes are {', '.join(SCOPES)}"
        return Unavailable("meter", why, FIX)
    try:
        connection = open_connection(url)
    except BlockingIOError:
        return Unavailable("meter", f"{url} is being read by another process", "one agent reads a meter")
    except (OSError, ValueError) as error:
        return Unavailable("meter", f"{url}: {error}", FIX)
    greeting = parse_greeting(greet(connection, f"hello {VERSION}", VERSION, GREETING_S))
    answer = rail_of(greeting, scope, url, board)
    if isinstance(answer, Unavailable):
        connection.close()
        return answer
    return MeterSensor(answer, connection)
