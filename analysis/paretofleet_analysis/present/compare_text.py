"""What changed from one sweep to another as text, as a table for a page, and as rows for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.paper_table import MARKDOWN, PaperTable, render_cells
from paretofleet_analysis.present.table import TableColumn, lay_out
from paretofleet_analysis.present.wrapping import WIDTH, wrapped
from paretofleet_analysis.ranking.before_after import OPEN, BeforeAfter, Change

#: What names a configuration; columns that all share are left out of the table.
_NAMES = ("model", "device", "target", "runtime", "precision", "batch_size", "threads", "mode")
_HEADS = {"batch_size": "batch"}
#: Sentences of one kind that are shown; the others are counted.
_SHOWN = 12


def render_comparison(result: BeforeAfter, *, columns: int | None = WIDTH) -> str:
    """A `result` as text of at most `columns` columns: environments first, then the table, then what is left
    out; None folds nothing.
    """
    width = columns or 10_000
    lines = list(_environment_lines(result, columns))
    table, left_out = lay_out(_table(result.changes), columns)
    lines += ["", *table, ""]
    sentences = [
        _tally(result),
        "A ratio is B over A with its 95 % interval, by the variance between blocks and boots.",
        *result.notes,
        *_shortened(result.unmatched),
    ]
    if left_out:
        sentences.append(f"Too narrow for: {', '.join(left_out)}; -o json has all.")
    lines += [line for text in sentences for line in wrapped(text, width)]
    return "\n".join(lines) + "\n"


def render_comparison_markdown(result: BeforeAfter) -> str:
    """A `result` as a Markdown table, with what it means as its caption."""
    table = _table(result.changes)
    rows = tuple(zip(*(column.cells for column in table), strict=True))
    facts = [
        f"{each.fact} of {each.device} from {_values(each.before)} to {_values(each.after)}"
        for each in result.facts
    ]
    changed = f" Changed: {'; '.join(facts)}." if facts else " No fact of an environment changed."
    return render_cells(
        PaperTable(
            caption=f"{_tally(result)}{changed}",
            heads=tuple(column.title for column in table),
            rows=rows,
            is_number=tuple(column.right for column in table),
        ),
        MARKDOWN,
    )


def comparison_rows(result: BeforeAfter) -> list[dict[str, Any]]:
    """The changes of a `result` as cells, JSON-ready; ratios without an interval have None as ends."""
    return [_cells(change, result) for change in result.changes]


def comparison_document(result: BeforeAfter) -> dict[str, Any]:
    """All of a `result`, JSON-ready."""
    return {
        "environment": [
            {"device": each.device, "fact": each.fact, "before": each.before, "after": each.after}
            for each in result.facts
        ],
        "changes": comparison_rows(result),
        "unmatched": list(result.unmatched),
        "notes": list(result.notes),
        "margins": {name: margin.value for name, margin in result.margins.items()},
        "false_discovery_rate": result.rate,
        "is_worse": result.is_worse,
    }


def _cells(change: Change, result: BeforeAfter) -> dict[str, Any]:
    lo, hi = change.shift.interval or (None, None)
    return {
        "configuration_id": change.before["configuration_id"],
        **{name: change.before[name] for name in _NAMES},
        "items_s": change.before["items_s"],
        "inputs": change.before["inputs"],
        "measure": change.measure,
        "before": change.before[change.measure],
        "after": change.after[change.measure],
        "ratio": change.shift.ratio,
        "ratio_lo": lo,
        "ratio_hi": hi,
        "p_value": change.shift.p_value(result.margins[change.measure].value),
        "margin": result.margins[change.measure].value,
        "verdict": change.verdict,
        "why": change.why or None,
        "is_worse": change.is_worse,
        "blocks_before": change.blocks[0],
        "blocks_after": change.blocks[1],
        "boots_before": change.boots[0],
        "boots_after": change.boots[1],
        "environment_id_before": change.before["environment_id"],
        "environment_id_after": change.after["environment_id"],
    }


def _environment_lines(result: BeforeAfter, columns: int | None) -> Iterator[str]:
    """What differs in the environments, as a table by device."""
    facts = result.facts
    if not facts:
        yield "No fact of a device's environment changed."
        return
    yield "Changed in the environment:"
    devices = [each.device for each in facts]
    named = [TableColumn("device", devices, kept=True)] if len(set(devices)) > 1 else []
    cells = [
        TableColumn("fact", [each.fact for each in facts], kept=True),
        TableColumn("before", [_values(each.before) for each in facts], kept=True),
        TableColumn("after", [_values(each.after) for each in facts], kept=True),
    ]
    yield from lay_out([*named, *cells], columns)[0]


def _values(values: Sequence[str]) -> str:
    return " and ".join(values) or "-"


def _table(changes: Sequence[Change]) -> list[TableColumn]:
    """A row for each change; what all rows share is left out but the model."""
    rows = [change.before for change in changes]
    names = [name for name in _NAMES if name == "model" or len({row[name] for row in rows}) > 1]
    fed = dict.fromkeys(name for change in changes for name in change.fed)
    measures = {change.measure for change in changes}
    columns = [
        TableColumn(_HEADS.get(name, name), [_name(row, name) for row in rows], kept=True) for name in names
    ]
    columns += [
        TableColumn(name, [change.fed.get(name, "-") for change in changes], kept=True) for name in fed
    ]
    if any(row["items_s"] is not None for row in rows):
        columns.append(TableColumn("items/s", [_name(row, "items_s") for row in rows], kept=True))
    titles = [OBJECTIVES[change.measure] for change in changes]
    if len(measures) > 1:
        columns.append(TableColumn("measure", [each.short for each in titles], kept=True))
    return [
        *columns,
        TableColumn("ratio", [_ratio(change) for change in changes], right=True, kept=True),
        TableColumn("verdict", [change.verdict for change in changes], kept=True),
        TableColumn("before", [_value(change.before, change.measure) for change in changes], right=True),
        TableColumn("after", [_value(change.after, change.measure) for change in changes], right=True),
        TableColumn("blocks", ["{} and {}".format(*change.blocks) for change in changes], right=True),
        TableColumn("why", [change.why or "-" for change in changes]),
    ]


def _name(row: Mapping[str, Any], name: str) -> str:
    return "default" if row[name] is None else str(row[name])


def _ratio(change: Change) -> str:
    interval = change.shift.interval
    if interval is None:
        return f"{change.shift.ratio:.3f}"
    return f"{change.shift.ratio:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _value(row: Mapping[str, Any], name: str) -> str:
    objective = OBJECTIVES[name]
    return f"{row[name] * objective.scale:.4g} {objective.shown_unit}".strip()


def _tally(result: BeforeAfter) -> str:
    """How many changes have which verdict, and what the verdicts promise."""
    counts = Counter(change.verdict for change in result.changes)
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    margins = ", ".join(f"{OBJECTIVES[name].short} {margin}" for name, margin in result.margins.items())
    promise = f"margin: {margins}; of all that are called changed {result.rate:.0%} are expected not to be"
    more = " More blocks on both sides narrow what cannot be told." if counts[OPEN] else ""
    return f"{said} ({promise}).{more}"


def _shortened(sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences[:_SHOWN]:
        yield f"{sentence}."
    if len(sentences) > _SHOWN:
        yield f"{len(sentences) - _SHOWN} more are left out; -o json names them."
