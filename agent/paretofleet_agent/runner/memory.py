"""The peak memory of a run that is the model's: without inputs that only rotate, and without our checks."""

import os
from typing import Any, Mapping, Optional, Sequence

from . import process

CACHES = "/sys/devices/system/cpu/cpu0/cache"


class Memory(object):
    """Follows the peak from the loading of a model on. `buffers_bytes`: all inputs that rotate, together.

    They are resident from the end of the loading to the end of the run, so that all but one feed of them can
    be taken off a peak that comes later.
    """

    def __init__(self) -> None:
        self.buffers_bytes = 0
        self._resident_bytes: Optional[int] = None
        self._extra_bytes = 0
        self._peak_bytes: Optional[int] = None

    def before_buffers(self) -> None:
        """Notes the peak of loading, with which the inputs have nothing to do yet."""
        self._peak_bytes = process.memory_peak_bytes()
        self._resident_bytes = process.resident_bytes()

    def set_buffers(self, feeds: Sequence[Mapping[str, Any]]) -> None:
        """Notes the `feeds`, arrays by name, which are there from now on; what drawing them took is over."""
        self.buffers_bytes = sum(array.nbytes for feed in feeds for array in feed.values())
        extra_bytes = self.buffers_bytes - sum(array.nbytes for array in feeds[0].values())
        resident_bytes = process.resident_bytes()
        if resident_bytes is not None and self._resident_bytes is not None and self.buffers_bytes:
            # Memory that the loading gave back is used again, and what a driver pins may not be resident.
            grown_bytes = max(0, resident_bytes - self._resident_bytes)
            extra_bytes = min(extra_bytes, grown_bytes * extra_bytes // self.buffers_bytes)
        self._extra_bytes = extra_bytes
        process.forget_memory_peak()

    def note_peak(self) -> None:
        """Notes the peak up to now. Call it before a check that needs memory of its own."""
        self._peak_bytes = self.peak_bytes()

    def forget_checks(self) -> None:
        """Lets the peak count from now on: what a check needed is no part of it (Linux)."""
        process.forget_memory_peak()

    def peak_bytes(self) -> Optional[int]:
        """The peak of the model with the inputs of one feed; None where the system does not say."""
        now_bytes = process.memory_peak_bytes()
        if now_bytes is None:
            return None
        return max(self._peak_bytes or 0, now_bytes - self._extra_bytes)


def cache_bytes(folder: str = CACHES) -> Optional[int]:
    """The size of the largest cache of the first CPU, as its `folder` says; None where it does not."""
    sizes = []
    try:
        for name in os.listdir(folder):
            if name.startswith("index"):
                with open(os.path.join(folder, name, "size")) as handle:
                    text = handle.read().strip()
                sizes.append(
                    int(text.rstrip("KMG")) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:], 1)
                )
    except (OSError, ValueError):
        return None
    return max(sizes) if sizes else None
