"""A ranking for people, at most 100 columns wide, and for programs as JSON."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator, Sequence

from paretofleet_analysis.intervals import Estimate
from paretofleet_analysis.objectives import OBJECTIVES, PRESETS
from paretofleet_analysis.rank import RankedRow, Ranking
from paretofleet_analysis.verdicts import DOMINATED

WIDTH = 100
#: Columns that name a row; those that are the same in every row stand in one line above the table instead.
_NAMES = ("model", "runtime", "precision", "device", "target", "batch_size", "threads")
_HEADS = {"batch_size": "batch"}
_TEXT_MIN = 8
#: Beyond this many rows the dominated ones are told in the JSON only.
_SENTENCES_MAX = 24


def to_json(ranking: Ranking) -> str:
    """Everything that the ranking holds, as one JSON object; absent values are null."""
    return json.dumps(dataclasses.asdict(ranking), indent=2, ensure_ascii=False)


def render(ranking: Ranking) -> str:
    """The ranking as text: question, table, sentences, groups, notes, exclusions, evidence."""
    parts = [
        list(_question(ranking)),
        list(_table(ranking)),
        list(_sentences(ranking)),
        list(_groups(ranking)),
        [line for note in ranking.notes for line in _wrapped(note)],
        list(_exclusions(ranking)),
        list(_evidence(ranking)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")


def _question(ranking: Ranking) -> Iterator[str]:
    preset = PRESETS[ranking.use.split("=")[0]]
    asked = {
        "mean": "mean, the typical behaviour",
        "run": "run, what one more run would show (this does not settle as runs are added)",
    }
    yield from _wrapped(f"For {ranking.use} ({preset.text}). Question: {asked[ranking.question]}.")
    objectives = [
        f"{used.name} ({'more' if used.direction == 'maximize' else 'less'} is better, margin {used.margin})"
        for used in ranking.objectives
    ]
    yield f"Objectives: {objectives[0]}{',' if len(objectives) > 1 else '.'}"
    for k, text in enumerate(objectives[1:], start=2):
        yield f"  {text}{'.' if k == len(objectives) else ','}"
    common = [f"{_HEADS.get(name, name)} {_plain(ranking.rows[0], name)}" for name in _common(ranking.rows)]
    if common:
        yield from _wrapped(f"All rows: {', '.join(common)}.")


def _common(rows: Sequence[RankedRow]) -> list[str]:
    """Naming columns other than the model that have one value in all rows."""
    return [name for name in _NAMES[1:] if len({row.identity[name] for row in rows}) == 1]


def _plain(row: RankedRow, name: str) -> str:
    value = row.identity[name]
    return "default" if value is None else str(value)


def _table(ranking: Ranking) -> Iterator[str]:
    columns = [["", *(str(row.number) for row in ranking.rows)]]
    common = _common(ranking.rows)
    texts = []
    for name in _NAMES:
        if name not in common:
            texts.append(len(columns))
            columns.append([_HEADS.get(name, name), *(_plain(row, name) for row in ranking.rows)])
    for used in ranking.objectives:
        known = OBJECTIVES[used.name]
        head = f"{known.short} {known.shown_unit}".strip()
        columns.append([head, *(_shown(row.estimates[used.name], known.scale) for row in ranking.rows)])
    if ranking.question == "run":
        columns.append(["p_front_next_run", *(_share(row.p_front_next_run) for row in ranking.rows)])
    else:
        columns.append(["p_near_front", *(_share(row.p_near_front) for row in ranking.rows)])
        columns.append(["p_front", *(_share(row.p_front) for row in ranking.rows)])
    columns.append(["verdict", *(row.verdict for row in ranking.rows)])
    _narrow(columns, texts)
    left = {0, *texts, len(columns) - 1}
    widths = [max(map(len, column)) for column in columns]
    for cells in zip(*columns, strict=True):
        padded = [
            cell.ljust(width) if k in left and k else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        yield "  ".join(padded).rstrip()


def _narrow(columns: list[list[str]], texts: Sequence[int]) -> None:
    """Shorten the naming columns, the widest first, until the table fits."""

    def width(k: int) -> int:
        return max(map(len, columns[k]))

    while sum(map(width, range(len(columns)))) + 2 * (len(columns) - 1) > WIDTH:
        widest = max(texts, key=width, default=None)
        if widest is None or width(widest) <= _TEXT_MIN:
            return
        limit = width(widest) - 1
        columns[widest] = [
            cell if len(cell) <= limit else cell[: limit - 1].rstrip("…") + "…" for cell in columns[widest]
        ]


def _shown(estimate: Estimate, scale: float) -> str:
    """A mean with its half width to two digits of the half width.

    >>> _shown(Estimate(0.012345, 0.0121, 0.0126, 5), 1e3), _shown(Estimate(69.758, None, None, 5), 1.0)
    ('12.35 ±0.25', '69.76')
    """
    if estimate.mean is None:
        return "-"
    mean, half = estimate.mean * scale, estimate.half_width
    if half is None:
        return _digits(mean, mean / 100)
    return f"{_digits(mean, half * scale)} ±{_digits(half * scale, half * scale)}"


def _digits(value: float, resolution: float) -> str:
    """The value to two digits of the resolution, never with more than four decimals."""
    decimals = 2
    if resolution > 0:
        exponent = int(f"{resolution:e}".partition("e")[2])
        decimals = min(max(1 - exponent, 0), 4)
    return f"{value:.{decimals}f}"


def _share(p: float | None) -> str:
    return "-" if p is None else f"{p:.3f}"


def _sentences(ranking: Ranking) -> Iterator[str]:
    told = [row for row in ranking.rows if row.verdict != DOMINATED or row.number <= _SENTENCES_MAX]
    alike: dict[str, list[int]] = {}
    for row in told:
        alike.setdefault(f"{row.verdict}. {row.sentence}", []).append(row.number)
    for text, numbers in alike.items():
        yield from _wrapped(f"{', '.join(map(str, numbers))}: {text}")
    if len(told) < len(ranking.rows):
        yield f"{len(ranking.rows) - len(told)} more rows are dominated (each with its sentence in the JSON)."


def _groups(ranking: Ranking) -> Iterator[str]:
    for members in ranking.groups:
        names = ", ".join(f"{k} ({ranking.rows[k - 1].identity['model']})" for k in members)
        yield from _wrapped(f"Within the margins of each other: rows {names}.")


def _exclusions(ranking: Ranking) -> Iterator[str]:
    if not ranking.exclusions:
        return
    yield f"Not ranked: {sum(len(found.rows) for found in ranking.exclusions)} rows"
    for found in ranking.exclusions:
        more = f" and {len(found.rows) - 2} more" if len(found.rows) > 2 else ""
        yield from _wrapped(f"{len(found.rows)} x {found.reason} ({'; '.join(found.rows[:2])}{more})", "  ")


def _evidence(ranking: Ranking) -> Iterator[str]:
    known = ranking.evidence
    classes = ", ".join(f"{count} {name}" for name, count in known["devices_per_class"].items())
    days = known["days"]
    span = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(days) or "unknown day"
    flags = ", ".join(
        f"{name} ({count} {'row' if count == 1 else 'rows'})" for name, count in known["flags"].items()
    )
    runs = f"{known['runs']} counted, {known['runs_set_aside']} set aside; boots: {known['boots']}; {span}"
    drawn = f"{known['method']}, {known['draws']} draws, seed {known['seed']}"
    yield "Evidence"
    lines = [
        f"rows: {known['ranked_rows']} of {known['report_rows']}; devices: {classes}",
        f"runs: {runs}; protocol {', '.join(known['protocols'])}",
        f"accuracy: {'; '.join(known['accuracy_sources']) or 'none'}; {known['accuracy_question']}",
        f"power: {', '.join(known['power_sources']) or 'none measured'}",
        f"flags: {flags or 'none'}",
        f"block effects: {known['block_effects']}",
        _changes_line(known["verdicts_that_change"]),
        f"probabilities: {drawn}, standard error at most {known['standard_error']:.3f}",
        "versions: " + ", ".join(f"{name} {text}" for name, text in known["versions"].items()),
    ]
    lines += [f"report SHA-256: {digest}" for digest in known["report_sha256"]]
    if known["command"]:
        lines.append(f"command: {known['command']}")
    for line in lines:
        yield from _wrapped(line, "  ")


def _changes_line(changes: Sequence[str] | None) -> str:
    if changes is None:
        return "stability: not computed for so many rows"
    if not changes:
        return "stability: no verdict changes when flagged runs or any one block are left out"
    more = f"; and {len(changes) - 4} more" if len(changes) > 4 else ""
    return f"stability: verdicts that change: {'; '.join(changes[:4])}{more}"
