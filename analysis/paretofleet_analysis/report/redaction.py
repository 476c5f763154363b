"""Names of models and hosts in a report replaced by pseudonyms, everywhere, the same for the same name.

What a model or a board is can still be guessed from its numbers: parameters, sizes, facts of the environment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import pyarrow as pa

from paretofleet_analysis.errors import RequestError
from paretofleet_analysis.report.schema import schema

MODELS, HOSTS = "models", "hosts"
#: The columns that hold names, by what is redacted and what a pseudonym begins with.
_NAMES = {MODELS: (("model", "model"), ("variant", "variant")), HOSTS: (("device", "host"),)}
#: Columns with words of ours, in which no name of a user stands.
_OURS = frozenset(
    [
        "status",
        "mode",
        "timing_scope",
        "protocol",
        "precision",
        "weights_precision",
        "effective_precision",
        "top1_source",
        "runtime",
        "target",
        "power_scope",
        "power_source",
        "rule_version",
        "configuration_id",
        "environment_id",
        "run_ids",
        "run_boots",
        "flags",
        "run_flags",
        "runtime_version",
        "effective_provider",
    ]
)
#: Shorter names are replaced where they stand as a word; others wherever they stand, in any case.
_WORD = 4
#: Rows that are redacted at once: as Python's values each takes 10 kB.
_TOGETHER = 10_000


@dataclass(frozen=True)
class Pseudonyms:
    """`names`: the pseudonym of each name; `columns`: of the names of a column, which are replaced whole."""

    names: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]

    def text(self, text: str) -> str:
        """A `text` with every name in it replaced."""
        if not self.names:
            return text
        return self._replaced(text)

    def value(self, value: Any) -> Any:
        """A JSON-ready `value` with the names in all its texts replaced."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list | tuple) else value

    @cached_property
    def _replaced(self) -> Callable[[str], str]:
        """Most texts of a report stand there many times."""
        pattern = self._pattern()
        lowered = {name.lower(): pseudonym for name, pseudonym in self.names.items()}
        return lru_cache(100_000)(lambda text: pattern.sub(lambda match: lowered[match[0].lower()], text))

    def _pattern(self) -> re.Pattern[str]:
        ordered = sorted(self.names, key=lambda name: (-len(name), name))
        parts = [
            re.escape(name) if len(name) >= _WORD else rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
            for name in ordered
        ]
        return re.compile("|".join(parts), re.IGNORECASE)


def parse_redaction(text: str) -> tuple[str, ...]:
    """What a `text` like `models,hosts` asks for; raises RequestError for another word."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for word in words:
        if word not in _NAMES:
            raise RequestError(f"cannot redact {word!r}: choose from {', '.join(_NAMES)}")
    return words


def pseudonyms(tables: Iterable[pa.Table], kinds: Sequence[str]) -> Pseudonyms:
    """A pseudonym for each name in reports, `tables`, of the `kinds` that `parse_redaction` gave.

    Numbered in the order of the names, so that the same reports have the same pseudonyms.
    """
    read = list(tables)
    columns: dict[str, dict[str, str]] = {}
    for kind in kinds:
        for column, prefix in _NAMES[kind]:
            names = _names_of(read, column)
            columns[column] = {name: f"{prefix}-{at}" for at, name in enumerate(names, start=1)}
    if MODELS in kinds:
        groups = _names_of(read, "accuracy_group")
        of_models = columns["model"]
        columns["accuracy_group"] = {
            name: of_models.get(name, f"group-{at}") for at, name in enumerate(groups, start=1)
        }
    # a variant is called like a precision, which is no name of anybody's
    free = {name: p for column in ("model", "device") for name, p in columns.get(column, {}).items()}
    return Pseudonyms(free, columns)


def redacted(table: pa.Table, names: Pseudonyms) -> pa.Table:
    """The report `table` with all `names` replaced, in every column that may hold one."""
    parts = [_redacted_rows(part, names) for part in table.to_batches(max_chunksize=_TOGETHER)]
    return pa.concat_tables([schema().empty_table(), *parts])


def _redacted_rows(part: pa.RecordBatch, names: Pseudonyms) -> pa.Table:
    rows = [
        {column: _cell(column, value, names) for column, value in row.items()}
        | ({"variant_sha256": _checksum(row, names)} if "model" in names.columns else {})
        for row in part.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=schema())


def _names_of(tables: Sequence[pa.Table], column: str) -> list[str]:
    """What stands in the `column` of the `tables`, each once, in order."""
    values = {value for table in tables for value in table[column].unique().to_pylist()}
    return sorted(str(value) for value in values if value is not None)


def _cell(column: str, value: Any, names: Pseudonyms) -> Any:
    if column in names.columns:
        return None if value is None else names.columns[column][str(value)]
    return value if column in _OURS else names.value(value)


def _checksum(row: Mapping[str, Any], names: Pseudonyms) -> str:
    """In place of a file's, which anybody could look up: one of the pseudonyms."""
    known = [names.columns[column].get(str(row[column]), "") for column in ("model", "variant")]
    return hashlib.sha256("/".join(known).encode()).hexdigest()
