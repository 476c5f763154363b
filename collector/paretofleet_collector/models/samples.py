"""Files of samples: what an .npz of a user holds, read a piece at a time. Runs in the worker process."""

from __future__ import annotations

import math
import zipfile
from typing import Any

from paretofleet_collector.errors import Refused
from paretofleet_collector.plain_text import shown

#: Of all arrays together, as they lie in memory.
BYTES_MAX = 2 << 30
ARRAYS_MAX = 64
_AXES_MAX = 16
_PIECE_VALUES = 1 << 18
#: Kinds of numpy's types that a model can be fed: truth values, integers, real numbers, text.
_KINDS = "biufU"


def inspect(path: str, called: str) -> list[dict[str, Any]]:
    """The arrays of the .npz at `path`, `called` so in messages, as `model.inputs.InputArray` has them.

    Raises Refused with one sentence for a file that is none, or is damaged, too large, or holds objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, called)
            arrays = [_array(archive, member, called) for member in members]
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise Refused(
            f"{called} is not an .npz file, or is damaged ({error}): write it with numpy.savez."
        ) from None
    counts = {array["shape"][0] for array in arrays}
    if len(counts) > 1:
        raise Refused(
            f"{called} has arrays of unlike numbers of samples ({', '.join(map(str, sorted(counts)))}), "
            "which is the size of their first axis: give each the same."
        )
    return arrays


def _check_members(members: list[zipfile.ZipInfo], called: str) -> None:
    if not members or len(members) > ARRAYS_MAX:
        raise Refused(f"{called} has {len(members)} arrays: 1 to {ARRAYS_MAX} are accepted.")
    names = [member.filename for member in members]
    for name in names:
        if not name.endswith(".npy") or not name.isprintable() or len(name) > 256 or names.count(name) > 1:
            raise Refused(f"{called} holds {shown(name)}, no array of its own: write it with numpy.savez.")
    total = sum(member.file_size for member in members)
    if total > BYTES_MAX:
        raise Refused(
            f"{called} has {total:,} bytes of arrays; at most {BYTES_MAX:,} are accepted: keep fewer samples."
        )


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, called: str) -> dict[str, Any]:
    import numpy as np

    name = member.filename.removesuffix(".npy")
    with archive.open(member) as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _header_2_0
            shape, _, dtype = read(file)
        except ValueError as error:
            raise Refused(f"{called}: array {name} is damaged ({error}): write it again.") from None
        if dtype.hasobject or dtype.kind not in _KINDS:
            raise Refused(f"{called}: array {name} has the type {dtype}, which no input of a model has.")
        if not shape or len(shape) > _AXES_MAX or not shape[0]:
            raise Refused(
                f"{called}: array {name} of shape {list(shape)} has no samples: its first axis is theirs."
            )
        count = math.prod(shape)
        about = {"name": name, "type": dtype.name if dtype.kind != "U" else "str", "shape": list(shape)}
        return {**about, **_values(file, dtype, count, f"{called}: array {name}")}


def _header_2_0(file: Any) -> Any:
    import numpy as np

    return np.lib.format.read_array_header_2_0(file)


def _values(file: Any, dtype: Any, count: int, called: str) -> dict[str, Any]:
    """The least and largest of `count` values in `file`, and whether all are finite."""
    import numpy as np

    low: float | None = None
    high: float | None = None
    is_finite = True
    left = count
    while left:
        size = min(left, _PIECE_VALUES) * dtype.itemsize
        data = file.read(size)
        if len(data) != size:
            raise Refused(f"{called} is cut short: write the file again.")
        left -= size // max(1, dtype.itemsize)
        if dtype.kind == "U":
            continue
        piece = np.frombuffer(data, dtype)
        if dtype.kind == "f":
            finite = piece[np.isfinite(piece)]
            is_finite, piece = is_finite and len(finite) == len(piece), finite
        if len(piece):
            least, largest = piece.min().item(), piece.max().item()
            low = least if low is None else min(low, least)
            high = largest if high is None else max(high, largest)
    if file.read(1):
        raise Refused(f"{called} has more data than its shape says: write the file again.")
    return {"low": low, "high": high, "is_finite": is_finite}
