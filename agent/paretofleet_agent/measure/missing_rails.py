"""Rails that were there when the agent started and are not there in a run: why, as facts of the run."""

from __future__ import annotations

import logging
from typing import Any, Mapping, Sequence

from paretofleet_agent.model import SensorInfo
from paretofleet_agent.sensors import Rail

log = logging.getLogger(__name__)


def missing_rails(
    expected: Sequence[SensorInfo], rails: Sequence[Mapping[str, Any]], absent: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The facts of every rail of `expected` that is not among `rails`, with the reason under "missing".

    `expected` was there when the agent looked, `rails` are the facts of those that a sampler reads now, and
    `absent` is what it says of those that it did not find. Each is a line in the log.
    """
    there = {rail["stream"] for rail in rails}
    facts = []
    for info in expected:
        rail = Rail(info.source, info.rail, info.scope, info.kind, info.primary, target_id=info.target_id)
        if rail.stream in there:
            continue
        why = _why(rail, absent)
        log.warning(
            "the power sensor %s/%s is missing in this run, so its energy is null: %s; "
            "paretofleet-agent probe tells more",
            info.source,
            info.rail,
            why,
        )
        facts.append(dict(rail.facts(), missing=why))
    return facts


def _why(rail: Rail, absent: Sequence[Mapping[str, Any]]) -> str:
    """The best of the reasons: of the rail, of a dispute that names it, of its source."""
    name = f"{rail.source}/{rail.rail}"
    reasons = [
        *(entry["why"] for entry in absent if entry["what"] == name),
        *(entry["why"] for entry in absent if rail.stream in entry["why"]),
        *(entry["why"] for entry in absent if entry["what"].partition("/")[0] == rail.source),
    ]
    return str(reasons[0]) if reasons else "it was there when the agent started"
