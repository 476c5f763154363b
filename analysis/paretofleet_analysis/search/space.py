"""A search space: its parameters with their conditions, checked, and counted without listing the members.

A parameter has a list of values, and conditions under which it is there at all. A member is a row of codes:
for each parameter the position of its value, or ABSENT. Two rows that differ only in what is absent are one
member.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.errors import SearchError

Scalar = str | int | float | bool
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
#: The code of a parameter whose conditions do not hold.
ABSENT = -1
SIZE_MAX = 10**12
#: Of the table by which members are numbered; parameters that depend on many others at once have more.
_STATES_MAX = 100_000


@dataclass(frozen=True)
class Parameter:
    """A parameter with its `values`. It is there where each parameter of `conditions` (a position in the
    space) is there and has one of the codes.
    """

    name: str
    values: tuple[Scalar, ...]
    conditions: Mapping[int, frozenset[int]]


@dataclass(frozen=True)
class Level:
    """How the numbers of members divide at one parameter, for each of s states of what was chosen before.

    `starts` (s, values + 1): where the numbers of each value begin and where they end. `following`
    (s, values): the next level's state. `is_there` (s,): where False only the first value's place is used.
    """

    parameter: int
    is_there: npt.NDArray[np.bool_]
    starts: Codes
    following: Codes


@dataclass(frozen=True)
class Space:
    """A search space of `size` members; `levels` number them (parents before what depends on them)."""

    parameters: tuple[Parameter, ...]
    size: int
    levels: tuple[Level, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in the order of a member's codes."""
        return tuple(parameter.name for parameter in self.parameters)


def space_of(parameters: Mapping[str, object]) -> Space:
    """The space of `parameters`: name to a list of values, or to {values: list, if: {name: value or list}}.

    Raises SearchError for a parameter without values, a condition on an unknown parameter or value, a circle
    of conditions, and for 0, 1 or more than 1e12 members.

    >>> space_of({"block": ["conv", "ib"], "expand": {"values": [2, 4], "if": {"block": "ib"}}}).size
    3
    """
    if not isinstance(parameters, Mapping) or not parameters:
        raise SearchError("the space has 0 members: give `parameters`, each a name with a list of values")
    names = list(parameters)
    split = {name: _split(name, given) for name, given in parameters.items()}
    values = {name: _checked_values(name, given) for name, (given, _) in split.items()}
    positions = {name: i for i, name in enumerate(names)}
    checked = []
    for name, (_, conditions) in split.items():
        allowed: dict[int, frozenset[int]] = {}
        for other, choices in conditions.items():
            if other not in positions:
                raise SearchError(f"{name} depends on {other!r}, which is no parameter: give it or drop it")
            allowed[positions[other]] = _condition_codes(name, str(other), choices, values[other])
        checked.append(Parameter(name, values[name], allowed))
    order = _order(checked)
    size, levels = _numbered(checked, order)
    if size < 2:
        raise SearchError(f"the space has {size} member: there is nothing to search; give more values")
    return Space(tuple(checked), size, levels)


def _split(name: object, given: object) -> tuple[object, Mapping[str, object]]:
    """The values of a parameter as given, and its conditions."""
    if not isinstance(name, str) or not name:
        raise SearchError(f"a parameter is called {name!r}: names are texts")
    if not isinstance(given, Mapping):
        return given, {}
    strange = [key for key in given if key not in ("values", "if")]
    if strange or "values" not in given:
        raise SearchError(
            f"{name} has {', '.join(map(str, given))}: a parameter has `values` and perhaps `if`"
        )
    conditions = given.get("if") or {}
    if not isinstance(conditions, Mapping):
        raise SearchError(f"{name}: `if` is {conditions!r}; write parameter: value, as in block0: ib")
    return given["values"], conditions


def _checked_values(name: str, given: object) -> tuple[Scalar, ...]:
    if not isinstance(given, list | tuple) or not given:
        raise SearchError(f"{name} has no values, so the space has 0 members: give it a list of them")
    for value in given:
        if not isinstance(value, str | int | float | bool) or value != value:  # noqa: PLR0124 - NaN
            raise SearchError(f"{name} has the value {value!r}: values are texts, numbers, true or false")
    keys = [_key(value) for value in given]
    twice = [value for i, value in enumerate(given) if keys[i] in keys[:i]]
    if twice:
        raise SearchError(f"{name} has the value {twice[0]!r} twice: give each once")
    return tuple(given)


