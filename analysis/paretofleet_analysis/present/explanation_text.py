"""Why a row stands where it stands, for people, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_analysis.diagnostics.paired import Paired
from paretofleet_analysis.diagnostics.variance_levels import BALANCED, LONGER_WINDOWS, MORE_RUNS, Advice
from paretofleet_analysis.numbers import two_significant_digits
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.wrapping import WIDTH, WIDTH_MIN, wrapped
from paretofleet_analysis.ranking.explanation import Explanation, Lead
from paretofleet_analysis.ranking.next_process import NextProcess
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.statistics.prediction import Prediction


def render_why(why: Explanation, *, columns: int = WIDTH) -> str:
    """Who is ahead of a row, by its explanation `why`, as text; `columns` as for `ranking_text.render`."""
    width = min(max(columns, WIDTH_MIN), WIDTH)
    lines = [*_ahead(why), *_next_process(why)]
    return "\n".join(part for line in lines for part in wrapped(line, width)) + "\n"


def _ahead(why: Explanation) -> list[str]:
    """Who is ahead of the row, a line each, and how that was reckoned."""
    if not why.rivals:
        return [f"No row is likely to be ahead of row {why.number}."]
    lines = []
    for rival in why.rivals:
        leads = ", ".join(_lead(lead) for lead in rival.leads if lead.relative or lead.lo is not None)
        runs = f"{rival.more_runs} more {'run' if rival.more_runs == 1 else 'runs'} of both"
        more = {None: "no number of runs would decide that", 0: "decided"}.get(
            rival.more_runs, f"about {runs} would decide that"
        )
        lines.append(
            f"Row {rival.number} beats row {why.number} with probability "
            f"{format_probability(rival.p_beats)} ({more}) and dominates it with "
            f"{format_probability(rival.p_dominates)}: {leads}."
        )
        if rival.paired:
            lines.append("  " + _paired(rival.paired))
    lines.append(
        "These probabilities are of the true means of two rows alone and, unlike p_front, not calibrated."
    )
    if any(rival.more_runs for rival in why.rivals):
        lines.append(f"Reckoned as {why.formula}.")
    if any(rival.paired for rival in why.rivals):
        lines.append(
            "Told apart: of the rows of this device that are told apart from this one in an objective, at "
            "most 5 % are expected to be alike in it; runs are compared within blocks, where drift cancels."
        )
    return lines


def _next_process(why: Explanation) -> list[str]:
    """What another process of the row would show, or that nobody can know."""
    coming = [(each, each.prediction) for each in why.next_process]
    predicted = [(each, prediction) for each, prediction in coming if prediction is not None]
    measured = [_range(*each) for each in predicted if not each[1].is_borrowed]
    borrowed = [_range(*each) for each in predicted if each[1].is_borrowed]
    unknown = [OBJECTIVES[each.objective].short for each, prediction in coming if prediction is None]
    lines = []
    if measured:
        lines.append(
            f"Another process of row {why.number}, with a probability of 95 %: {', '.join(measured)}."
        )
    if borrowed:
        lines.append(
            f"Row {why.number} has one process, which cannot tell how far another would be from it; if "
            "processes differ as in the device's other rows, with a probability of 95 %: "
            f"{', '.join(borrowed)}."
        )
    if unknown:
        lines.append(
            f"What another process of row {why.number} would show cannot be known from one, or from equal "
            f"values: {', '.join(unknown)}."
        )
    return lines


def _range(coming: NextProcess, prediction: Prediction) -> str:
    used = OBJECTIVES[coming.objective]
    lo, hi = (f"{used.scale * end:.4g}" for end in (prediction.lo, prediction.hi))
    return f"{used.short} {lo} to {hi} {used.shown_unit}"


def render_advice(why: Explanation) -> str:
    """Whether more runs or longer windows make a row's mean surer, by its explanation `why`; or empty."""
    return "" if why.advice is None else "\n".join(["", *wrapped(advice_sentence(why.advice)), ""])


def advice_sentence(advice: Advice) -> str:
    """What `advice` says of a row's repeats, as one sentence."""
    spread = two_significant_digits(100 * advice.spread)
    split = (
        f"Its mean latency varies by {spread} % from run to run ({advice.runs} runs); of that variance "
        f"{100 * advice.between:.0f} % is between runs, {100 * (1 - advice.between):.0f} % within them"
    )
    overhead, window = (two_significant_digits(x) for x in (advice.overhead_s, advice.window_s))
    cost = f"a run spends {overhead} s beside its window of {window} s"
    if advice.best_window_s is None:
        return f"{split}: longer windows help as much as more runs ({cost})."
    best = f"{cost}; {two_significant_digits(advice.best_window_s)} s would be best"
    return {
        MORE_RUNS: f"{split}: more runs help, longer windows do not ({best}).",
        LONGER_WINDOWS: f"{split}: longer windows help more than as many more runs ({best}).",
        BALANCED: f"{split}: runs and windows are in balance ({best}).",
    }[advice.help]


def _paired(paired: Sequence[Paired]) -> str:
    """A rival's values against the row's own within blocks."""
    blocks = max(pair.comparison.blocks for pair in paired)
    comparisons = "; ".join(map(_pair, paired))
    return f"Its runs against this row's in the {blocks} blocks that hold both: {comparisons}."


def _pair(pair: Paired) -> str:
    """The two in one objective."""
    comparison, short = pair.comparison, OBJECTIVES[pair.objective].short
    if comparison.ratio is None or comparison.lo is None or comparison.hi is None:
        return f"{short} cannot be told apart by so few"
    change = 100 * (comparison.ratio - 1)
    lo, hi = (two_significant_digits(100 * (x - 1), sign="+") for x in (comparison.lo, comparison.hi))
    verdict = "told apart" if pair.is_told_apart else "not told apart"
    more = "more" if change >= 0 else "less"
    return f"{short} {two_significant_digits(abs(change))} % {more} ({lo} to {hi}), {verdict}"


def _lead(lead: Lead) -> str:
    word = "better" if lead.relative >= 0 else "worse"
    ends = ""
    if lead.lo is not None and lead.hi is not None:
        lo, hi = (two_significant_digits(100 * x, sign="+") for x in (lead.lo, lead.hi))
        ends = f" ({lo} to {hi})"
    objective = OBJECTIVES[lead.objective]
    if objective.unit == "percent":  # a share of a percentage reads as points
        return f"{objective.short} {two_significant_digits(abs(lead.difference))} points {word}"
    return f"{objective.short} {two_significant_digits(100 * abs(lead.relative))} % {word}{ends}"
