"""What a row was fed, by the parts that were asked for."""

from __future__ import annotations

import json
from typing import Any


def fed_parts(inputs: str | None) -> dict[str, str]:
    """By axis its size and by input its law, number or the start of a file's hash, of the column `inputs`.

    Empty where nothing was asked for, and for what is no such text.

    >>> fed_parts('{"inputs":{"x":{"sha256":"1f2e3d4c5b"}},"sizes":{"sequence":128}}')
    {'sequence': '128', 'x': '1f2e3d4c'}
    """
    try:
        fed = json.loads(inputs or "{}")
        parts = {str(axis): str(size) for axis, size in fed.get("sizes", {}).items()}
        return parts | {str(name): _law(law) for name, law in fed.get("inputs", {}).items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}


def _law(law: dict[str, Any]) -> str:
    return str(law["values"]) if "values" in law else str(law.get("sha256", ""))[:8]
