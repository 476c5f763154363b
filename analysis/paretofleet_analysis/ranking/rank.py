"""The ranking: which configurations are on the Pareto frontier, and how sure that is.

Definitions are in DESIGN 7's words: `p_front` is the probability that no configuration is at least as good
in every objective and better in one; `p_near_front` that none is better by more than the margin in every
objective that the two do not have exactly in common. Both are about true means (`question="mean"`) unless
told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, Margin, objective, parse_margin, parse_use
from paretofleet_analysis.ranking import accuracy, evidence
from paretofleet_analysis.ranking.fleet import Field
from paretofleet_analysis.ranking.result import NAMED, Efficient, ObjectiveUse, RankedRow, Ranking
from paretofleet_analysis.ranking.selection import Exclusion, Wish, columns_of, select
from paretofleet_analysis.report.files import conform

__all__ = ["QUESTIONS", "Efficient", "ObjectiveUse", "RankedRow", "Ranking", "rank"]

QUESTIONS = ("mean", "run")
#: More rows at once would take minutes and gigabytes, and nobody reads them.
ROWS_MAX = 100_000


def rank(
    report: pa.Table,
    *,
    use: str = "realtime",
    deadline_s: float | None = None,
    objectives: Sequence[str] | None = None,
    margins: Mapping[str, str | float] | None = None,
    question: str = "mean",
    accuracy_question: str = "fixed",
    allow_mixed_scopes: bool = False,
    power_scope: str | None = None,
    allow_simulated_mix: bool = False,
    maxima: Mapping[str, float] | None = None,
    devices: Sequence[str] = (),
    rate_hz: float | None = None,
    seed: int = 1,
    command: str | None = None,
    report_sha256: Sequence[str] = (),
    why: str | None = None,
) -> Ranking:
    """Rank the rows of a report (`files.read`, or several joined by `files.concatenate`).

    `use`: "realtime", "offline", "deadline=30ms", or "deadline" with `deadline_s`; `objectives` replaces
    the use's own. `margins`: by objective, "2%" of the value or "0.2" in its unit; a float is of the
    objective's default kind. `maxima`: upper limits by column. `devices`: only their rows, if any is named.
    `rate_hz`: energy is that of items which come at this rate, idle in between (`energy_rate`).
    `accuracy_question`: "fixed" (this checkpoint, this test set) or "population". `why`: the number of a row,
    or the beginning of its configuration id, to explain. `command`, `report_sha256`: only recorded.
    Raises `RankError`, a ValueError, with one sentence.
    """
    use, deadline_s = _use(use, deadline_s)
    if question not in QUESTIONS:
        raise RankError(f"unknown question {question!r}: choose mean or run")
    mixes = (allow_mixed_scopes, allow_simulated_mix)
    wish = Wish(use, deadline_s, objectives, power_scope, *mixes, maxima or {}, devices, rate_hz)
    reported = _rankable(report).select(columns_of(wish)).to_pylist()
    chosen = select(reported, wish)
    tolerances = _margins(chosen.objectives, margins or {})
    accuracy.check(accuracy_question, chosen.objectives)
    field = Field(chosen, tolerances, question=question, accuracy_question=accuracy_question, seed=seed)
    rows, groups = field.ranked()
    collected = partial(evidence.collect, chosen, reported=reported, found=field.found, seed=seed)
    asked = None if why is None else _number(rows, chosen.exclusions(), why)
    return Ranking(
        use=_told_use(wish),
        question=question,
        objectives=tuple(_use_of(name, margin) for name, margin in tolerances.items()),
        rows=rows,
        groups=groups,
        exclusions=chosen.exclusions(),
        notes=(*chosen.notes, *field.notes()),
        evidence=collected(
            accuracy_question=accuracy_question,
            blocks=field.corrected,
            changes=field.changes(),
            command=command,
            report_sha256=report_sha256,
        ),
        why=None if asked is None else field.why(asked),
    )


def _rankable(report: pa.Table) -> pa.Table:
    """The report with every column of the schema; too many rows are refused before they cost anything."""
    table = conform(report, name="the report")
    if table.num_rows > ROWS_MAX:
        raise RankError(
            f"the report has {table.num_rows:,} rows and at most {ROWS_MAX:,} are ranked at once: "
            "rank fewer sweeps together"
        )
    return table


def _number(rows: Sequence[RankedRow], exclusions: Sequence[Exclusion], wanted: str) -> int:
    """The number of the row that is meant; RankError where there is none."""
    for row in rows:
        if is_row(row, wanted):
            return row.number
    for excluded in exclusions:
        # A bare number is a row's; as a piece of a label it would be found in any batch size.
        if not wanted.isdigit() and any(wanted in label for label in excluded.rows):
            raise RankError(f"'{wanted}' is not ranked: {excluded.reason}.")
    numbers = f"a number from 1 to {len(rows)}" if len(rows) > 1 else "1, the only one,"
    raise RankError(f"There is no row '{wanted}': give {numbers} or a configuration id.")


def is_row(row: RankedRow, wanted: str) -> bool:
    """Whether a row is meant by its number or by the beginning (at least 4 letters) of its id."""
    number, known = str(row.number), str(row.identity["configuration_id"])
    return wanted == number or (len(wanted) >= 4 and known.startswith(wanted))


def _use(use: str, deadline_s: float | None) -> tuple[str, float | None]:
    """The preset and its deadline, from `deadline=30ms` or from `deadline` and a number."""
    use, stated = parse_use(use) if use != "deadline" or deadline_s is None else (use, None)
    deadline_s = deadline_s if stated is None else stated
    if use == "deadline" and deadline_s is None:
        raise RankError("the use deadline needs a limit: write deadline=30ms")
    if use != "deadline" and deadline_s is not None:
        raise RankError(f"the use {use} has no deadline: choose the use deadline")
    return use, deadline_s


def _told_use(wish: Wish) -> str:
    """What the rows are ranked for; the caller's own objectives leave a use only its deadline."""
    if wish.deadline_s is not None:
        return f"deadline={wish.deadline_s * 1e3:g}ms"
    return wish.use if wish.objectives is None else NAMED


def _margins(names: Sequence[str], given: Mapping[str, str | float]) -> dict[str, Margin]:
    """A margin for each objective in use; a margin for anything else is refused."""
    for name in given:
        if objective(name).name not in names:
            raise RankError(f"there is a margin for {name}, which is no objective here: {', '.join(names)}")
    result = {}
    for name in names:
        default = OBJECTIVES[name].margin
        value = given.get(name)
        if value is None:
            result[name] = default
        elif isinstance(value, str):
            result[name] = parse_margin(value)
        else:
            result[name] = parse_margin(f"{value * 100:.12g}%" if default.relative else f"{value:.12g}")
    return result


def _use_of(name: str, margin: Margin) -> ObjectiveUse:
    known = OBJECTIVES[name]
    unit = "" if margin.relative else " points" if known.unit == "percent" else f" {known.unit}".rstrip()
    return ObjectiveUse(name, "maximize" if known.maximize else "minimize", known.unit, f"{margin}{unit}")
