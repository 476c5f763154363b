"""How a ranking came about, as a paragraph for a paper; nothing in it that the ranking does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paretofleet_analysis.ranking.result import Ranking


def methods_paragraph(ranking: Ranking) -> str:
    """What a paper's section on methods says of a `ranking`, as one paragraph."""
    evidence = ranking.evidence
    devices = ", ".join(f"{count} of class {name}" for name, count in evidence["devices_per_class"].items())
    days = evidence["days"]
    when = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}" if days else ""
    scopes = ", ".join(sorted({str(row.identity["timing_scope"]) for row in ranking.rows}))
    margins = ", ".join(f"{used.margin} of {used.name}" for used in ranking.objectives)
    runtimes = sorted(
        {f"{row.identity['runtime']} {row.identity['runtime_version']}" for row in ranking.rows}
    )
    corrected = [each["device"] for each in evidence["block_effects"] if each["corrected"]]
    simulated = any(row.identity["simulated"] for row in ranking.rows)
    sentences = [
        f"{evidence['ranked_rows']} configurations were measured with paretofleet "
        f"({evidence['versions']['paretofleet-analysis']}) on devices ({devices}) in {', '.join(runtimes)}"
        + (f" {when}" if when else ""),
        "Some or all of the devices are simulated" if simulated else "",
        _order(evidence, scopes),
        f"{evidence['runs_set_aside']} runs were set aside on evidence about the device",
        "A value is the mean over runs of each run's own value, with a 95 % interval by Student's t on the "
        "log scale, widened for the rule that ends the runs; it speaks for " + evidence["speaks_for"],
        f"Power was read as {', '.join(evidence['power_sources'])}" if evidence["power_sources"] else "",
        f"Accuracy is {'; '.join(evidence['accuracy_sources'])}" if evidence["accuracy_sources"] else "",
        f"What blocks did to all configurations of {', '.join(corrected)} was removed" if corrected else "",
        (
            f"A configuration beats another when nothing is worse by more than its margin ({margins}), "
            "something is better by more, and what is gained outweighs what is lost, counted in margins"
        ),
        f"The probability that none beats a configuration is {evidence['method']}; seed {evidence['seed']}",
        f"{evidence['excluded_rows']} rows of the report were not ranked"
        if evidence["excluded_rows"]
        else "",
    ]
    return " ".join(f"{sentence}." for sentence in sentences if sentence) + "\n"


def _order(evidence: Mapping[str, Any], scopes: str) -> str:
    """How the runs came about, as far as the `evidence` tells; `scopes` are those of timing."""
    how = f"under protocol {', '.join(evidence['protocols'])} and timing scope {scopes}"
    if not evidence["in_blocks"]:
        return f"There are {evidence['runs']} runs {how}; in which order they ran the report does not say"
    return (
        f"Each of the {evidence['runs']} runs was a process of its own, {how}, in blocks that hold the "
        "configurations of a device in seeded random order"
    )
