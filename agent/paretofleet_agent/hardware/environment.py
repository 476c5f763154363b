"""What the device is during a run: what stays (the environment) and what moves (readings).

Everything is read from files below a system root; what a device does not have is left out.
"""

from __future__ import annotations

import os
import platform
import re
import time
import uuid
from pathlib import Path
from typing import Any, Mapping, Sequence

from paretofleet_agent.hardware import core_types
from paretofleet_agent.hardware.cgroups import cpu_quota, memory_limit_bytes, memory_throttle_bytes, throttled
from paretofleet_agent.hardware.sysfs import text

CPUS = core_types.CPUS
#: One zone of Jetson boards is a constant placeholder.
PLACEHOLDER_ZONES = ("PMIC-Die",)
QUOTA_REACHED = "cpu_quota_reached"
#: The flag of a run while which a counter among the readings rose.
COUNTERS = {"throttled_periods": QUOTA_REACHED, "swapped_pages": "swapped"}
#: The folders of the GPUs of Jetson boards among those of /sys/class/devfreq.
GPU_DEVFREQ = r"\.(gpu|gm20b|gp10b|gv11b|ga10b)$|^gpu\.0$|^gpu-gpc-0$"
#: Libraries that report their use, told not to: ONNX Runtime from 1.32, the hubs of Hugging Face, and whoever
#: heeds the common variable. OpenVINO's core, torch, LiteRT and TensorRT report nothing.
NO_TELEMETRY: Mapping[str, str] = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
_MADE_UP_BOOT_ID = str(uuid.uuid4())


def boot_id(sysroot: Path) -> str:
    """The id of this boot by the kernel under `sysroot`; where it has none, of this process."""
    return text(sysroot / "proc/sys/kernel/random/boot_id") or _MADE_UP_BOOT_ID


def environment(sysroot: Path, cpus: Sequence[int], runner_cpus: Sequence[int] = ()) -> dict[str, Any]:
    """What must be the same under `sysroot` for two runs to be repeats.

    `cpus`: those that are visible; `runner_cpus`: those on which the runner may work, none before a run.
    """
    types = core_types.core_types(sysroot)
    settings: dict[str, Any] = {
        "architecture": platform.machine(),
        "kernel": text(sysroot / "proc/sys/kernel/osrelease"),
        "cpu_model": cpu_model(sysroot),
        "cpus": list(cpus),
        "governor": _policies(sysroot, "scaling_governor"),
        "cpu_driver": _policies(sysroot, "scaling_driver"),
        "cpu_max_khz": _policies(sysroot, "scaling_max_freq"),
        "cpu_min_khz": _policies(sysroot, "scaling_min_freq"),
        "boost": text(sysroot / CPUS / "cpufreq/boost"),
        "no_turbo": text(sysroot / CPUS / "intel_pstate/no_turbo"),
        "smt": text(sysroot / CPUS / "smt/active"),
        "cpu_quota": cpu_quota(sysroot),
        "memory_limit_bytes": memory_limit_bytes(sysroot),
        "memory_throttle_bytes": memory_throttle_bytes(sysroot),
        "huge_pages": _chosen(text(sysroot / "sys/kernel/mm/transparent_hugepage/enabled")),
        "board": _board(sysroot),
        "l4t": text(sysroot / "etc/nv_tegra_release"),
        "power_mode": power_mode(sysroot),
        "microcode": _of_cpuinfo(sysroot, "microcode"),
        "cpus_isolated": text(sysroot / CPUS / "isolated"),
        "numa_nodes": text(sysroot / "sys/devices/system/node/online"),
        "randomize_va_space": text(sysroot / "proc/sys/kernel/randomize_va_space"),
        "gpu_driver": text(sysroot / "sys/module/nvidia/version"),
        "core_types": core_types.of_cpus(types, cpus),
        "placement": list(core_types.of_cpus(types, runner_cpus)),
        **_gpu_clocks(sysroot),
    }
    return {key: value for key, value in settings.items() if value not in (None, "", [], {})}


