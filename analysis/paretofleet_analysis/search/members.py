"""Members of a space as rows of codes: numbered, drawn, changed in a step, and as zeros and ones.

Each member has one number from 0 to `space.size` - 1, so drawing a number draws a member uniformly, and what
is absent never makes two of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from paretofleet_analysis.errors import SearchError

from .space import ABSENT, Codes, Floats, Scalar, Space


def members_at(space: Space, numbers: Sequence[int] | Codes) -> Codes:
    """(n, p) the members of the `space` with these `numbers` (n,), from 0 to its size - 1.

    Raises SearchError for a number outside.
    """
    rest = np.array(numbers, dtype=np.int64).reshape(-1)
    if rest.size and not (rest.min() >= 0 and rest.max() < space.size):
        raise SearchError(f"the space has the members 0 to {space.size - 1}; {rest.max()} is none")
    codes = np.full((len(rest), len(space.parameters)), ABSENT, dtype=np.int64)
    states = np.zeros(len(rest), dtype=np.int64)
    for level in space.levels:
        starts = level.starts[states]
        chosen = (starts[:, 1:-1] <= rest[:, None]).sum(axis=1)
        is_there = level.is_there[states]
        chosen[~is_there] = 0
        codes[:, level.parameter] = np.where(is_there, chosen, ABSENT)
        rest -= starts[np.arange(len(rest)), chosen]
        states = level.following[states, chosen]
    return codes


def numbers_of(space: Space, codes: Codes) -> Codes:
    """(n,) the numbers of the members `codes` (n, p) of the `space`; what is absent in them does not count.

    Raises SearchError for a code that its parameter does not have.
    """
    rows = np.asarray(codes, dtype=np.int64).reshape(-1, len(space.parameters))
    numbers = np.zeros(len(rows), dtype=np.int64)
    states = np.zeros(len(rows), dtype=np.int64)
    for level in space.levels:
        is_there = level.is_there[states]
        chosen = np.where(is_there, rows[:, level.parameter], 0)
        parameter = space.parameters[level.parameter]
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(parameter.values)):
            raise SearchError(f"a member lacks {parameter.name}, or has none of its values")
        numbers += level.starts[states, chosen]
        states = level.following[states, chosen]
    return numbers


def canonical(space: Space, codes: Codes) -> Codes:
    """(n, p) the members `codes` (n, p) of the `space` with ABSENT wherever conditions do not hold."""
    return members_at(space, numbers_of(space, codes))


def codes_of(space: Space, values: Mapping[str, Scalar]) -> Codes:
    """(p,) the member of the `space` with these `values` by name; those of absent parameters do not count.

    Raises SearchError for an unknown parameter or value, and for a parameter that is there without a value.
    """
    strange = [name for name in values if name not in space.names]
    if strange:
        raise SearchError(f"{strange[0]!r} is no parameter of the space: it has {', '.join(space.names)}")
    row = np.full(len(space.parameters), ABSENT, dtype=np.int64)
    for i, parameter in enumerate(space.parameters):
        if parameter.name in values:
            keys = [(isinstance(value, bool), value) for value in parameter.values]
            key = (isinstance(values[parameter.name], bool), values[parameter.name])
            if key not in keys:
                raise SearchError(
                    f"{parameter.name} is {values[parameter.name]!r}, "
                    f"but it is one of {', '.join(map(str, parameter.values))}"
                )
            row[i] = keys.index(key)
    member: Codes = canonical(space, row)[0]
    return member


def values_of(space: Space, codes: Codes) -> dict[str, Scalar]:
    """The values by name of a member `codes` (p,) of the `space`, without what is absent."""
    pairs = zip(space.parameters, codes.tolist(), strict=True)
    return {parameter.name: parameter.values[code] for parameter, code in pairs if code != ABSENT}


def draw(space: Space, count: int, random: np.random.Generator) -> Codes:
    """(count, p) members of the `space`, each drawn uniformly by `random`; one may come twice."""
    return members_at(space, random.integers(0, space.size, count))


def diagonal(space: Space, count: int) -> Codes:
    """(n, p) members of the `space` at whose every parameter the same place of its list is taken: the first
    values, the last ones, and places evenly between; `count` of them, or as many as the longest list has.

    Where lists go from small to large these are the ends of its front and what lies straight between them.
    Source: Yu, Huang 2019, Universally slimmable networks, who train the smallest and the largest network
    first.

    >>> from paretofleet_analysis.search.space import space_of
    >>> diagonal(space_of({"width": [8, 16, 24], "depth": [1, 2]}), 5).tolist()
    [[0, 0], [1, 0], [2, 1]]
    """
    widths = np.array([len(parameter.values) for parameter in space.parameters])
    places = np.linspace(0.0, 1.0, max(0, min(count, int(widths.max()))))
    return canonical(space, np.rint(places[:, None] * (widths - 1)).astype(np.int64))


def mutants(space: Space, codes: Codes, random: np.random.Generator) -> Codes:
    """(n, p) each of the members `codes` (n, p) of the `space` with another value, drawn by `random`, of a
    parameter that is there and has several. What appears by that gets values drawn, too.
    """
    rows = np.array(codes, dtype=np.int64)
    widths = np.array([len(parameter.values) for parameter in space.parameters])
    weights = (rows != ABSENT) & (widths > 1)
    order = np.where(weights, random.random(rows.shape), -1.0)
    changed = order.argmax(axis=1)
    at = np.arange(len(rows))
    steps = random.integers(1, np.maximum(widths[changed], 2))
    rows[at, changed] = (rows[at, changed] + steps) % widths[changed]
    fillers = random.integers(0, widths, rows.shape)
    return canonical(space, np.where(rows == ABSENT, fillers, rows))


def encode(space: Space, codes: Codes) -> Floats:
    """(n, w) the members `codes` (n, p) of the `space` as zeros and ones, a column for each value of each
    parameter; what is absent has zeros. w is the number of all values.
    """
    widths = [len(parameter.values) for parameter in space.parameters]
    offsets = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
    rows = np.asarray(codes, dtype=np.int64)
    encoded = np.zeros((len(rows), sum(widths)))
    at, parameter = np.nonzero(rows != ABSENT)
    encoded[at, offsets[parameter] + rows[at, parameter]] = 1.0
    return encoded
