"""What to take for which use, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.row_names import common_names, naming_columns, short_name
from paretofleet_analysis.ranking.recommendation import GivenUp, Recommendation
from paretofleet_analysis.ranking.result import Ranking
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.ranking.verdicts import SURE


def recommendation_lines(ranking: Ranking) -> Iterator[str]:
    """What of a `ranking` to take for which use, a line each; none where it recommends nothing."""
    if not ranking.recommendations:
        return
    yield "Recommended (probability that no other is better in this by more than the margin)"
    for each in ranking.recommendations:
        yield f"  {_sentence(ranking, each)}"


def _sentence(ranking: Ranking, each: Recommendation) -> str:
    """One recommendation: the row, how sure it is, who else it may be, and what is given up."""
    row = ranking.rows[each.number - 1]
    common = common_names(ranking.rows)
    name = short_name(row, [one for one in naming_columns(ranking.rows)[1:] if one not in common])
    use = each.use[0].upper() + each.use[1:]
    likely = f"{use}: row {each.number} ({name}), {format_probability(each.probability)}"
    if each.probability < SURE and each.others:
        others = ", ".join(f"row {number} {format_probability(p)}" for number, p in each.others)
        likely = f"{likely}, undecided (or {others})"
    given = " and ".join(map(_given_up, each.gives_up))
    return f"{likely}. Gives up {given or 'nothing beyond the margins'}."


def _given_up(given: GivenUp) -> str:
    """How much worse, and which row has it."""
    objective = OBJECTIVES[given.objective]
    if not objective.margin.relative:
        return f"{two_significant_digits(given.difference)} points of {objective.short} (row {given.number})"
    share = 100 * given.relative
    much = f"a factor {1 + given.relative:.1f}" if share >= 100 else f"{two_significant_digits(share)} %"
    return f"{much} of {objective.short} (row {given.number})"
