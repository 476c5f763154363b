from __future__ import annotations

import json
import struct
import zlib

import pytest
from daemon_parts import columns, key
from paretofleet_agent.model import Chunk
from paretofleet_agent.uplink.chunks import BYTES_MAX, SAMPLES_MAX, ChunkBuilder, is_intact


def int64s(data):
    return struct.unpack(f"<{len(data) // 8}q", data)


def test_what_is_put_in_blocks_comes_out_as_one_chunk_with_whole_columns():
    sink = ChunkBuilder()
    sink.put("iterations", "iterations/1", 2, struct.pack("<4q", 1, 2, 10, 20))
    sink.put("iterations", "iterations/1", 1, struct.pack("<2q", 3, 30))
    (chunk,) = sink.chunks(key())
    assert (chunk.stream, chunk.seq, chunk.n) == ("iterations", 0, 3)
    assert int64s(chunk.columns) == (1, 2, 3, 10, 20, 30)


def test_the_checksum_is_the_one_of_the_proto():
    sink = ChunkBuilder()
    sink.put("power:rapl/package-0", "energy/1", 1, columns(1))
    (chunk,) = sink.chunks(key("r", 3))
    assert chunk.crc32 == zlib.crc32(b"r/3/power:rapl/package-0/0/energy/1/1\n" + columns(1))
    assert is_intact(chunk)
    flipped = bytes([chunk.columns[0] ^ 1]) + chunk.columns[1:]
    assert not is_intact(Chunk(chunk.key, chunk.stream, 0, chunk.schema, 1, flipped, chunk.crc32))


def test_a_long_stream_is_cut_and_nothing_is_lost():
    sink, n = ChunkBuilder(), 2 * SAMPLES_MAX + 5
    starts, durations = range(n), range(n, 2 * n)
    sink.put("iterations", "iterations/1", n, struct.pack(f"<{2 * n}q", *starts, *durations))
    cut = list(sink.chunks(key()))
    assert [chunk.seq for chunk in cut] == [0, 1, 2]
    assert [chunk.n for chunk in cut] == [SAMPLES_MAX, SAMPLES_MAX, 5]
    got = [int64s(chunk.columns) for chunk in cut]
    assert [value for columns_, chunk in zip(got, cut) for value in columns_[: chunk.n]] == list(starts)
    assert [value for columns_, chunk in zip(got, cut) for value in columns_[chunk.n :]] == list(durations)


def test_states_carry_their_texts_and_stay_below_the_limit_of_the_wire():
    sink = ChunkBuilder()
    texts = [json.dumps({"i": i, "pad": "ä" * 100_000}).encode() for i in range(30)]
    for i, text in enumerate(texts):
        sink.put("state", "state/1", 1, struct.pack("<2q", i, len(text)) + text)
    cut = list(sink.chunks(key()))
    assert len(cut) > 1
    assert all(len(chunk.columns) <= BYTES_MAX for chunk in cut)
    seen = []
    for chunk in cut:
        at = 16 * chunk.n
        for length in int64s(chunk.columns[8 * chunk.n : at]):
            seen.append(chunk.columns[at : at + length])
            at += length
        assert at == len(chunk.columns)
    assert seen == texts


@pytest.mark.parametrize(
    "wrong", [("marks/1", 2, columns(1)), ("nothing/9", 1, columns(1)), ("marks/1", -1, b"")]
)
def test_bytes_that_do_not_fit_their_schema_are_refused(wrong):
    with pytest.raises(ValueError, match="marks"):
        ChunkBuilder().put("marks", *wrong)
