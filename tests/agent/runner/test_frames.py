"""Frames: what is written is read, and what is no frame is refused."""

from __future__ import annotations

import os
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_agent.runner import frames

INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | INT64 | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PAIRS = st.lists(st.tuples(INT64, INT64), max_size=50)


class Pipe:
    def __init__(self):
        self.source, self.sink = os.pipe()
        self.reader = frames.Reader(self.source)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        os.close(self.source)

    def end(self):
        if self.sink is not None:
            os.close(self.sink)
            self.sink = None


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4), PAIRS)
def test_a_frame_is_read_as_it_was_written(header, pairs):
    header["kind"] = "block"
    columns = [[a for a, _ in pairs], [b for _, b in pairs]]
    with Pipe() as pipe:
        frames.write(pipe.sink, header, frames.pack_columns(columns))
        got, data = pipe.reader.read()
    assert got == header
    assert [list(column) for column in frames.unpack_columns(data, len(pairs))] == (columns if pairs else [])


@given(st.lists(PAIRS, min_size=1, max_size=4), st.integers(min_value=1, max_value=7))
def test_frames_may_arrive_in_any_pieces(many, piece):
    data = b"".join(
        frames.pack({"kind": "k", "i": i}, frames.pack_columns(zip(*p))) for i, p in enumerate(many)
    )
    with Pipe() as pipe:

        def feed():
            for at in range(0, len(data), piece):
                os.write(pipe.sink, data[at : at + piece])
            pipe.end()

        thread = threading.Thread(target=feed)
        thread.start()
        got = [pipe.reader.read()[0]["i"] for _ in many]
        thread.join()
        assert pipe.reader.read() is None
    assert got == list(range(len(many)))


def test_columns_are_little_endian_int64_one_after_the_other():
    assert frames.pack_columns([[1, 2], [3, -1]]) == struct.pack("<4q", 1, 2, 3, -1)


def test_the_end_of_the_file_between_frames_is_none_and_inside_one_an_error():
    with Pipe() as pipe:
        pipe.end()
        assert pipe.reader.read() is None
    with Pipe() as pipe:
        os.write(pipe.sink, frames.pack({"kind": "k"})[:-1])
        pipe.end()
        with pytest.raises(EOFError):
            pipe.reader.read()


def test_waiting_in_vain_loses_nothing():
    frame = frames.pack({"kind": "k"}, frames.pack_columns([[5]]))
    with Pipe() as pipe:
        os.write(pipe.sink, frame[:6])
        with pytest.raises(TimeoutError):
            pipe.reader.read(0.01)
        os.write(pipe.sink, frame[6:])
        assert pipe.reader.read(1.0)[0] == {"kind": "k"}


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<II", 2**31, 4),  # longer than any frame
        struct.pack("<II", 8, 2**30),  # a header longer than its frame
        struct.pack("<II", 2, 0),  # shorter than its own header length
        struct.pack("<II", 6, 2) + b"[]",  # no object
        struct.pack("<II", 6, 2) + b"{}",  # no kind
        struct.pack("<II", 6, 2) + b"\xff\xfe",  # no JSON
        struct.pack("<II", 16, 11) + b'{"kind":""}' + b"x",  # half a column
    ],
)
def test_bytes_that_are_no_frame_are_refused(data):
    with Pipe() as pipe:
        os.write(pipe.sink, data)
        with pytest.raises(ValueError):  # noqa: PT011  any of its sentences
            pipe.reader.read(1.0)


def test_a_header_beyond_the_cap_is_not_written():
    with pytest.raises(ValueError, match="too large"):
        frames.pack({"kind": "k", "x": "y" * frames.HEADER_BYTES_MAX})


def test_columns_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match="no columns"):
        frames.unpack_columns(b"12345678", 3)
