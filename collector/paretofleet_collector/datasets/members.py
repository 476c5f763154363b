"""How large the arrays of a file of numpy's become, before any of them is read."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO

from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import shown


def check_unpacked(path: Path, most: int) -> None:
    """Raises Refused where the arrays of the .npz or .npy at `path` have more than `most` bytes, or claim it.

    A few megabytes may unpack to any size, and a header may claim it. What is no such file is left to who
    reads it: zipfile.BadZipFile, ValueError, OSError.
    """
    if path.suffix == ".npy":
        size = path.stat().st_size
        _check_total(path.name, size, most)
        with path.open("rb") as file:
            _check_claim(path.name, file, size)
        return
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if each.filename.endswith(".npy")]
        _check_total(path.name, sum(each.file_size for each in members), most)
        for member in members:
            with archive.open(member) as file:
                _check_claim(f"{path.name}: array {shown(member.filename[:-4])}", file, member.file_size)


def _check_total(called: str, size: int, most: int) -> None:
    if size > most:
        raise Refused(
            f"{called} has {size:,} bytes of arrays; at most {most:,} are read: keep fewer of its items."
        )


def _check_claim(called: str, file: IO[bytes], size: int) -> None:
    claimed = _claimed_bytes(file)
    if claimed > size:
        raise Refused(
            f"{called} claims {claimed:,} bytes of values, and {size:,} are there: write the file again."
        )


def _claimed_bytes(file: IO[bytes]) -> int:
    """The bytes of values that the header of an array claims; 0 of objects, which nobody reads."""
    import numpy as np

    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:  # a name of a field that is not ASCII: numpy reads it, and no items are of such a type
        return 0
    return 0 if dtype.hasobject else math.prod(shape) * int(dtype.itemsize)