def _key(value: object) -> tuple[bool, object]:
    """What tells values apart: true is not 1."""
    return isinstance(value, bool), value


def _condition_codes(name: str, other: str, given: object, values: Sequence[Scalar]) -> frozenset[int]:
    """The codes of `other` under which the parameter `name` is there."""
    keys = [_key(value) for value in values]
    choices = given if isinstance(given, list | tuple) else [given]
    for choice in choices:
        if isinstance(choice, list | tuple | Mapping) or _key(choice) not in keys:
            shown = ", ".join(map(str, values))
            raise SearchError(f"{name} depends on {other}: {choice!r}, but {other} is one of {shown}")
    if not choices:
        raise SearchError(f"{name} depends on no value of {other}, so it is never there: name a value")
    return frozenset(keys.index(_key(choice)) for choice in choices)


def _order(parameters: Sequence[Parameter]) -> list[int]:
    """Positions of the parameters, each after those on which it depends and as soon as may be."""
    dependents = [[d for d, p in enumerate(parameters) if i in p.conditions] for i in range(len(parameters))]
    placed: list[int] = []
    open_ = [i for i in reversed(range(len(parameters))) if not parameters[i].conditions]
    while open_:
        i = open_.pop()
        placed.append(i)
        ready = [d for d in dependents[i] if set(parameters[d].conditions) <= set(placed)]
        open_ += reversed(ready)
    rest = [p.name for i, p in enumerate(parameters) if i not in placed]
    if rest:
        raise SearchError(f"the conditions of {', '.join(rest)} run in a circle: drop one of them")
    return placed


def _numbered(parameters: Sequence[Parameter], order: Sequence[int]) -> tuple[int, tuple[Level, ...]]:
    """The number of members, and the levels that number them.

    A state is the set of parameters still to come whose conditions are broken already.
    """
    states: list[list[frozenset[int]]] = [[frozenset()]]
    branches: list[list[list[int]]] = []
    is_there: list[npt.NDArray[np.bool_]] = []
    for i in order:
        ids: dict[frozenset[int], int] = {}
        rows = []
        for broken in states[-1]:
            codes = [ABSENT] if i in broken else range(len(parameters[i].values))
            rows.append([ids.setdefault(_after(parameters, i, c, broken), len(ids)) for c in codes])
        branches.append(rows)
        is_there.append(np.array([i not in broken for broken in states[-1]], dtype=np.bool_))
        states.append(list(ids))
        if sum(map(len, states)) > _STATES_MAX:
            raise SearchError(f"{parameters[i].name}: too many conditions cross here; nest them instead")
    completions = [1]
    levels: list[Level] = []
    for i, rows, there in zip(reversed(order), reversed(branches), reversed(is_there), strict=True):
        counts = [[completions[k] for k in row] for row in rows]
        completions = [sum(row) for row in counts]
        if max(completions) > SIZE_MAX:
            raise SearchError(
                f"the space has more than 1e12 members ({_total(branches):.3g}): drop parameters or values"
            )
        starts, following = _divided(len(parameters[i].values), rows, counts)
        levels.append(Level(i, there, starts, following))
    return completions[0], tuple(reversed(levels))


def _after(
    parameters: Sequence[Parameter], position: int, code: int, broken: frozenset[int]
) -> frozenset[int]:
    """The state after the parameter at `position` has got `code`."""
    now = {
        d for d, p in enumerate(parameters) if position in p.conditions and code not in p.conditions[position]
    }
    return frozenset((broken | now) - {position})


def _total(branches: Sequence[list[list[int]]]) -> float:
    """How many members there are, however many."""
    completions = [1]
    for rows in reversed(branches):
        completions = [sum(completions[k] for k in row) for row in rows]
    return float(completions[0]) if completions[0] < 10**300 else np.inf


def _divided(width: int, rows: list[list[int]], counts: list[list[int]]) -> tuple[Codes, Codes]:
    """`starts` and `following` of a level whose parameter has `width` values."""
    following = np.zeros((len(rows), width), dtype=np.int64)
    starts = np.zeros((len(rows), width + 1), dtype=np.int64)
    for state, (row, count) in enumerate(zip(rows, counts, strict=True)):
        following[state, : len(row)] = row
        starts[state, 1 : len(row) + 1] = np.cumsum(count)
        starts[state, len(row) + 1 :] = starts[state, len(row)]
    return starts, following
