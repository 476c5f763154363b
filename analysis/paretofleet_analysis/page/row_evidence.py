"""What each row of a page rests on: what it is, its runs with their blocks, its flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.page.packed import packed, short_numbers
from paretofleet_analysis.ranking.rank import RankedRow, RankedRuns
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.report.flags import FLAGS

#: What a row is, in the order of a reader's questions, with what it is called.
_FACTS: Mapping[str, str] = {
    "model": "model",
    "variant": "variant",
    "variant_sha256": "SHA-256 of the file",
    "device": "device",
    "device_class": "device class",
    "target": "target",
    "runtime": "runtime",
    "runtime_version": "version of the runtime",
    "effective_provider": "provider that executed",
    "precision": "precision asked for",
    "effective_precision": "precision that executed",
    "batch_size": "batch size",
    "effective_threads": "threads that executed",
    "options": "options",
    "inputs": "inputs",
    "mode": "mode",
    "timing_scope": "timing scope",
    "protocol": "protocol",
    "top1_source": "source of top1",
    "top1_n": "images behind top1",
    "power_scope": "power scope",
    "power_source": "power source",
    "environment_id": "environment",
    "configuration_id": "configuration",
    "sweep": "sweep",
    "rule_version": "rule of the summaries",
}
#: The ids of runs, by which their samples are pulled, are long: pages of larger fleets go without.
_IDS_MAX = 1000


def row_evidence(ranked: RankedRuns) -> dict[str, Any]:
    """What the rows of `ranked` rest on, JSON-ready, in columns: an entry of each list is a row's."""
    rows = ranked.rows
    evidence: dict[str, Any] = {
        "facts": [
            {"title": title, **packed([_fact(row[name]) for row in rows])}
            for name, title in _FACTS.items()
            if any(row[name] not in (None, "", "{}") for row in rows)
        ],
        "sentences": packed([_sentence(row) for row in ranked.ranking.rows]),
        "blocks": [row["run_blocks"] for row in rows],
        "boots": [_numbered(row["run_boots"]) for row in rows],
        "started": [[None if at is None else round(at) for at in row["run_started_s"]] for row in rows],
        "counted": [[int(counted) for counted in row["run_counted"]] for row in rows],
        "measures": [
            {
                "title": f"{OBJECTIVES[name].short} {OBJECTIVES[name].shown_unit}".strip(),
                "runs": [short_numbers(row[f"{name}_runs"], OBJECTIVES[name].scale) for row in rows],
            }
            for name in _measured(ranked)
        ],
        **_qualifications(rows),
    }
    if len(rows) <= _IDS_MAX:
        evidence["run_ids"] = [row["run_ids"] for row in rows]
    return evidence


def _measured(ranked: RankedRuns) -> list[str]:
    return [used.name for used in ranked.ranking.objectives if OBJECTIVES[used.name].is_measured]


def _fact(value: object) -> str:
    return "" if value is None or value == "{}" else str(value)


def _sentence(row: RankedRow) -> str:
    """The verdict in words, and what it hangs on."""
    sentences = [row.sentence]
    if row.overturned_without:
        sentences.append(f"Another verdict without {' or without '.join(row.overturned_without)}.")
    if row.group is not None:
        sentences.append(f"Within the margins of the others of group {row.group}.")
    if row.selected:
        sentences.append(
            f"Picked as the best of several in {', '.join(row.selected)}: "
            "the next measurement will look a little worse."
        )
    if row.confirmed:
        sentences.append(f"Confirmed by a later measurement in {', '.join(row.confirmed)}.")
    return " ".join(sentences)


def _numbered(boots: Sequence[str | None]) -> list[int | None]:
    """Boots counted from 1 in their order; a boot id is as long as it is meaningless."""
    order: dict[str, int] = {}
    return [None if boot is None else order.setdefault(boot, len(order) + 1) for boot in boots]


def _qualifications(rows: Sequence[Row]) -> dict[str, Any]:
    """`flag_names` with what each says, and by their place there the flags of rows and of runs."""
    names: dict[str, int] = {}

    def places(flags: Sequence[str] | None) -> list[int]:
        return [names.setdefault(flag, len(names)) for flag in flags or ()]

    of_rows = [places(row["flags"]) for row in rows]
    of_runs = [[places(flags) for flags in row["run_flags"]] for row in rows]
    return {
        "row_flags": of_rows,
        "run_flags": of_runs,
        "flag_names": [[name, _meaning(name)] for name in names],
    }


def _meaning(flag: str) -> str:
    """What a `flag` says and bids to doubt, in words."""
    known = FLAGS.get(flag)
    if known is None:
        return "A flag that this version does not know."
    return known.meaning + (f" Left out: {known.nulls}." if known.nulls else "")
