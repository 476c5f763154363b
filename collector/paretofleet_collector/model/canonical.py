"""The one text of a JSON object, the ids that are its hash, and what is fed as one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(value: Mapping[str, Any]) -> str:
    """The one text of the JSON object `value`: sorted keys, no spaces, no escapes beyond JSON's own."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def short_id(value: Mapping[str, Any]) -> str:
    """The first 16 hex digits of the SHA-256 of the canonical JSON of `value`, in UTF-8."""
    # A lone surrogate, which a JSON escape can make, counts by its own three bytes.
    return hashlib.sha256(canonical_json(value).encode(errors="surrogatepass")).hexdigest()[:16]


def environment_id_of(facts: Mapping[str, Any]) -> str | None:
    """The short id of the environment in the `facts` of an attempt, None where they tell of none."""
    environment = facts.get("environment")
    return short_id(environment) if isinstance(environment, dict) and environment else None


def fed_text(sizes: Mapping[str, int | str], inputs: Mapping[str, Mapping[str, Any]]) -> str:
    """What is fed by `sizes` of axes and laws or samples of `inputs`, in one line; empty for neither.

    >>> fed_text({"sequence": 128}, {"ids": {"values": "zipf"}, "x": {"sha256": "1f2e3d4c" * 8}})
    'sequence=128, ids=zipf, x=1f2e3d4c'
    """
    parts = {name: str(size) for name, size in sizes.items()}
    parts |= {name: str(fed.get("values", str(fed.get("sha256", ""))[:8])) for name, fed in inputs.items()}
    return ", ".join(f"{name}={value}" for name, value in parts.items())
