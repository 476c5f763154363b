"""A model's accuracy as a random quantity that all of its configurations share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import betaincinv

from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import Absolute, Shared

#: What `--accuracy-question` asks, and how evidence puts it.
QUESTIONS = {
    "fixed": "fixed: this checkpoint, this test set",
    "population": (
        "population: the test images as a sample, drawn for each model by itself, though models share images "
        "(their difference is surer than this says); dominators, ranks and efficiencies leave accuracy out"
    ),
    "seeds": "seeds: trainings of the model",
}
_VALUES = 32


def check(question: str, names: Sequence[str]) -> None:
    """Raises RequestError for an unknown `question`, RankError where objectives `names` have no answer."""
    if question not in QUESTIONS:
        raise RequestError(f"unknown accuracy question {question!r}: choose fixed or population")
    if question == "seeds":
        raise RankError(
            "the report holds one training of each model, so nothing is known of other seeds: "
            "choose fixed or population"
        )
    if question != "fixed" and list(names) == ["top1"]:
        raise RankError("with top1 alone there is nothing to rank by population: add a second objective")


def shared_accuracy(rows: Sequence[dict[str, Any]], margin: Margin) -> Shared:
    """The accuracies of the models of `rows` given their test sets: (k + 1/2, n - k + 1/2) beta quantiles.

    Jeffreys' posterior of the share of right answers, in percent, as equally probable values; of `margin`
    better is near. Raises RankError naming the first model without a number of images.
    """
    keys = [(row["accuracy_group"] or row["model"], row["top1"], row["top1_n"]) for row in rows]
    groups = {key: number for number, key in enumerate(sorted(set(keys), key=str))}
    for name, _, images in groups:
        if not images:
            raise RankError(f"the report does not say on how many images {name} was tested: give top1_n")
    middles = (np.arange(_VALUES) + 0.5) / _VALUES
    values = []
    for _, top1, images in groups:
        right = top1 / 100 * images
        values.append(100 * betaincinv(right + 0.5, images - right + 0.5, middles))
    tolerance = margin.value if margin.relative else Absolute(margin.value)
    return Shared([groups[key] for key in keys], values, maximize=True, margin=[tolerance])
