"""Optuna's samplers behind the call of a search's own method: `tpe` and `nsga2`. An extra.

The study lives in memory and is rebuilt from the trials each time, its sampler seeded by the trial's number,
so that nothing of the optimiser has to be kept and the same trials give the same proposal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.errors import SearchError

from .propose import Candidates, Method, by_process, strangers
from .space import ABSENT, Codes, Floats, Space
from .table import PublishedTable
from .trials import Search, Trials, optimiser_costs

#: Of NSGA-II; its generations are counted by the trial's number.
_POPULATION = 20
#: So often another member is asked for where one's graph has been measured; then one at random is tried.
_ASKED_MAX = 20


def by_chance(search: Search, trials: Trials, device: str, random: np.random.Generator) -> Candidates:
    """Members of the space of a `search` as `random` draws them, whatever the `trials` on a `device` say."""
    del trials, device
    yield from strangers(search.space, random)


def by_tpe(search: Search, trials: Trials, device: str, random: np.random.Generator) -> Candidates:
    """Members that Optuna's TPE suggests after the `trials` of a `search`, for a `device`; `random` seeds it.

    Raises SearchError without Optuna. Source: Ozaki and others 2022, multiobjective tree-structured Parzen
    estimator.
    """
    samplers = _optuna().samplers
    sampler = samplers.TPESampler(seed=int(random.integers(2**31)), multivariate=False)
    yield from _suggestions(sampler, search, trials, device)


def by_nsga2(search: Search, trials: Trials, device: str, random: np.random.Generator) -> Candidates:
    """Members that Optuna's NSGA-II suggests after the `trials` of a `search`, for a `device`; `random`
    seeds it. Raises SearchError without Optuna. Source: Deb and others 2002.
    """
    samplers = _optuna().samplers
    sampler = samplers.NSGAIISampler(population_size=_POPULATION, seed=int(random.integers(2**31)))
    yield from _suggestions(sampler, search, trials, device)


METHODS: Mapping[str, Method] = {"gp": by_process, "tpe": by_tpe, "nsga2": by_nsga2, "random": by_chance}
#: How many trials are not the method's at first, and which share later; Optuna's samplers are taken as they
#: come, without members of the diagonal.
_STARTS = {"gp": (20, 1 / 12), "tpe": (10, 0.0), "nsga2": (_POPULATION, 0.0), "random": (0, 0.0)}


def search_of(table: PublishedTable, name: str, seed: int) -> Search:
    """The search of a published `table` from a `seed` as the method called `name` is compared."""
    start, control = _STARTS[name]
    limits = {} if table.worst_error is None else {0: table.worst_error}
    positive, is_ours = frozenset({0}), name == "gp"
    return Search(table.space, table.devices, seed, start, control, limits, positive, has_diagonal=is_ours)


def method_of(name: str) -> Method:
    """The method called `name`. Raises SearchError for one that there is not, or whose library is missing."""
    if name not in METHODS:
        raise SearchError(f"{name} is no method: take one of {', '.join(METHODS)}")
    if name in ("tpe", "nsga2"):
        _optuna()
    return METHODS[name]


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise SearchError(
            "this method is Optuna's, which is not here: `pip install 'paretofleet-analysis[optuna]'`"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _suggestions(sampler: Any, search: Search, trials: Trials, device: str) -> Candidates:
    """What a `sampler` suggests, again and again, in a study of the `trials`."""
    optuna = _optuna()
    columns = search.devices[device]
    study = optuna.create_study(directions=["minimize"] * len(columns), sampler=sampler)
    costs = np.stack([optimiser_costs(trials, column) for column in columns], axis=1)
    is_bad = np.isnan(costs) | ~search.is_within(trials.costs)[:, None]
    filled = np.where(is_bad, np.nanmax(costs, axis=0), costs)
    pairs = zip(trials.codes, filled, trials.is_done, strict=True)
    study.add_trials(
        [
            _frozen(search.space, i, codes, cost if done else None)
            for i, (codes, cost, done) in enumerate(pairs)
        ]
    )
    for _ in range(_ASKED_MAX):
        yield _suggested(search.space, study.ask()), "best"


def _frozen(space: Space, number: int, codes: Codes, costs: Floats | None) -> Any:
    """A trial as Optuna keeps it: with `costs`, or under way."""
    optuna = _optuna()
    here = [(p, int(code)) for p, code in zip(space.parameters, codes, strict=True) if code != ABSENT]
    state = optuna.trial.TrialState
    return optuna.trial.create_trial(
        params={parameter.name: code for parameter, code in here},
        distributions={
            p.name: optuna.distributions.CategoricalDistribution(_choices(p.values)) for p, _ in here
        },
        values=None if costs is None else costs.tolist(),
        state=state.RUNNING if costs is None else state.COMPLETE,
        system_attrs={"NSGAIISampler:generation": number // _POPULATION},
    )


def _choices(values: Sequence[object]) -> list[int]:
    return list(range(len(values)))


def _suggested(space: Space, trial: Any) -> Codes:
    """The member (p,) that a `trial` suggests, asked only for what is there."""
    codes = np.full(len(space.parameters), ABSENT, dtype=np.int64)
    for level in space.levels:
        parameter = space.parameters[level.parameter]
        allowed = parameter.conditions.items()
        if all(int(codes[other]) in choices for other, choices in allowed):
            codes[level.parameter] = trial.suggest_categorical(parameter.name, _choices(parameter.values))
    return codes
