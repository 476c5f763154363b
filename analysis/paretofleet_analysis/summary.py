"""One run's samples and facts to its values: pure, versioned, the only place that computes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

#: Version of the rules in this module; it stands beside every value that they computed.
RULE_VERSION = "1"

Streams = Mapping[str, Mapping[str, np.ndarray]]


def summarize_run(
    streams: Streams, facts: Mapping[str, Any], *, batch_size: int, mode: str, target_kind: str
) -> dict[str, Any]:
    """A run's own values, JSON-ready, null where absent.

    `streams`: stream name ("iterations", "marks", "power:rapl/package-0") to columns (int64 arrays by name).
    `facts`: the attempt's facts. `target_kind`: "cpu" or "cuda", the target's alias before a colon.
    """
    raise NotImplementedError
