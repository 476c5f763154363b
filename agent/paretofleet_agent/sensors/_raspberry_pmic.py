"""The power chip (PMIC) of a Raspberry Pi 5: voltage and current of its rails.

An answer of the firmware has a line for each current, `VDD_CORE_A current(7)=1.12518000A`, and for each
voltage, `VDD_CORE_V volt(15)=0.86173300V`. The input EXT5V has a voltage only, so what the board draws is not
known; the rails leave out USB and what else hangs on 5 V.
"""

from __future__ import annotations

import math
import re
import subprocess
import time
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._raspberry_mailbox import Ask, Close, open_mailbox, open_tool
from paretofleet_agent.sensors.protocol import INSTANT, PART, FindResult, Rail, Readings

SCOPE, SOURCE, TOTAL = "pmic-rails", "raspberry_pmic", "sum"
METER_FIX = "an external meter at its USB supply: the setting meter in [sensors]"
ACCESS_FIX = (
    "add the agent's user to the group video, give a container --device /dev/vcio, or install vcgencmd; "
    "else an external meter: the setting meter in [sensors]"
)
LINE = re.compile(r"(?P<rail>\w+)_(?P<unit>[AV]) (?:current|volt)\(\d+\)=(?P<value>\d+(?:\.\d+)?)(?P=unit)")
#: Above what any rail of a board with 5 V at its input can have, and a fuse of 5 A.
VOLTS_MAX, AMPERES_MAX = 6.0, 30.0
#: Feeds the display, outside the board; answers without its voltage are reported (codecarbon's tests).
OUTGOING = frozenset({"HDMI"})
#: Type B: no calibration is published, and readings drift with temperature (raspberrypi/linux issue 6473).
GAIN_UNCERTAINTY = 0.1
#: What asking may raise.
FAILURES = (OSError, ValueError, subprocess.SubprocessError)
#: The supply that the board is made for: 5.1 V, 5 A.
MAX_POWER_W = 27.0


class RailValues(NamedTuple):
    """What an answer tells: amperes and volts, each by rail."""

    amperes: Mapping[str, float]
    volts: Mapping[str, float]

    def microwatts(self, rail: str) -> int | None:
        """The power of a `rail`; None where its current or voltage is missing."""
        if rail not in self.amperes or rail not in self.volts:
            return None
        return round(self.amperes[rail] * self.volts[rail] * 1e6)

    @property
    def measured(self) -> list[str]:
        """The rails with a current and a voltage, in the order of the answer."""
        return [rail for rail in self.amperes if rail in self.volts]

    @property
    def without_voltage(self) -> list[str]:
        """The rails of which only the current is told and that feed the board itself."""
        return [rail for rail in self.amperes if rail not in self.volts and rail not in OUTGOING]


class PmicSensor:
    """The rails of an open PMIC and their sum, read all in one call of `ask`."""

    def __init__(self, ask: Ask, names: Sequence[str], *, has_total: bool, close: Close) -> None:
        self._ask, self._names, self._has_total, self._close = ask, list(names), has_total, close
        totals = [_rail(TOTAL, SCOPE)] if has_total else []
        self._rails = [*totals, *(_rail(name, PART) for name in names)]

    def rails(self) -> Sequence[Rail]:
        """Its rails, in the order of `read`; the sum comes first."""
        return self._rails

    def read(self) -> Sequence[Readings]:
        """A reading of each rail, timed at the middle of the call; None where it failed."""
        before = time.perf_counter_ns()
        try:
            values = parse(self._ask())
        except FAILURES:
            return [None] * len(self._rails)
        t_ns = (before + time.perf_counter_ns()) // 2
        powers = [values.microwatts(name) for name in self._names]
        parts: list[Readings] = [None if power is None else [(t_ns, power)] for power in powers]
        if not self._has_total:
            return parts
        known = [power for power in powers if power is not None]
        is_whole = len(known) == len(powers) and sum(known) > 0 and not values.without_voltage
        return [[(t_ns, sum(known))] if is_whole else None, *parts]

    def close(self) -> None:
        """Gives back its descriptor."""
        self._close()


def _rail(name: str, scope: str) -> Rail:
    return Rail(
        source=SOURCE,
        rail=name,
        scope=scope,
        kind=INSTANT,
        primary=scope != PART,
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
        max_power_w=MAX_POWER_W,
    )


def parse(answer: str) -> RailValues:
    """The currents and voltages in an `answer`; raises ValueError where one line is nonsense.

    >>> parse("VDD_CORE_A current(7)=2.0A  VDD_CORE_V volt(15)=0.8V".replace("  ", chr(10))).measured
    ['VDD_CORE']
    """
    amperes: dict[str, float] = {}
    volts: dict[str, float] = {}
    for line in answer.splitlines():
        if not line.strip():
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"'{line.strip()[:40]}' is no reading of a rail")
        values, most = (amperes, AMPERES_MAX) if match["unit"] == "A" else (volts, VOLTS_MAX)
        value = float(match["value"])
        if match["rail"] in values or not math.isfinite(value) or value > most:
            raise ValueError(f"'{line.strip()[:40]}' cannot be")
        values[match["rail"]] = value
    if not amperes:
        raise ValueError("it tells no current")
    return RailValues(amperes, volts)


def find_pmic(sysroot: Path) -> FindResult:
    """The PMIC's rails through the mailbox under `sysroot`, or where that gives nothing through vcgencmd."""
    try:
        return first_answer(*open_mailbox(sysroot))
    except FAILURES as error:
        refusal = error
    try:
        return first_answer(*open_tool())
    except FAILURES as error:
        why = f"its PMIC gives no reading: /dev/vcio: {_reason(refusal)}; vcgencmd: {_reason(error)}"
    is_denied = isinstance(refusal, PermissionError)
    return [], [Unavailable("raspberry", why, ACCESS_FIX, refused=is_denied)]


def _reason(error: Exception) -> str:
    return str((isinstance(error, OSError) and error.strerror) or error)


def first_answer(ask: Ask, close: Close) -> FindResult:
    """The sensor whose rails the first answer of `ask` names, and what it leaves out.

    `close` gives the device back, also where the answer is nonsense. Raises what `ask` and `parse` raise.
    """
    try:
        values = parse(ask())
    except BaseException:
        close()
        raise
    lonely = values.without_voltage
    sensor = PmicSensor(ask, values.measured, has_total=not lonely, close=close)
    if lonely:
        why = f"the PMIC tells a current and no voltage of {', '.join(lonely)}, so the sum is not whole"
        return [sensor], [Unavailable("raspberry_pmic total", why, METER_FIX, refused=True)]
    why = "the rails of the PMIC leave out USB, other loads at 5 V, and the losses of its converters"
    return [sensor], [Unavailable("power of the whole board", why, METER_FIX)]
