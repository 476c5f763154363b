"""What a GPU is set to, and who computes on it: asked of NVML before and after a run, never in its window."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Container, TypeVar

from paretofleet_agent.hardware.nvml import Gpu, gpus, load
from paretofleet_agent.model import Unavailable

#: What stays between runs, by its name in the environment; NVML gives the present and the pending mode.
MODES = {
    "gpu_persistence": "nvmlDeviceGetPersistenceMode",
    "gpu_ecc": "nvmlDeviceGetEccMode",
    "gpu_mig": "nvmlDeviceGetMigMode",
}
#: A process that just ended may be listed a moment longer.
LINGERS_S = 0.5
_Answer = TypeVar("_Answer")


def modes(sysroot: Path, target_id: str, library: Any = None) -> dict[str, int]:
    """Persistence, ECC and MIG mode of the GPU with the UUID `target_id`; what it does not tell is left out.

    `sysroot` and `library` are as for `nvml.load`.
    """
    return _ask(sysroot, target_id, library, _modes_of) or {}


def processes(sysroot: Path, target_id: str, library: Any = None) -> frozenset[int] | None:
    """The ids of the processes that compute on the GPU with the UUID `target_id`; None where none are listed.

    `sysroot` and `library` are as for `nvml.load`.
    """
    return _ask(sysroot, target_id, library, _processes_of)


def memory_bytes(sysroot: Path, target_id: str, pid: int, library: Any = None) -> int | None:
    """What the process `pid` holds of the memory of the GPU with the UUID `target_id`, CUDA's context too.

    None where that is not counted: on a Jetson, and inside of a container, which has ids of its own.
    `sysroot` and `library` are as for `nvml.load`.
    """
    return _ask(sysroot, target_id, library, lambda gpu: _memory_of(gpu, pid))


def other_processes(
    sysroot: Path, target_id: str, pids: Container[int] = (), library: Any = None
) -> list[int]:
    """Processes of others on the GPU with the UUID `target_id`, looked at twice where there are any.

    `pids` are ours, once our work is under way. Where none of them is listed, as inside of a container, which
    has ids of its own, the list says nothing. `sysroot` and `library` are as for `nvml.load`.
    """
    listed = processes(sysroot, target_id, library)
    if not listed or (pids and not any(pid in pids for pid in listed)):
        return []
    others = {pid for pid in listed if pid not in pids}
    if others:
        time.sleep(LINGERS_S)
        others &= processes(sysroot, target_id, library) or frozenset()
    return sorted(others)


def _modes_of(gpu: Gpu) -> dict[str, int]:
    answers = {name: gpu.ask(function) for name, function in MODES.items()}
    return {
        name: int(answer[0] if isinstance(answer, (list, tuple)) else answer)
        for name, answer in answers.items()
        if answer is not None
    }


def _processes_of(gpu: Gpu) -> frozenset[int] | None:
    listed = gpu.ask("nvmlDeviceGetComputeRunningProcesses")
    return None if listed is None else frozenset(int(process.pid) for process in listed)


def _memory_of(gpu: Gpu, pid: int) -> int | None:
    listed = gpu.ask("nvmlDeviceGetComputeRunningProcesses") or ()
    used = next((process.usedGpuMemory for process in listed if process.pid == pid), None)
    return None if used is None else int(used)


def _ask(sysroot: Path, target_id: str, library: Any, question: Callable[[Gpu], _Answer]) -> _Answer | None:
    """The answer of the GPU with that UUID; None without one."""
    if target_id == "cpu":
        return None
    library = load(sysroot, library)
    if isinstance(library, Unavailable):
        return None
    try:
        return next((question(gpu) for gpu in gpus(library) if gpu.uuid == target_id), None)
    finally:
        library.nvmlShutdown()
