"""A ranking for people, as wide as their terminal but at most 100 columns, and for programs as JSON."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES, PRESETS
from paretofleet_analysis.ranking.block_components import block_spans
from paretofleet_analysis.ranking.dominance_counts import RANKS
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.sensitivity import SENSITIVITY_ROWS_MAX
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.ranking.verdicts import DOMINATED, UNDECIDED
from paretofleet_analysis.statistics.intervals import Estimate

#: Columns of text at most, and at least: a narrower terminal breaks the table itself.
WIDTH, WIDTH_MIN = 100, 60
#: Columns that name a row; those that are the same in every row stand in one line above the table instead.
_NAMES = ("model", "runtime", "precision", "device", "target", "batch_size", "threads")
_HEADS = {"batch_size": "batch"}
_NUMBERS = ("batch_size", "threads")
_TEXT_MIN = 8
#: Beyond this many rows the dominated ones are told in the JSON only.
_SENTENCES_MAX = 24


def to_json(ranking: Ranking) -> str:
    """Everything that the ranking holds, as one JSON object; absent values are null."""
    return json.dumps(dataclasses.asdict(ranking), indent=2, ensure_ascii=False)


def render(ranking: Ranking, *, columns: int = WIDTH) -> str:
    """The ranking as text: question, table, sentences, groups, notes, exclusions, evidence.

    No line is longer than `columns`, within WIDTH_MIN and WIDTH, except a table that cannot be narrower.
    """
    width = min(max(columns, WIDTH_MIN), WIDTH)
    parts = [
        list(_question(ranking)),
        list(_sentences(ranking)),
        list(_groups(ranking)),
        list(ranking.notes),
        list(_exclusions(ranking)),
        list(_evidence(ranking)),
    ]
    texts = [[line for text in part for line in wrapped(text, width)] for part in parts]
    texts.insert(1, list(_table(ranking, width)))
    return "\n\n".join("\n".join(part) for part in texts if part) + "\n"


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """The text in lines of at most `width`, all but the first indented further."""
    indent = " " * (len(text) - len(text.lstrip()))
    more = indent + "  "
    return textwrap.wrap(
        text.strip(), width, initial_indent=indent, subsequent_indent=more, break_on_hyphens=False
    )


def _question(ranking: Ranking) -> Iterator[str]:
    preset = PRESETS.get(ranking.use.split("=")[0])
    use = ranking.use if preset is None else f"{ranking.use} ({preset.text})"
    asked = {
        "mean": "mean, the typical behaviour",
        "run": "run, what one more run would show (this does not settle as runs are added)",
    }
    yield f"For {use}. Question: {asked[ranking.question]}."
    objectives = [
        f"{used.name} ({'more' if used.direction == 'maximize' else 'less'} is better, margin {used.margin})"
        for used in ranking.objectives
    ]
    yield f"Objectives: {objectives[0]}{',' if len(objectives) > 1 else '.'}"
    for k, text in enumerate(objectives[1:], start=2):
        yield f"  {text}{'.' if k == len(objectives) else ','}"
    common = [f"{_HEADS.get(name, name)} {_plain(ranking.rows[0], name)}" for name in _common(ranking.rows)]
    if common:
        yield f"All rows: {', '.join(common)}."


def _common(rows: Sequence[RankedRow]) -> list[str]:
    """Naming columns other than the model that have one value in all rows."""
    return [name for name in _NAMES[1:] if len({row.identity[name] for row in rows}) == 1]


def _plain(row: RankedRow, name: str) -> str:
    value = row.identity[name]
    return "default" if value is None else str(value)


def _table(ranking: Ranking, width: int) -> Iterator[str]:
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
    optional = _standing(ranking)
    columns.append(["verdict", *(row.verdict for row in ranking.rows)])
    while optional and not _fits([*columns, *optional], texts, width):
        optional.pop()
    columns[-1:-1] = optional
    _narrow(columns, texts, width)
    left = {0, *texts, len(columns) - 1}
    widths = [max(map(len, column)) for column in columns]
    for cells in zip(*columns, strict=True):
        padded = [
            cell.ljust(width) if k in left and k else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        yield "  ".join(padded).rstrip()


def _standing(ranking: Ranking) -> list[list[str]]:
    """Columns that are left out, the last first, where the table would not fit; JSON and CSV have them."""
    found = [
        ["efficiency", *(_share_of_costs(row) for row in ranking.rows)],
        ["rank", *(_ranks(row) for row in ranking.rows)],
        ["ahead", *(_ahead(row.expected_dominators) for row in ranking.rows)],
    ]
    if any(row.selected or row.confirmed for row in ranking.rows):
        found.append(["value", *(_picked(row) for row in ranking.rows)])
    return found


def _picked(row: RankedRow) -> str:
    words = ["selected"] * bool(row.selected) + ["confirmed"] * bool(row.confirmed)
    return ", ".join(words) or "-"


def _share_of_costs(row: RankedRow) -> str:
    found = row.efficiency
    if found is None:
        return "-"
    if found.lo is None or found.hi is None or f"{found.lo:.2f}" == f"{found.hi:.2f}":
        return f"{found.median:.2f}"
    return f"{found.lo:.2f}-{found.hi:.2f}"


def _ranks(row: RankedRow) -> str:
    if row.rank_interval is None:
        return "-"
    low, high = row.rank_interval
    if high is None:
        return f">{min(low, RANKS + 2) - 1}"
    return f"{low}" if low == high else f"{low}-{high}"


def _ahead(dominators: float | None) -> str:
    return "-" if dominators is None else f"{dominators:.1f}" if dominators < 100 else f"{dominators:.0f}"


def _fits(columns: list[list[str]], texts: Sequence[int], limit: int) -> bool:
    """Whether the table fits with names shortened as far as can be."""
    widths = [max(map(len, column)) for column in columns]
    least = sum(min(width, _TEXT_MIN * 2) if k in texts else width for k, width in enumerate(widths))
    return least + 2 * (len(columns) - 1) <= limit


def _narrow(columns: list[list[str]], texts: Sequence[int], limit: int) -> None:
    """Shorten the naming columns, the widest first, until the table fits."""

    def width(k: int) -> int:
        return max(map(len, columns[k]))

    while sum(map(width, range(len(columns)))) + 2 * (len(columns) - 1) > limit:
        widest = max(texts, key=width, default=None)
        if widest is None or width(widest) <= _TEXT_MIN:
            return
        most = width(widest) - 1
        columns[widest] = [
            cell if len(cell) <= most else cell[: most - 1].rstrip("…") + "…" for cell in columns[widest]
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
    return "-" if p is None else format_probability(p)


def _sentences(ranking: Ranking) -> Iterator[str]:
    told = [row for row in ranking.rows if row.verdict != DOMINATED or row.number <= _SENTENCES_MAX]
    alike: dict[str, list[int]] = {}
    for row in told:
        alike.setdefault(f"{row.verdict}. {row.sentence}", []).append(row.number)
    for text, numbers in alike.items():
        yield f"{', '.join(map(str, numbers))}: {text}"
    if len(told) < len(ranking.rows):
        yield f"{len(ranking.rows) - len(told)} more rows are dominated (each with its sentence in the JSON)."
    if ranking.question == "mean" and any(row.verdict == UNDECIDED for row in told):
        yield "Who may be ahead of an undecided row, and how many more runs would decide: --why ROW."


def _groups(ranking: Ranking) -> Iterator[str]:
    for row in ranking.rows:
        if row.selected:
            yield (
                f"Row {row.number} is selected: the best in {' and '.join(row.selected)} of several whose "
                "intervals overlap, so some of its lead is luck, as measuring it again would show."
            )
        if row.confirmed:
            yield (
                f"Row {row.number} is confirmed: it measures again what was picked as the best in "
                f"{' and '.join(row.confirmed)}, so its value owes nothing to the luck of that pick."
            )
    told = [
        members
        for members in ranking.groups
        if any(ranking.rows[k - 1].verdict != DOMINATED or k <= _SENTENCES_MAX for k in members)
    ]
    differing = [name for name in _NAMES[1:] if name not in _common(ranking.rows)]
    for members in told:
        names = ", ".join(f"{k} ({_called(ranking.rows[k - 1], differing)})" for k in members)
        yield f"Within the margins of each other: rows {names}."
    if len(told) < len(ranking.groups):
        yield f"{len(ranking.groups) - len(told)} more groups are of dominated rows (in the JSON)."


def _called(row: RankedRow, names: Sequence[str]) -> str:
    """The row's model with the columns that tell the rows apart, of which numbers are named."""
    parts = [f"{_HEADS.get(name, name)} " * (name in _NUMBERS) + _plain(row, name) for name in names]
    return " ".join([row.identity["model"], *parts])


