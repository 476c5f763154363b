"""A column of the report: its name, type and unit, which way is better, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
INT = pa.int64()
REAL = pa.float64()
YES_NO = pa.bool_()


@dataclass(frozen=True)
class Column:
    """One column of the report. `unit` "" means none or text; `direction` is "", "minimize" or "maximize"."""

    name: str
    type: pa.DataType
    description: str
    unit: str = ""
    direction: str = ""
    since: int = 1

    def field(self) -> pa.Field:
        """The Arrow field, with unit, direction and description as its metadata."""
        metadata = {"description": self.description, "unit": self.unit, "direction": self.direction}
        return pa.field(self.name, self.type, metadata=metadata)