def readings(sysroot: Path) -> dict[str, Any]:
    """What moves by itself under `sysroot`: load, temperatures (degrees Celsius), frequencies, memory."""
    stopped = throttled(sysroot)
    moving: dict[str, Any] = {
        "load_average": _load_average(sysroot),
        "temperatures_c": temperatures_c(sysroot),
        "cpus_online": text(sysroot / CPUS / "online"),
        "frequencies_khz": _policies(sysroot, "scaling_cur_freq", unique=False),
        # What cools a GPU lowers its most: it moves by itself, so it is no setting.
        "gpu_max_hz": "".join(text(path / "max_freq") for path in gpu_devfreq(sysroot)),
        "memory_available_bytes": _meminfo(sysroot, "MemAvailable"),
        "swap_free_bytes": _meminfo(sysroot, "SwapFree"),
        "swapped_pages": _swapped_pages(sysroot),
        "cpu_pressure": text(sysroot / "proc/pressure/cpu").partition("\n")[0],
        "throttled_periods": None if stopped is None else stopped.periods,
        "throttled_cpu_s": None if stopped is None else stopped.cpu_s,
        "power_supply": _power_supply(sysroot),
    }
    return {key: value for key, value in moving.items() if value not in (None, "", [], {})}


def flags(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The flags of a run by the readings `before` and `after`: it was at its CPU quota, or it swapped."""
    return [
        flag
        for key, flag in COUNTERS.items()
        if None not in (before.get(key), after.get(key)) and after[key] > before[key]
    ]


def power_mode(sysroot: Path) -> str | None:
    """The mode that nvpmodel has set under `sysroot`, such as "3 MAXP_CORE_ARM"; None elsewhere."""
    mode = re.search(r"pmode:0*(\d+)", text(sysroot / "var/lib/nvpmodel/status"))
    if mode is None:
        return None
    modes = text(sysroot / "etc/nvpmodel.conf")
    name = re.search(rf"<\s*POWER_MODEL\s+ID=0*{mode.group(1)}\s+NAME=(\S+)", modes)
    return f"{mode.group(1)} {name.group(1)}" if name else mode.group(1)


def cpu_model(sysroot: Path) -> str:
    """The name of the CPU under `sysroot`: its model name on x86, implementer and part on Arm."""
    for key in ("model name", "Hardware", "Model"):
        name = _of_cpuinfo(sysroot, key)
        if name:
            return name
    cpuinfo = text(sysroot / "proc/cpuinfo")
    parts = re.findall(r"^CPU (?:implementer|part)\s*:\s*(\S+)$", cpuinfo, re.MULTILINE)
    return " ".join(sorted(set(parts)))


def lacks_atomics(sysroot: Path) -> bool:
    """Whether `sysroot` is of an ARMv8.0 core (A57, Denver), whose kernel some libraries do not find."""
    features = re.search(r"^Features\s*:\s*(.+)$", text(sysroot / "proc/cpuinfo"), re.MULTILINE)
    return (
        platform.machine() == "aarch64"
        and features is not None
        and "atomics" not in features.group(1).split()
    )


def memory_bytes(sysroot: Path) -> int:
    """The memory of the device at `sysroot`, or the limit of its container if less; 0 where unknown."""
    total = _meminfo(sysroot, "MemTotal") or 0
    limit = memory_limit_bytes(sysroot)
    return min(total, limit) if limit is not None and total else total


def temperatures_c(sysroot: Path) -> Mapping[str, float]:
    """Degrees Celsius by thermal zone under `sysroot`, without placeholders and sensors that are off."""
    zones: dict[str, float] = {}
    for zone in sorted((sysroot / "sys/class/thermal").glob("thermal_zone*")):
        name, value = text(zone / "type"), text(zone / "temp")
        if name not in PLACEHOLDER_ZONES and value.isdigit():
            zones[f"{zone.name}:{name}"] = int(value) / 1000.0
    return zones


def oom_kills(sysroot: Path) -> int | None:
    """How many processes the kernel at `sysroot` has killed for memory; None where it does not count them."""
    match = re.search(r"^oom_kill (\d+)$", text(sysroot / "proc/vmstat"), re.MULTILINE)
    return int(match.group(1)) if match else None


def busy_ticks(sysroot: Path, cpus: Sequence[int]) -> int | None:
    """Clock ticks that `cpus` were busy by `sysroot`, hypervisor's steal included; None where unknown."""
    lines = re.findall(r"^cpu(\d+) (.+)$", text(sysroot / "proc/stat"), re.MULTILINE)
    ticks = {int(number): [int(field) for field in fields.split()] for number, fields in lines}
    if any(cpu not in ticks for cpu in cpus):
        return None
    # user nice system idle iowait irq softirq steal; guest time is in user already
    return sum(sum(ticks[cpu][:3]) + sum(ticks[cpu][5:8]) for cpu in cpus)


def process_ticks(pid: int) -> int:
    """Clock ticks that our process `pid` and its ended children have used; 0 when it is gone."""
    fields = text(Path("/proc") / str(pid) / "stat").rpartition(")")[2].split()
    # utime stime cutime cstime; the last two grow when the process waits for a child that has ended
    return sum(map(int, fields[11:15]))


def suspended_s() -> float:
    """Seconds that the device has slept since boot (CLOCK_BOOTTIME runs on, CLOCK_MONOTONIC does not)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _policies(sysroot: Path, key: str, *, unique: bool = True) -> Any:
    values = [text(path / key) for path in sorted((sysroot / CPUS / "cpufreq").glob("policy*"))]
    return sorted(set(values) - {""}) if unique else [int(value) for value in values if value.isdigit()]


def _of_cpuinfo(sysroot: Path, key: str) -> str | None:
    """What the first CPU says of itself."""
    match = re.search(rf"^{key}\s*:\s*(.+)$", text(sysroot / "proc/cpuinfo"), re.MULTILINE)
    return match.group(1).strip() if match else None


def _gpu_clocks(sysroot: Path) -> dict[str, str]:
    """The policy of a board's own GPU: its governor and its least Hz, the most where it is locked."""
    names = {"gpu_governor": "governor", "gpu_min_hz": "min_freq"}
    return {key: text(path / name) for path in gpu_devfreq(sysroot) for key, name in names.items()}


def gpu_devfreq(sysroot: Path) -> list[Path]:
    """The folder of the clocks of a board's own GPU under `sysroot`; empty where there is none."""
    paths = sorted((sysroot / "sys/class/devfreq").glob("*"))
    return [path for path in paths if re.search(GPU_DEVFREQ, path.name)][:1]


def _chosen(choices: str) -> str | None:
    match = re.search(r"\[(\w+)\]", choices)
    return match.group(1) if match else None


def _board(sysroot: Path) -> str | None:
    return text(sysroot / "proc/device-tree/model") or text(sysroot / "sys/class/dmi/id/product_name") or None


def _load_average(sysroot: Path) -> Sequence[float]:
    return [float(value) for value in text(sysroot / "proc/loadavg").split()[:3]]


def _meminfo(sysroot: Path, key: str) -> int | None:
    match = re.search(rf"^{key}:\s+(\d+) kB$", text(sysroot / "proc/meminfo"), re.MULTILINE)
    return int(match.group(1)) * 1024 if match else None


def _swapped_pages(sysroot: Path) -> int | None:
    """Pages read from and written to swap since the boot."""
    counts = re.findall(r"^pswp(?:in|out) (\d+)$", text(sysroot / "proc/vmstat"), re.MULTILINE)
    return sum(map(int, counts)) if counts else None


def _power_supply(sysroot: Path) -> Mapping[str, str]:
    supplies: tuple[Path, ...] = tuple(sorted((sysroot / "sys/class/power_supply").glob("*")))
    states = {path.name: text(path / "status") or text(path / "online") for path in supplies}
    return {name: state for name, state in states.items() if state}


def agents_variables(sysroot: Path) -> dict[str, str]:
    """What the agent sets for its children at `sysroot`.

    No threads of numpy, its kernel on ARMv8.0, and no telemetry, which would write and send beside a run.
    """
    variables = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **NO_TELEMETRY}
    if lacks_atomics(sysroot):
        variables["OPENBLAS_CORETYPE"] = "ARMV8"
    return variables


def child_environment(sysroot: Path) -> dict[str, str]:
    """The variables of a child at `sysroot` that is no runner: those of this process, and the agent's."""
    return {**os.environ, **agents_variables(sysroot)}
