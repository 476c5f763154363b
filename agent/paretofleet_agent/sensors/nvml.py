"""NVIDIA GPUs through NVML: the board's energy counter, instant and average power, buffered samples.

Only the library knows these figures, so they are read for the running machine and never from a copied tree.
On a Jetson NVML answers but has no power: the board decides before the library is asked. GPUs are known by
their UUID. GetPowerUsage has two meanings: a 1 s average from Ampere on (but not on GA100), instant before;
it is read where a driver does not know the fields that say which. On a superchip what takes no scope is the
module's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

from paretofleet_agent.hardware.nvml import MODULE_SCOPE, Gpu, gpus, load
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._nvml_modules import is_superchip, sharing_why
from paretofleet_agent.sensors._nvml_rails import SCOPES, RailReader, rail_readers
from paretofleet_agent.sensors.protocol import NO_SETTINGS, FindResult, Rail, Readings, Sensor, Settings


class NvmlSensor:
    """One GPU."""

    def __init__(self, readers: Sequence[RailReader], close: Callable[[], None]) -> None:
        self._readers, self._close = list(readers), close

    def rails(self) -> Sequence[Rail]:
        """Its rails, in the order of `read`."""
        return [rail for rail, _ in self._readers]

    def read(self) -> Sequence[Readings]:
        """What is new of each rail, in microjoules or microwatts; None where the library refuses."""
        return [read() for _, read in self._readers]

    def close(self) -> None:
        """Lets the library go."""
        self._close()


def find(sysroot: Path, _settings: Settings = NO_SETTINGS, library: Any = None) -> FindResult:
    """The GPUs of this machine, or why there are none; also where `sysroot` is a copied tree.

    No key of `_settings` is for them. `library` stands in for the module pynvml.
    """
    library = load(sysroot, library)
    if isinstance(library, Unavailable):
        return [], [library]
    sensors: list[Sensor] = []
    absent: list[Unavailable] = []
    shown = list(gpus(library))
    superchips = [gpu for gpu in shown if is_superchip(gpu)]
    for gpu in shown:
        readers, missing = _readers(gpu, superchips)
        absent += missing
        if readers:
            library.nvmlInit()  # once for each sensor: the last to close lets the library go
            sensors.append(NvmlSensor(readers, library.nvmlShutdown))
    library.nvmlShutdown()
    if not sensors and not absent:
        absent.append(Unavailable("nvml", "there is an NVIDIA driver, and it shows no GPU"))
    return sensors, absent


def _readers(gpu: Gpu, superchips: Sequence[Gpu]) -> tuple[list[RailReader], list[Unavailable]]:
    """The rails of `gpu`, and what is absent: also its module, where that is not of this GPU alone."""
    if gpu not in superchips:
        return rail_readers(gpu, is_superchip=False)
    target_id = None if len(superchips) == 1 else gpu.uuid
    readers, absent = rail_readers(gpu, is_superchip=True, module_target_id=target_id)
    why = sharing_why(gpu, superchips)
    if why is None or not readers:
        return readers, absent
    of_board = [reader for reader in readers if reader[0].scope != SCOPES[MODULE_SCOPE]]
    absent.append(Unavailable(f"nvml/{gpu.uuid}-module", why, refused=not of_board))
    return of_board, absent
