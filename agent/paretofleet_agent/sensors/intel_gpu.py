"""Intel discrete GPUs through the hwmon of i915 and xe: energy counters in microjoules.

The hardware register has 32 bits; the driver adds up its wraps, one at most between two reads, so a counter
must be read at least every few minutes. A card has `energy1_input`; xe also gives the chip alone as
`energy2_input`, labelled pkg. i915 repeats a card's tiles as devices called i915_gt0 and so on.
"""

from __future__ import annotations

from pathlib import Path

from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, one_integer, open_rails
from paretofleet_agent.sensors._hwmon import limit_w, of_gpus
from paretofleet_agent.sensors.protocol import COUNTER, NO_SETTINGS, PART, FindResult, Rail, Settings

DRIVERS = ("i915", "xe")
SCOPES = {"card": "gpu-board", "pkg": PART}
#: The limits of a channel: sustained, and of shorter bursts.
LIMITS = ("max", "cap")
#: Type B; no published calibration.
GAIN_UNCERTAINTY = 0.05


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The energy counters of every Intel GPU under `sysroot`, or why there are none.

    No key of `_settings` is for them.
    """
    planned = [rail for hwmon, address in of_gpus(sysroot, DRIVERS) for rail in rails(hwmon, address)]
    if not planned:
        return [], [Unavailable("intel_gpu", "no Intel GPU with an energy counter under /sys/class/drm")]
    return open_rails(planned, fix="as root: chmod a+r the file")


def rails(hwmon: Path, address: str) -> list[FileRail]:
    """The rails of the card at the PCI `address`, with its files in the folder `hwmon`.

    They are itself, which is primary, and its chip.
    """
    planned = []
    for path in sorted(hwmon.glob("energy*_input")):
        label = text(path.with_name(path.name.replace("_input", "_label"))) or "card"
        rail = Rail(
            source="intel_gpu",
            rail=f"{address}-{label}",
            scope=SCOPES.get(label, PART),
            kind=COUNTER,
            primary=label == "card",
            gain_relative_uncertainty=GAIN_UNCERTAINTY,
            target_id=address,
            max_power_w=_limit_w(path),
        )
        planned.append(FileRail(rail, (path,), one_integer))
    return planned


def _limit_w(energy: Path) -> float | None:
    """Watts that the limits beside the counter `energy` allow; the chip draws no more than the card."""
    channel = energy.name.partition("_")[0].replace("energy", "power")
    of_channel = [energy.with_name(f"{channel}_{kind}") for kind in LIMITS]
    of_card = [energy.with_name(f"power1_{kind}") for kind in LIMITS]
    return limit_w(*of_channel) or limit_w(*of_card)