def _exclusions(ranking: Ranking) -> Iterator[str]:
    if not ranking.exclusions:
        return
    yield f"Not ranked: {sum(len(found.rows) for found in ranking.exclusions)} rows"
    for found in ranking.exclusions:
        more = f" and {len(found.rows) - 2} more" if len(found.rows) > 2 else ""
        yield f"  {len(found.rows)} x {found.reason} ({'; '.join(found.rows[:2])}{more})"


def _evidence(ranking: Ranking) -> Iterator[str]:
    known = ranking.evidence
    classes = ", ".join(f"{count} {name}" for name, count in known["devices_per_class"].items())
    days = known["days"]
    span = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(days) or "unknown day"
    flags = ", ".join(
        f"{name} ({count} {'row' if count == 1 else 'rows'})" for name, count in known["flags"].items()
    )
    runs = (
        f"{known['runs']} counted, {known['runs_set_aside']} set aside; boots: {known['boots'] or 'unknown'}"
    )
    if known["boots"] == 1 and "within_one_boot" in known["flags"]:
        runs += " (within one boot, though more were asked for)"
    runs += f"; {span}"
    yield "Evidence"
    lines = [
        f"rows: {known['ranked_rows']} of {known['report_rows']}; devices: {classes}",
        f"runs: {runs}; protocol {', '.join(known['protocols'])}",
        f"accuracy: {'; '.join(known['accuracy_sources']) or 'none'}; {known['accuracy_question']}",
        f"power: {', '.join(known['power_sources']) or 'none measured'}",
        f"flags: {flags or 'none'}",
        *_block_lines(known["block_effects"]),
        *drift_lines(known["canary_drift"]),
        _changes_line(known["verdicts_that_change"], known["ranked_rows"]),
        f"probabilities: {known['method']}; {_error(known)}",
        "efficiency: the share of its costs with which another, at least as accurate, gets by; 95 %",
        "versions: " + ", ".join(f"{name} {text}" for name, text in known["versions"].items()),
    ]
    lines += [f"report SHA-256: {digest}" for digest in known["report_sha256"]]
    if known["command"]:
        lines.append(f"command: {known['command']}")
    yield from (f"  {line}" for line in lines)


