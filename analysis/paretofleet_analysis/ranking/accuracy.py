"""A model's accuracy and its training's costs as random quantities that all of its configurations share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import Absolute, Shared
from paretofleet_analysis.special_functions import betaincinv, stdtrit
from paretofleet_analysis.statistics.paired_accuracy import unpacked
from paretofleet_analysis.statistics.variance_prior import ROWS_MIN, fit_variance_prior

#: What `--accuracy-question` asks, and how evidence puts it.
QUESTIONS = {
    "fixed": "fixed: this checkpoint, this test set",
    "population": (
        "population: the test images as a sample, drawn once for all models where it is known which each has "
        "right, else for each by itself (their difference is surer than that); dominators, ranks and "
        "efficiencies leave accuracy out"
    ),
    "seeds": (
        "seeds: one more training of each model, its accuracy and its costs by those that are known; "
        "dominators, ranks and efficiencies leave both out"
    ),
}
_VALUES = 32
#: Draws of all accuracies at once, in fleets up to `_FEW` rows and in larger ones.
_DRAWS, _DRAWS_OF_MANY, _FEW = 256, 64, 60
#: A share of wrong answers that no training is taken to fall below, in percent: logarithms need one.
_ERROR_MIN = 0.05
#: Degrees of freedom of a spread over trainings, all models together, below which nobody knows it.
_FREEDOM_MIN = 3
#: Costs of a training that differ from one to the next.
TRAINING_COSTS = ("training_s", "training_cpu_s", "training_energy_j")
#: A step through equally probable values that has visited all of them evenly whenever it stops: of a number
#: without a factor in common with `_VALUES`, close to the golden section (Weyl's sequence).
_STRIDES = (1, 19, 11, 27)


def check(question: str, names: Sequence[str]) -> None:
    """Raises RequestError for an unknown `question`, RankError where objectives `names` have no answer."""
    if question not in QUESTIONS:
        raise RequestError(f"unknown accuracy question {question!r}: choose fixed, population or seeds")
    random = random_objectives(question, names)
    if random and len(random) == len(names):
        alone = " and ".join(random)
        raise RankError(f"with {alone} alone there is nothing to rank by {question}: add another objective")


def random_objectives(question: str, names: Sequence[str]) -> list[str]:
    """Which of the objectives `names` the `question` makes random, as something that a model's rows share.

    >>> random_objectives("seeds", ["top1", "load_s", "training_s"]), random_objectives("fixed", ["top1"])
    (['top1', 'training_s'], [])
    """
    able = {"fixed": (), "population": ("top1",), "seeds": ("top1", *TRAINING_COSTS)}[question]
    return [name for name in names if name in able]


def shared_quantities(
    rows: Sequence[dict[str, Any]], margins: Mapping[str, Margin], question: str = "population"
) -> Shared:
    """What the models of `rows` have in common, random by the `question`: a quantity for each of `margins`.

    `margins`: by objective, of which so much better is near. Raises RankError for a model of which too little
    is known.
    """
    groups, values = _of_trainings(rows, list(margins)) if question == "seeds" else _of_test_sets(rows)
    tolerances = [each.value if each.relative else Absolute(each.value) for each in margins.values()]
    return Shared(groups, values, maximize=[name == "top1" for name in margins], margin=tolerances)


def _of_test_sets(rows: Sequence[dict[str, Any]]) -> tuple[list[int], list[np.ndarray]]:
    """The accuracies of the models of `rows` given their test sets: (k + 1/2, n - k + 1/2) beta quantiles.

    Jeffreys' posterior of the share of right answers, in percent, as equally probable values. Raises
    RankError naming the first model without a number of images.
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
    return [groups[key] for key in keys], values


def joint_accuracies(rows: Sequence[dict[str, Any]], margin: Margin, seed: int) -> list[Shared]:
    """Draws by `seed` of the accuracies of all `rows` at once, of `margin` better is near.

    Empty where they were not all measured on the same items. The items are a sample: each draw weighs them
    anew (Rubin 1981, The Bayesian bootstrap, Ann. Statist. 9(1) 130), for all models alike. Half an item that
    all have right and half of one that none has make each model's own law Jeffreys', as `shared_accuracy`
    has it.
    """
    sets = {(row["accuracy_data"] and _items_of(row["accuracy_data"]), row["top1_n"]) for row in rows}
    if len(sets) != 1 or not all(row["correct_items"] and row["accuracy_data"] for row in rows):
        return []
    keys = [(row["accuracy_group"] or row["model"], row["correct_items"]) for row in rows]
    groups = {key: number for number, key in enumerate(sorted(set(keys)))}
    count = int(rows[0]["top1_n"])
    right = np.array([unpacked(items, count) for _, items in groups], dtype=float)
    random = np.random.default_rng([seed, 11])
    tolerance = margin.value if margin.relative else Absolute(margin.value)
    members = [groups[key] for key in keys]
    draws = []
    for _ in range(_DRAWS if len(rows) <= _FEW else _DRAWS_OF_MANY):
        weights, (all_right, none_right) = random.exponential(size=count), random.gamma(0.5, size=2)
        shares = (right @ weights + all_right) / (weights.sum() + all_right + none_right)
        values = [np.array([100 * share]) for share in shares]
        draws.append(Shared(members, values, maximize=True, margin=[tolerance]))
    return draws


