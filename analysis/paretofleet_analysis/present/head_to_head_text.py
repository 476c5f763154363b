"""A few models against each other, in sentences: who is faster, what each saves, what is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.rounded import parts
from paretofleet_analysis.present.table import TableColumn, lay_out
from paretofleet_analysis.present.wrapping import WIDTH, wrapped
from paretofleet_analysis.ranking.head_to_head import (
    ALIKE,
    OPEN,
    SAME,
    SPEED,
    Contender,
    Difference,
    HeadToHead,
    disturbed_runs,
    is_short_of_runs,
)

#: What a sentence calls what is compared, where it is not the speed.
_NOUNS = {
    "energy_j_per_item": "energy per item",
    "memory_peak_bytes": "memory",
    "device_memory_bytes": "memory of the device",
}
#: From this ratio on a factor reads better than a percentage.
_FACTOR_MIN = 1.2


@dataclass(frozen=True)
class Furthermore:
    """What would settle all that is open: `blocks` in all, and the `more_s` seconds that the further ones
    take; None where that cannot be known.
    """

    blocks: int
    more_s: float | None


def further_blocks(result: HeadToHead) -> Furthermore | None:
    """How many blocks settle what is open in a `result`; None where nothing is, or no number is known."""
    needed = [each.blocks for contender in result.contenders for each in contender.differences if each.blocks]
    if not needed:
        return None
    made = max(
        each.paired.comparison.blocks for contender in result.contenders for each in contender.differences
    )
    more_s = None if result.block_s is None else (max(needed) - made) * result.block_s
    return Furthermore(max(needed), more_s)


def render_head_to_head(result: HeadToHead, *, columns: int = WIDTH) -> str:
    """A `result` as text of at most `columns` columns: a table, sentences, what disturbed, what failed."""
    lines = _table(result.contenders, columns)
    if len(result.contenders) > 1:
        lines += ["", *(line for text in _sentences(result) for line in wrapped(text, columns))]
    lines += [line for text in _disturbed(result.contenders) for line in wrapped(text, columns)]
    for row, reason in result.failed:
        lines += wrapped(f"{row['model']} was not measured: {reason}.", columns)
    return "\n".join(lines) + "\n"


def lead_sentence(result: HeadToHead) -> str | None:
    """Who of the two fastest of a `result` is faster, by what factor; None while their runs do not say."""
    for other in result.contenders[1:2]:
        speed = [each for each in other.differences if each.paired.objective == SPEED]
        if speed and speed[0].outcome != OPEN:
            return next(_clauses(speed, result.contenders[0].row["model"], other.row["model"]))
    return None


def open_sentence(result: HeadToHead) -> str | None:
    """How far apart the two fastest of a `result` may be; None where their runs say who is faster."""
    fastest, *others = result.contenders or (None,)
    for other in others[:1]:
        speed = [each for each in other.differences if each.paired.objective == SPEED]
        if fastest is not None and speed and speed[0].outcome == OPEN:
            return f"undecided is the {_open(speed[0], fastest.row['model'], other.row['model'])}"
    return None


def _table(contenders: Sequence[Contender], columns: int) -> list[str]:
    """The means with their intervals, a row each, and what a narrow terminal has no room for."""
    if not contenders:
        return []
    measured = [
        TableColumn(
            f"{OBJECTIVES[name].short} {OBJECTIVES[name].shown_unit}",
            [_interval(contender, name) for contender in contenders],
            right=True,
        )
        for name in contenders[0].estimates
    ]
    models = TableColumn("model", [contender.row["model"] for contender in contenders], kept=True)
    runs = TableColumn("runs", [str(contender.row["runs"]) for contender in contenders], right=True)
    lines, left_out = lay_out([models, *measured, runs], columns)
    return lines + (wrapped(f"Too narrow for: {', '.join(left_out)}.", columns) if left_out else [])


def _interval(contender: Contender, name: str) -> str:
    found = parts(contender.estimates[name], OBJECTIVES[name].scale)
    if found is None:
        return "-"
    mean, lo, hi = found
    return f"{mean} ({lo} to {hi})" if lo else mean


def _sentences(result: HeadToHead) -> Iterator[str]:
    """Each row against the fastest in a sentence, then what is open."""
    fastest, *others = result.contenders
    name = fastest.row["model"]
    still_open = []
    for other in others:
        settled = [each for each in other.differences if each.outcome != OPEN]
        if settled:
            yield f"{'; '.join(_clauses(settled, name, other.row['model']))}."
        still_open += [
            _open(each, name, other.row["model"]) for each in other.differences if each.outcome == OPEN
        ]
    if still_open:
        yield f"Undecided: {'; '.join(still_open)}."


def _clauses(settled: Sequence[Difference], fastest: str, other: str) -> Iterator[str]:
    """What is `settled` of two models: what the one is better in, then the other, then what is alike."""
    better: dict[str, list[str]] = {fastest: [], other: []}
    alike: dict[str, list[str]] = {}
    for each in settled:
        ratio = each.paired.comparison.ratio or 1.0
        noun = _noun(each.paired.objective)
        if each.outcome == ALIKE:
            margin = OBJECTIVES[each.paired.objective].margin
            alike.setdefault(f"within {margin} of each other", []).append(noun)
        elif ratio == 1.0:
            alike.setdefault("the same in every run", []).append(noun)
        else:
            better[fastest if ratio > 1 else other].append(_lead(each, fastest, other))
    for name, leads in better.items():
        if leads:
            yield f"{name} {' and '.join(leads)}"
    for how, nouns in alike.items():
        yield f"{' and '.join(nouns)} of {fastest} and {other}: {how}"


def _lead(difference: Difference, fastest: str, other: str) -> str:
    """In what the better of two leads the other, and by how much."""
    comparison, objective = difference.paired.comparison, difference.paired.objective
    ratio, lo, hi = comparison.ratio or 1.0, comparison.lo, comparison.hi
    behind = other
    if ratio < 1:
        behind, ratio = fastest, 1 / ratio
        lo, hi = (None, None) if lo is None or hi is None else (1 / hi, 1 / lo)
    ends = (ratio, ratio) if lo is None or hi is None else (lo, hi)
    if objective == SPEED:
        in_percent = f"{_percent(ends[0] - 1)} to {_percent(ends[1] - 1)}"
        interval = f"{ends[0]:.2f} to {ends[1]:.2f}" if ratio >= _FACTOR_MIN else in_percent
        return f"is {_faster(ratio)} than {behind} ({interval})"
    interval = f"{_percent(1 - 1 / ends[0])} to {_percent(1 - 1 / ends[1])}"
    if difference.outcome == SAME:
        interval = "the same in every run"
    return f"uses {_percent(1 - 1 / ratio)} % less {_noun(objective)} than {behind} ({interval})"


def _faster(factor: float) -> str:
    """By how much: a factor, or a percentage where that is small."""
    return f"{factor:.2f} times faster" if factor >= _FACTOR_MIN else f"{_percent(factor - 1)} % faster"


def _percent(share: float) -> str:
    return two_significant_digits(100 * share)


def _disturbed(contenders: Sequence[Contender]) -> Iterator[str]:
    """What other programs did to the runs, in a sentence, where they did anything."""
    clauses = []
    for each in contenders:
        runs, disturbed = len(each.row["run_flags"]), disturbed_runs(each)
        if disturbed:
            count = "and do not count" if is_short_of_runs(each) else "and count all the same"
            clauses.append(f"{disturbed} of {runs} runs of {each.row['model']} are disturbed {count}")
    if clauses:
        yield f"Other programs were busy meanwhile: {'; '.join(clauses)}."


def _open(difference: Difference, fastest: str, other: str) -> str:
    """What is not settled of two models, with how far apart they may be."""
    comparison, noun = difference.paired.comparison, _noun(difference.paired.objective)
    which = f"{noun} of {other} against {fastest}"
    if comparison.lo is None or comparison.hi is None:
        return f"{which} ({comparison.blocks} runs of both; 3 say something)"
    lo, hi = (two_significant_digits(100 * (end - 1), sign="+") for end in (comparison.lo, comparison.hi))
    return f"{which} ({lo} % to {hi} %)"


def _noun(objective: str) -> str:
    return _NOUNS.get(objective, "latency")