def _error(known: Mapping[str, Any]) -> str:
    parts = [f"seed {known['seed']}"]
    if known["replicates"]:
        parts.append(f"another seed moves the least certain by {_small(known['standard_error'])}")
    if known["common_factors_error"] is not None:
        parts.append(
            f"integrated over what is common to a device (error {_small(known['common_factors_error'])})"
        )
    return ", ".join(parts)


def _small(error: float) -> str:
    """An error of a probability, which is never nothing.

    >>> _small(0.0158), _small(0.00002)
    ('about 0.016', 'less than 0.001')
    """
    return f"about {error:.3f}" if error >= 0.001 else "less than 0.001"


def _block_lines(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line a device that was corrected, and one for all devices that were left alone for one reason."""
    alone: dict[str, list[str]] = {}
    for one in told:
        if not one["corrected"]:
            alone.setdefault(one["note"], []).append(one["device"])
            continue
        shares = ", ".join(
            f"{OBJECTIVES[name].short} {100 * share:.0f} % (largest {100 * one['largest'][name]:.1f} %)"
            for name, share in one["share_of_variance"].items()
        )
        left = ", ".join(map(str, one["blocks_left"]))
        kept = f"; kept in blocks with fewer than 3 configurations: {left}" if left else ""
        parts = " and ".join(map(block_spans, one["apart"]))
        stays = f"; not between blocks {parts}, which share no configuration" if parts else ""
        yield f"block effects removed on {one['device']}, of the variance of repeats: {shares}{kept}{stays}"
    for note, devices in alone.items():
        more = f" and {len(devices) - 3} more" if len(devices) > 3 else ""
        yield f"block effects on {', '.join(devices[:3])}{more}: {note}"
    if not told:
        yield "block effects: nothing measured to correct"


def drift_lines(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """One line a device and sweep whose canary ran often enough: its trend and its largest step."""
    for one in told:
        for name, drift in one.get("measures", {}).items():
            per_block, lo, hi, step = (
                two_significant_digits(100 * drift[key], sign="+")
                for key in ("per_block", "lo", "hi", "largest_step")
            )
            large = ", more than can be left alone" if drift["is_large"] else ""
            yield (
                f"drift of {one['device']} by its canary ({one['canary']}): {OBJECTIVES[name].short} "
                f"{per_block} % a block ({lo} to {hi}), largest step {step} %, {one['blocks']} blocks{large}"
            )
    alone = sorted({one["device"] for one in told if "note" in one})
    if alone:
        note = next(one["note"] for one in told if "note" in one)
        more = f" and {len(alone) - 3} more" if len(alone) > 3 else ""
        yield f"drift of {', '.join(alone[:3])}{more}: unknown, {note}"


def _changes_line(changes: Sequence[str] | None, rows: int) -> str:
    if changes is None:
        few = "too few runs to leave any out"
        return (
            f"stability: unknown, {'not computed for so many rows' if rows > SENSITIVITY_ROWS_MAX else few}"
        )
    if not changes:
        return "stability: no verdict changes when flagged runs or any one block are left out"
    more = f"; and {len(changes) - 4} more" if len(changes) > 4 else ""
    return f"stability: verdicts that change: {'; '.join(changes[:4])}{more}"
