"""What is asked of NVML, one GPU at a time; a refusal is remembered and never raised."""

from __future__ import annotations

import ctypes
import functools
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from paretofleet_agent.hardware.boards import is_jetson
from paretofleet_agent.model import Unavailable

#: What a field is asked for: the GPU, or the module of a superchip, with its CPU and memory.
GPU_SCOPE, MODULE_SCOPE = 0, 1
#: The buffered samples of each.
POWER_SAMPLES = {GPU_SCOPE: 0, MODULE_SCOPE: 7}
#: Room for the CPUs beside a GPU, 64 a word.
CPU_WORDS = 16
#: An energy counter that did not move for so long at more than so many milliwatts stands still.
STILL_S, STILL_POWER_MW, STILL_WAIT_S = 0.6, 1000, 0.02
VALUE_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
NO_PERMISSION, NOT_FOUND, NOT_LOADED, NO_LIBRARY, MISMATCH = 4, 6, 9, 12, 18
INSTALL_FIX = "pip uninstall pynvml; pip install --force-reinstall nvidia-ml-py"
REASONS = {
    NO_PERMISSION: ("the device files /dev/nvidia* may not be opened", "give the container or user the GPU"),
    NOT_LOADED: ("the NVIDIA driver is not loaded", "modprobe nvidia, or reboot"),
    NO_LIBRARY: ("there is no NVIDIA driver here (libnvidia-ml.so.1)", None),
    MISMATCH: ("the NVIDIA driver and its library are of different versions", "reboot"),
}
#: Buffered samples older than this, or from the future, tell that their clock is not ours.
SAMPLE_AGE_S_MAX = 600.0


class Gpu:
    """A GPU by its handle. Every question gives None where NVML refuses; `refusals` keeps the reasons."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library, self._handle = library, handle
        self._seen_us = 0
        self._code = 0
        self.refusals: dict[str, str] = {}
        self.uuid = _string(self.ask("nvmlDeviceGetUUID")) or "GPU-unknown"
        self.name = _string(self.ask("nvmlDeviceGetName"))

    def ask(self, function: str, *arguments: Any) -> Any:
        """What a function of the library says of this GPU."""
        try:
            return getattr(self._library, function)(self._handle, *arguments)
        except self._library.NVMLError as error:
            self.refusals[function], self._code = str(error), error.value
        except AttributeError:
            self.refusals[function] = "this nvidia-ml-py is too old to know it"
        return None

    def reader(self, question: str | int, scope: int = GPU_SCOPE) -> Callable[[], int | None] | None:
        """What reads a function's value, or a field's in its `scope`; None where that is refused or 0."""
        if isinstance(question, str):
            read = functools.partial(self.ask, question)
        else:
            read = functools.partial(self.field, question, scope)
        return read if read() else None

    def field(self, field: int, scope: int = GPU_SCOPE) -> int | None:
        """A field's value in its own unit, of the GPU or of its module."""
        values = self.ask("nvmlDeviceGetFieldValues", [(field, scope)])
        if values is None:
            self.refusals[str(field)] = self.refusals["nvmlDeviceGetFieldValues"]
            return None
        value = values[0]
        if value.nvmlReturn != 0:
            self.refusals[str(field)] = str(self._library.NVMLError(value.nvmlReturn))
            return None
        return int(getattr(value.value, VALUE_MEMBERS[value.valueType]))

    def cpus(self) -> frozenset[int] | None:
        """The CPUs beside it, which GPUs of one module share; None where that is not told."""
        words = self.ask("nvmlDeviceGetCpuAffinity", CPU_WORDS)
        if words is None:
            return None
        return frozenset(
            64 * at + bit for at, word in enumerate(words) for bit in range(64) if word >> bit & 1
        )

    def new_samples(self, scope: int = GPU_SCOPE) -> Sequence[tuple[int, int]] | None:
        """(CLOCK_MONOTONIC ns, microwatts) of the samples that the driver buffered since the last call."""
        answer = self.ask("nvmlDeviceGetSamples", POWER_SAMPLES[scope], self._seen_us)
        if answer is None:
            return () if self._code == NOT_FOUND and self._seen_us else None
        kind, samples = answer
        behind_ns = time.time_ns() - time.perf_counter_ns()
        new = [sample for sample in samples if sample.timeStamp > self._seen_us]
        self._seen_us = max([sample.timeStamp for sample in new], default=self._seen_us)
        return [
            (
                sample.timeStamp * 1000 - behind_ns,
                int(getattr(sample.sampleValue, VALUE_MEMBERS[kind])) * 1000,
            )
            for sample in new
        ]

    def has_samples(self, scope: int = GPU_SCOPE) -> bool:
        """Whether samples are buffered with times of our wall clock; forgets those of the past."""
        samples = self.new_samples(scope)
        if not samples:
            return False
        age_s = (time.perf_counter_ns() - samples[-1][0]) / 1e9
        if abs(age_s) > SAMPLE_AGE_S_MAX:
            self.refusals["nvmlDeviceGetSamples"] = "its times are not those of the wall clock"
            return False
        return True


def stands_still(counter: Callable[[], int | None], power: Callable[[], int | None]) -> bool:
    """Whether an energy `counter` keeps its value while the `power` beside it, in milliwatts, is real."""
    if (power() or 0) < STILL_POWER_MW:
        return False
    first = counter()
    end = time.monotonic() + STILL_S
    while time.monotonic() < end:
        time.sleep(STILL_WAIT_S)
        if counter() != first:
            return False
    return True


def load(sysroot: Path, library: Any) -> Any:
    """The library, initialised once more, or why the device at `sysroot` has none.

    `library` stands in for the module pynvml.
    """
    if is_jetson(sysroot):
        return Unavailable("nvml", "on a Jetson NVML gives no power; its power monitor is read instead")
    if library is None:
        if sysroot.resolve() != Path("/"):
            return Unavailable(
                "nvml", "this is a copied tree, and NVML speaks only for the machine it runs on"
            )
        library = _import()
    if isinstance(library, Unavailable):
        return library
    if not hasattr(library, "_nvmlGetFunctionPointer"):
        why = "the module pynvml is of another distribution than nvidia-ml-py"
        return Unavailable("nvml", why, INSTALL_FIX, refused=True)
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        why, fix = REASONS.get(error.value, (f"NVML does not start: {error}", "nvidia-smi shows more"))
        return Unavailable("nvml", why, fix, refused=error.value not in (NOT_LOADED, NO_LIBRARY))
    return library


def _import() -> Any:
    """The module pynvml, or an Unavailable; the module, 2 MB in memory, is of no use without the driver."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return Unavailable("nvml", *REASONS[NO_LIBRARY])
    try:
        import pynvml
    except ImportError:
        return Unavailable("nvml", "the Python package nvidia-ml-py is missing", "pip install nvidia-ml-py")
    return pynvml


def gpus(library: Any) -> Iterator[Gpu]:
    """The GPUs that an initialised `library` shows."""
    try:
        count = library.nvmlDeviceGetCount()
    except library.NVMLError:
        return
    for index in range(count):
        try:
            handle = library.nvmlDeviceGetHandleByIndex(index)
        except library.NVMLError:  # a card that is lost or not ours
            continue
        yield Gpu(library, handle)


def _string(value: Any) -> str:
    """Text that older versions of the library give as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
