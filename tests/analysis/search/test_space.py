"""A search space: members are counted without being listed, and what cannot be searched is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.errors import SearchError
from paretofleet_analysis.search.members import (
    canonical,
    codes_of,
    diagonal,
    draw,
    encode,
    members_at,
    mutants,
    numbers_of,
    values_of,
)
from paretofleet_analysis.search.space import ABSENT, space_of

EDGE = {
    "width": [8, 12, 16, 24],
    "block0": ["conv", "dw", "ib"],
    "expand0": {"values": [2, 4], "if": {"block0": "ib"}},
}


@st.composite
def spaces(draw_):
    """Up to six parameters, each with conditions on some of those before it."""
    parameters = {}
    for i in range(draw_(st.integers(2, 6))):
        values = list(range(draw_(st.integers(1, 3))))
        conditions = {}
        for j in range(i):
            if draw_(st.integers(0, 3)) == 0:
                of_j = parameters[f"p{j}"]["values"]
                conditions[f"p{j}"] = draw_(st.lists(st.sampled_from(of_j), min_size=1, unique=True))
        parameters[f"p{i}"] = {"values": values, "if": conditions}
    parameters["p0"]["values"] = [0, 1, 2]
    return parameters


def listed(parameters):
    """Every member by trying every row of values."""
    members = set()
    for row in itertools.product(*(each["values"] for each in parameters.values())):
        kept = {}
        for (name, each), value in zip(parameters.items(), row, strict=True):
            if all(kept.get(other) in values for other, values in each["if"].items()):
                kept[name] = value
        members.add(tuple(sorted(kept.items())))
    return members


@given(spaces())
def test_members_are_counted_and_numbered_as_a_list_of_them_has_it(parameters):
    space = space_of(parameters)
    codes = members_at(space, range(space.size))
    assert {tuple(sorted(values_of(space, row).items())) for row in codes} == listed(parameters)
    assert space.size == len(listed(parameters))
    assert numbers_of(space, codes).tolist() == list(range(space.size))


@given(spaces(), st.integers(0, 9))
def test_what_is_absent_makes_no_second_member(parameters, seed):
    space = space_of(parameters)
    random = np.random.default_rng(seed)
    widths = [len(parameter.values) for parameter in space.parameters]
    rows = random.integers(0, widths, (50, len(widths)))
    once = canonical(space, rows)
    assert (canonical(space, np.where(once == ABSENT, 0, once)) == once).all()
    assert len(np.unique(once, axis=0)) == len(np.unique(numbers_of(space, rows)))


@given(spaces(), st.integers(0, 9))
def test_a_mutant_has_another_value_where_there_is_another(parameters, seed):
    space = space_of(parameters)
    random = np.random.default_rng(seed)
    before = draw(space, 50, random)
    after = mutants(space, before, random)
    assert (numbers_of(space, after) != numbers_of(space, before)).all()


def test_conditions_leave_out_what_is_not_there():
    space = space_of(EDGE)
    assert space.size == 4 * (2 + 2)
    conv = codes_of(space, {"width": 8, "block0": "conv", "expand0": 4})
    assert values_of(space, conv) == {"width": 8, "block0": "conv"}
    assert encode(space, conv[None]).tolist() == [[1, 0, 0, 0, 1, 0, 0, 0, 0]]


def test_numbers_draw_members_uniformly():
    space = space_of(EDGE)
    drawn = numbers_of(space, draw(space, 16_000, np.random.default_rng(1)))
    counts = np.bincount(drawn, minlength=space.size)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_large_spaces_are_counted_exactly():
    ten = {f"p{i:02}": list(range(10)) for i in range(12)}
    space = space_of(ten)
    assert space.size == 10**12
    assert numbers_of(space, members_at(space, [10**12 - 1])).tolist() == [10**12 - 1]
    blocks = {f"block{i}": ["conv", "ib"] for i in range(20)}
    expands = {f"expand{i}": {"values": [2, 4], "if": {f"block{i}": "ib"}} for i in range(20)}
    assert space_of(blocks | expands).size == 3**20


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({}, "0 members"),
        ({"width": []}, "width has no values"),
        ({"width": [8]}, "1 member"),
        ({f"p{i}": list(range(10)) for i in range(13)}, "more than 1e12 members"),
        ({"a": [1, 2], "b": {"values": [1], "if": {"c": 1}}}, "'c', which is no parameter"),
        ({"a": [1, 2], "b": {"values": [1], "if": {"a": 3}}}, "a is one of 1, 2"),
        (
            {"a": {"values": [1, 2], "if": {"b": 1}}, "b": {"values": [1, 2], "if": {"a": 1}}},
            "a, b run in a circle",
        ),
        ({"a": {"values": [1, 2], "if": {"a": 1}}, "b": [1, 2]}, "a run in a circle"),
        ({"a": [1, 1]}, "1 twice"),
        ({"a": [[1], [2]]}, "values are texts"),
        ({"a": {"value": [1, 2]}}, "`values`"),
        ({"a": [1, True, 1.0]}, "1.0 twice"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(parameters, sentence):
    with pytest.raises(SearchError, match=sentence):
        space_of(parameters)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"width": 8, "block": "conv"}, "'block' is no parameter"),
        ({"width": 9, "block0": "conv"}, "width is 9"),
        ({"width": 8, "block0": "ib"}, "lacks expand0"),
    ],
)
def test_a_member_of_no_space_is_refused(values, sentence):
    with pytest.raises(SearchError, match=sentence):
        codes_of(space_of(EDGE), values)


def test_the_diagonal_goes_from_all_first_to_all_last_values_and_what_is_absent_stays_so():
    space = space_of(EDGE)
    assert [values_of(space, codes) for codes in diagonal(space, 9)] == [
        {"width": 8, "block0": "conv"},
        {"width": 12, "block0": "dw"},
        {"width": 16, "block0": "dw"},
        {"width": 24, "block0": "ib", "expand0": 4},
    ]
    assert diagonal(space, 2).tolist() == [[0, 0, ABSENT], [3, 2, 1]]
    assert diagonal(space, 1).tolist() == [[0, 0, ABSENT]]
    assert len(diagonal(space, 0)) == 0
