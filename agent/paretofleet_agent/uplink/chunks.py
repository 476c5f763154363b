"""Samples on their way into chunks: gathered per stream, cut to a size the wire likes, checksummed."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Iterator

from paretofleet_agent.model import SCHEMAS, AttemptKey, Chunk

#: The collector pays per message, the wire refuses above a few MiB.
SAMPLES_MAX = 16384
BYTES_MAX = 1 << 20
STATE = "state/1"


def make_chunk(key: AttemptKey, stream: str, seq: int, *, schema: str, n: int, columns: bytes) -> Chunk:
    """The chunk `seq`, from 0, of a `stream` of the attempt `key`, with the CRC-32 that fleet.proto defines.

    `columns` holds `n` samples as the `schema` says, int64 little-endian, one column after the other.
    """
    head = f"{key.run_id}/{key.attempt}/{stream}/{seq}/{schema}/{n}\n"
    return Chunk(key, stream, seq, schema, n, columns, zlib.crc32(columns, zlib.crc32(head.encode())))


def is_intact(chunk: Chunk) -> bool:
    """True when the content of `chunk` still fits its checksum."""
    again = make_chunk(
        chunk.key, chunk.stream, chunk.seq, schema=chunk.schema, n=chunk.n, columns=chunk.columns
    )
    return again.crc32 == chunk.crc32


@dataclass
class _Stream:
    schema: str
    n: int = 0
    columns: list[bytearray] = field(default_factory=list)
    texts: bytearray = field(default_factory=bytearray)


class ChunkBuilder:
    """The sink of one attempt: keeps what it is given in memory, in order, until `chunks` cuts it up.

    Nothing is written while an attempt measures; what a power cut costs is this one attempt.
    """

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        """Appends `n` samples; `columns` holds one int64 column after the other (and the texts of a state).

        Raises ValueError when the bytes do not fit the schema.
        """
        if schema not in SCHEMAS:
            raise ValueError(f"{stream}: the schema {schema!r} is not known")
        series = self._streams.get(stream)
        if series is None:
            series = self._streams[stream] = _Stream(schema, columns=[bytearray() for _ in SCHEMAS[schema]])
        size = 8 * n
        texts = columns[size * len(series.columns) :]
        fits = series.schema == schema and n >= 0 and len(columns) - len(texts) == size * len(series.columns)
        if not fits or len(texts) != _text_bytes(schema, n, columns):
            raise ValueError(f"{stream}: {len(columns)} bytes are not {n} samples of {schema}")
        for index, column in enumerate(series.columns):
            column.extend(columns[index * size : (index + 1) * size])
        series.texts += texts
        series.n += n

    def chunks(self, key: AttemptKey) -> Iterator[Chunk]:
        """All samples as chunks of attempt `key`; `seq` counts from 0 in each stream."""
        for stream, series in self._streams.items():
            for seq, (n, columns) in enumerate(_cuts(series)):
                yield make_chunk(key, stream, seq, schema=series.schema, n=n, columns=columns)


def _text_bytes(schema: str, n: int, columns: bytes) -> int:
    if schema != STATE:
        return 0
    return sum(struct.unpack_from(f"<{n}q", columns, 8 * n))


def _cuts(series: _Stream) -> Iterator[tuple[int, bytes]]:
    text_at = first = 0
    while first < series.n:
        n, text_bytes = _rows(series, first)
        parts = [bytes(column[8 * first : 8 * (first + n)]) for column in series.columns]
        parts.append(bytes(series.texts[text_at : text_at + text_bytes]))
        yield n, b"".join(parts)
        first += n
        text_at += text_bytes


def _rows(series: _Stream, first: int) -> tuple[int, int]:
    """How many samples the next chunk holds, at least one, and the bytes of their texts."""
    most = min(series.n - first, SAMPLES_MAX)
    if series.schema != STATE:
        return most, 0
    text_bytes = 0
    lengths = series.columns[1][8 * first : 8 * (first + most)]
    for n, (length,) in enumerate(struct.iter_unpack("<q", lengths)):
        if n and text_bytes + length + 16 * (n + 1) > BYTES_MAX:
            return n, text_bytes
        text_bytes += length
    return most, text_bytes
