"""The relative efficiency of a report's rows as answers for a page: three frontiers, each with its words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.studies.answer import Answer, Cell, Chart, left_out
from paretofleet_analysis.studies.efficiency import CONFIDENCE, Efficiencies, Method, efficiency

STUDY = "efficiency"
_TITLES: dict[Method, str] = {
    "fdh": "Relative efficiency by free disposal",
    "dea": "Relative efficiency by envelopment",
    "sfa": "Relative efficiency by a stochastic frontier",
}
_MEANINGS: dict[Method, str] = {
    "fdh": (
        "In the spirit of Partovi Nia et al. 2022, whose equations are not known here: the share of all its "
        "costs with which another row that gains as much gets by, as a law over further runs."
    ),
    "dea": (
        "The same where other rows may be mixed (linear programs, variable returns to scale): the share of "
        "its costs with which a mixture that gains as much gets by."
    ),
    "sfa": (
        "Our own reading of a random frontier, not the paper's: noise from the repeats, inefficiency "
        "half-normal, by maximum likelihood."
    ),
}
#: A stochastic frontier of more rows takes a minute, and no page shows so many.
_FRONTIER_ROWS_MAX = 1_000
_ORDERED = (
    "Admissible is a row which none precedes in the first stochastic order with {share:.0f} %; behind are "
    "the rows that do, in the first and in the second order."
)


def answers(
    report: pa.Table, *, objectives: Sequence[str], devices: Sequence[str] = (), seed: int = 1
) -> list[Answer]:
    """How efficient the rows of a `report` (`report.files.read`) are, by each of three frontiers.

    `objectives`, `devices` and `seed` as for `efficiency`. What cannot be computed is left out with its
    reason.
    """
    return [_answer(report, method, objectives, devices, seed) for method in _TITLES]


def _answer(
    report: pa.Table, method: Method, objectives: Sequence[str], devices: Sequence[str], seed: int
) -> Answer:
    title = _TITLES[method]
    chosen = _of_frontier(objectives) if method == "sfa" else list(objectives)
    if method == "sfa" and report.num_rows > _FRONTIER_ROWS_MAX:
        many = f"a page fits it to {_FRONTIER_ROWS_MAX} rows at most, and the report has {report.num_rows}"
        return left_out(STUDY, title, f"{many}; `studies.efficiency` takes more")
    try:
        computed = efficiency(report, objectives=chosen, method=method, devices=devices, seed=seed)
    except RankError as error:
        return left_out(STUDY, title, str(error).rstrip("."))
    sentences = [_MEANINGS[method], f"By {', '.join(chosen)}."]
    if computed.orders is not None:
        sentences.append(_ORDERED.format(share=100 * CONFIDENCE))
    columns = ("row", "efficiency", "95 % from", "to")
    return Answer(
        STUDY,
        title,
        "told",
        " ".join([*sentences, *computed.notes]),
        columns if computed.orders is None else (*columns, "admissible", "behind, 1st order", "2nd order"),
        tuple(_rows(computed)),
        _chart(computed),
    )


def _of_frontier(objectives: Sequence[str]) -> list[str]:
    """The response of a stochastic frontier has to have runs: the first measured objective leads."""
    measured = [name for name in objectives if name in OBJECTIVES and OBJECTIVES[name].is_measured]
    fixed = [name for name in objectives if name not in measured]
    return [*measured[:1], *fixed, *measured[1:]]


def _rows(computed: Efficiencies) -> Iterator[tuple[Cell, ...]]:
    for at, row in enumerate(computed.rows):
        cells = (row.label, round(row.efficiency, 3), round(row.low, 3), round(row.high, 3))
        if computed.orders is None:
            yield cells
            continue
        ahead = [
            int(np.sum(order[:, at] >= CONFIDENCE))
            for order in (computed.orders.first, computed.orders.second)
        ]
        yield (*cells, "yes" if ahead[0] == 0 else "no", *ahead)


def _chart(computed: Efficiencies) -> Chart:
    return Chart(
        kind="point",
        x="row",
        y="efficiency",
        colour=None,
        points=tuple(
            {"row": row.label, "efficiency": row.efficiency, "lo": row.low, "hi": row.high}
            for row in computed.rows
        ),
        x_title="",
        y_title="efficiency (1 is the best there is)",
    )
