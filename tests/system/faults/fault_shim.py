"""The library that is loaded before libc: failing writes, slow disks and another wall clock, at will."""

from __future__ import annotations

import atexit
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("fault_shim.c")


@cache
def library() -> Path:
    """The shim, compiled once."""
    folder = tempfile.mkdtemp(prefix="paretofleet-shim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built = Path(folder) / "shim.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-o", str(built), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return built


class Shim:
    """What one process sees: writes and syncs below `folder` that fail, a clock that is off."""

    def __init__(self, folder: Path, control: Path) -> None:
        control.write_bytes(bytes(32))
        with control.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 32)
        self.variables = {
            "LD_PRELOAD": str(library()),
            "FAULT_CONTROL": str(control),
            "FAULT_FOLDER": str(folder),
        }

    def set(self, write_errno: int = 0, sync_errno: int = 0, clock_s: int = 0, sync_s: float = 0.0) -> None:
        """Changes what is seen from now on; without arguments all is well."""
        self._page[:] = struct.pack("<4q", write_errno, sync_errno, clock_s, int(1000 * sync_s))
        assert os.path.exists(self.variables["LD_PRELOAD"])