def _items_of(accuracy_data: str) -> tuple[Any, ...]:
    """What tells the items of one evaluation from those of another, in their order with their labels."""
    data = json.loads(accuracy_data)
    return tuple(data.get(key) for key in ("sha256", "labels", "n"))


def _of_trainings(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[list[int], list[np.ndarray]]:
    """What one more training of the models of `rows` comes to, in each of the objectives `names`.

    That a training which takes longer is more accurate is not assumed: their values are paired evenly.
    """
    keys = [
        (row["accuracy_group"] or row["model"], *(_known_trainings(row, name) for name in names))
        for row in rows
    ]
    groups = {key: number for number, key in enumerate(sorted(set(keys), key=str))}
    columns = []
    for at, name in enumerate(names):
        law = next_trainings if name == "top1" else next_costs
        values = law([key[at + 1] for key in groups])
        columns.append([each[np.arange(_VALUES) * _STRIDES[at] % _VALUES] for each in values])
    vectors = [np.column_stack(each) for each in zip(*columns, strict=True)]
    return [groups[key] for key in keys], vectors


def _known_trainings(row: Mapping[str, Any], name: str) -> tuple[float, ...]:
    return tuple(row[f"{name}_seeds"] or (row[name],))


def next_costs(seeds: Sequence[Sequence[float]]) -> list[np.ndarray]:
    """Of each model, whose trainings cost `seeds` (s or J), equally probable values of one more training.

    As `next_trainings`, by the logarithm of the cost. Raises RankError as that does.

    >>> values = next_costs([(1.0, 1.1), (8.0, 8.1), (4.0, 4.2)])
    >>> [round(float(np.median(each)), 1) for each in values]
    [1.0, 8.0, 4.1]
    """
    logs = [np.log(np.maximum(np.asarray(each, dtype=float), np.finfo(float).tiny)) for each in seeds]
    return [np.exp(each) for each in _one_more(logs)]


def next_trainings(seeds: Sequence[Sequence[float]]) -> list[np.ndarray]:
    """Of each model, whose trainings gave `seeds` (in percent), equally probable values of one more training.

    Student's law on the logarithm of the share of wrong answers: of two or three trainings nobody knows the
    spread, so that models lend it to one another (`VariancePrior`); one training borrows all of it. Raises
    RankError where all of them together tell of no spread.

    >>> values = next_trainings([(93.0, 93.4), (91.0, 91.2), (94.1, 94.0), (90.0, 90.3)])
    >>> [round(float(each.mean()), 1) for each in values]
    [93.2, 91.1, 94.0, 90.1]
    """
    logs = [np.log(np.maximum(100.0 - np.asarray(each, dtype=float), _ERROR_MIN)) for each in seeds]
    return [100.0 - np.exp(each) for each in _one_more(logs)]


def _one_more(logs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Of each model, of whose trainings the `logs` are known, equally probable values of one more."""
    freedom = np.array([each.size - 1 for each in logs], dtype=float)
    if freedom.sum() < _FREEDOM_MIN:
        raise RankError(
            "the report holds one training of each model, or few more, so nothing is known of other seeds: "
            "choose fixed or population"
        )
    variances = np.array([each.var(ddof=1) if each.size > 1 else 0.0 for each in logs])
    pooled = float((freedom * variances).sum() / freedom.sum())
    prior = fit_variance_prior(variances[freedom > 0], freedom[freedom > 0])
    if prior.rows >= ROWS_MIN:
        variances, freedom = prior.moderated(variances, freedom)
    else:
        variances, freedom = np.full(len(logs), pooled), np.full(len(logs), freedom.sum())
    middles = (np.arange(_VALUES) + 0.5) / _VALUES
    return [
        each.mean() + np.sqrt(variance * (1 + 1 / each.size)) * stdtrit(free, middles)
        for each, variance, free in zip(logs, variances, np.maximum(freedom, 1.0), strict=True)
    ]
