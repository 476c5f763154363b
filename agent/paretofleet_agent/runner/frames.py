"""Frames over a pipe: how the daemon talks with its runner and its sampler.

A frame is a 4-byte length of all that follows, a 4-byte length of the header, a JSON header with `kind`, then
int64 columns one after the other. Every number is little-endian.
"""

import array
import json
import os
import select
import struct
import sys
import time
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

LENGTH = struct.Struct("<I")
ITEM_BYTES = 8
FRAME_BYTES_MAX = 256 * 1024 * 1024
HEADER_BYTES_MAX = 1024 * 1024

#: The header and the bytes of the columns.
Frame = Tuple[Dict[str, Any], bytes]


def pack_columns(columns: Iterable[Iterable[int]]) -> bytes:
    """Little-endian bytes of int64 columns (iterables of int), one after the other."""
    return b"".join(_little(array.array("q", column)).tobytes() for column in columns)


def unpack_columns(data: bytes, n: int) -> "List[array.array[int]]":
    """The columns of `n` int64 each in `data`, from `pack_columns`. Raises ValueError for a wrong length."""
    if n <= 0 or len(data) % (ITEM_BYTES * n):
        if n == 0 and not data:
            return []
        raise ValueError("%d bytes are no columns of %d samples" % (len(data), n))
    values = array.array("q")
    values.frombytes(data)
    values = _little(values)
    return [values[start : start + n] for start in range(0, len(values), n)]


def pack(header: Mapping[str, Any], columns: bytes = b"") -> bytes:
    """The bytes of a frame of `header` and `columns`. Raises ValueError for a frame beyond the caps."""
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    length = LENGTH.size + len(text) + len(columns)
    if len(text) > HEADER_BYTES_MAX or length > FRAME_BYTES_MAX:
        raise ValueError("a frame of %d bytes is too large" % length)
    return LENGTH.pack(length) + LENGTH.pack(len(text)) + text + columns


def write(fd: int, header: Mapping[str, Any], columns: bytes = b"") -> None:
    """Writes the frame of `header` and `columns` to the descriptor `fd`.

    Raises OSError (BrokenPipeError) when nobody reads any more.
    """
    view = memoryview(pack(header, columns))
    while view:
        view = view[os.write(fd, view) :]


class Reader:
    """Reads frames from a descriptor, keeping what came of the next one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def read(self, timeout_s: Optional[float] = None) -> Optional[Frame]:
        """The next frame as (header, columns), or None at the end of the file.

        Raises TimeoutError when no whole frame came in time (call again: nothing is lost), EOFError for a
        file that ends inside a frame, ValueError for bytes that are no frame.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            if deadline is not None:
                left_ms = max(0.0, deadline - time.monotonic()) * 1000
                if not self._poll.poll(left_ms):
                    raise TimeoutError("no frame in time")
            data = os.read(self._fd, 1 << 20)
            if not data:
                if self._buffer:
                    raise EOFError("the pipe ended inside a frame")
                return None
            self._buffer += data

    def _take(self) -> Optional[Frame]:
        buffer = self._buffer
        if len(buffer) < 2 * LENGTH.size:
            return None
        length, head = LENGTH.unpack_from(buffer)[0], LENGTH.unpack_from(buffer, LENGTH.size)[0]
        if not LENGTH.size <= length <= FRAME_BYTES_MAX or head > min(HEADER_BYTES_MAX, length - LENGTH.size):
            raise ValueError("lengths %d and %d are no frame" % (length, head))
        end = LENGTH.size + length
        if len(buffer) < end:
            return None
        start = 2 * LENGTH.size
        header = json.loads(bytes(buffer[start : start + head]).decode("utf-8"))
        columns = bytes(buffer[start + head : end])
        if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
            raise ValueError("a frame without a kind")  # noqa: TRY004  a matter of its content
        if len(columns) % ITEM_BYTES:
            raise ValueError("%d bytes are no int64 columns" % len(columns))
        del buffer[:end]
        return header, columns


def _little(values: "array.array[int]") -> "array.array[int]":
    if sys.byteorder == "big":
        values = array.array("q", values)
        values.byteswap()
    return values
