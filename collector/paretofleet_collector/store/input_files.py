"""Files of samples in the lake, known by their SHA-256; configurations and variants name them by it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.inputs import InputArray, InputFile
from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.models import VARIANTS

INPUT_FILES = sa.Table(
    "input_files",
    METADATA,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("arrays_json", sa.Text, nullable=False),
)


def add(connection: sa.Connection, file: InputFile) -> InputFile:
    """Stores a `file` through `connection` unless it is there, and returns what is stored."""
    stored = find(connection, file.sha256)
    if stored is not None:
        return stored
    arrays = json.dumps([asdict(array) for array in file.arrays])
    values = {"sha256": file.sha256, "size_bytes": file.size_bytes, "name": file.name, "arrays_json": arrays}
    connection.execute(INPUT_FILES.insert().values(**values))
    return file


def find(connection: sa.Connection, sha256: str) -> InputFile | None:
    """The file `sha256` that `connection` sees, or None."""
    row = connection.execute(INPUT_FILES.select().where(INPUT_FILES.c.sha256 == sha256)).first()
    return None if row is None else _file(row)


def get(connection: sa.Connection, sha256: str) -> InputFile:
    """The file `sha256` that `connection` sees; raises NotFound."""
    file = find(connection, sha256)
    if file is None:
        raise NotFound(f"The collector has no file of samples {sha256[:12]}; name the file itself again.")
    return file


def listing(connection: sa.Connection) -> list[InputFile]:
    """Every file of samples that `connection` sees, by its SHA-256."""
    return [_file(row) for row in connection.execute(INPUT_FILES.select().order_by(INPUT_FILES.c.sha256))]


def unused(connection: sa.Connection, among: Iterable[str] | None = None) -> list[InputFile]:
    """The files that `connection` sees in no sweep's plan and with no variant, of those `among` or of all."""
    of = None if among is None else set(among)
    return [
        file
        for file in listing(connection)
        if (of is None or file.sha256 in of) and not _is_used(connection, file.sha256)
    ]


def drop_unused(connection: sa.Connection, sha256: str) -> bool:
    """Deletes through `connection` the file `sha256`; False where something needs it, or it is not there."""
    if _is_used(connection, sha256):
        return False
    return bool(changed(connection, INPUT_FILES.delete().where(INPUT_FILES.c.sha256 == sha256)))


def _is_used(connection: sa.Connection, sha256: str) -> bool:
    """By its hash, which nothing else is, in the JSON of a configuration or of a variant."""
    for column in (PLANNED.c.configuration_json, VARIANTS.c.inputs_json):
        query = sa.select(sa.literal(1)).where(column.contains(f'"{sha256}"', autoescape=True)).limit(1)
        if connection.execute(query).first():
            return True
    return False


def _file(row: sa.Row[Any]) -> InputFile:
    arrays = (InputArray(**{**each, "shape": tuple(each["shape"])}) for each in json.loads(row.arrays_json))
    return InputFile(row.sha256, row.size_bytes, row.name, tuple(arrays))
