"""What to take for which use, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.row_names import common_names, naming_columns, short_name
from paretofleet_analysis.ranking.recommendation import GivenUp, Recommendation
from paretofleet_analysis.ranking.result import Ranking
from paretofleet_analysis.ranking.sentences import format_probability


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
    if not each.is_sure and each.others:
        others = ", ".join(f"row {number} {format_probability(p)}" for number, p in each.others)
        likely = f"{likely}, undecided (or {others})"
    prices = [price_text(given, f"row {given.number}") for given in each.gives_up]
    price = " and ".join(prices) or "gives up nothing beyond the margins"
    return f"{likely}. {price[0].upper()}{price[1:]}."


def price_text(given: GivenUp, better: str) -> str:
    """How much worse, in the quantity that is `given` up, than the row that is called `better`."""
    objective = OBJECTIVES[given.objective]
    if not objective.margin.relative:
        return f"gives up {two_significant_digits(given.difference)} points of {objective.phrase} ({better})"
    share = two_significant_digits(100 * given.relative)
    if objective.maximize:
        return f"gives up {share} % of the {objective.phrase} of {better}"
    if given.relative < 1:
        return f"takes {share} % more {objective.phrase} than {better}"
    return f"takes {two_significant_digits(1 + given.relative)} times the {objective.phrase} of {better}"
