"""The band along the frontier: what lies in it is worse than the frontier by no more than the margins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.figures.labels import readable
from paretofleet_analysis.figures.margin_band import margin_band
from paretofleet_analysis.figures.points import Picture, Point
from paretofleet_analysis.objectives import OBJECTIVES

SHARE, AMOUNT = 0.02, 0.2
VALUES = st.floats(1.0, 100.0)


def picture(points, *, x_is_cost=True, y_is_cost=False):
    """Points (x, y) of two objectives with margins of a share and of an amount."""
    x = replace(OBJECTIVES["batch_latency_mean_s"], maximize=not x_is_cost)
    y = replace(OBJECTIVES["top1"], maximize=not y_is_cost)

    def beats(one, other):
        better_x = one[0] <= other[0] if x_is_cost else one[0] >= other[0]
        better_y = one[1] <= other[1] if y_is_cost else one[1] >= other[1]
        return one != other and better_x and better_y

    made = tuple(
        Point(at, "", False, (p[0],) * 3, (p[1],) * 3, "front", None, not any(beats(q, p) for q in points))
        for at, p in enumerate(points)
    )
    return Picture(made, x, y, True, ((SHARE, True), (AMOUNT, False)))


def drawn_at(band, x, *, x_is_cost):
    """Best and worst y that the steps have at an `x`."""
    passed = [step for step in band if (step[0] <= x if x_is_cost else step[0] >= x)]
    return (passed[-1] if x_is_cost else passed[0])[1:]


def test_two_rows_make_steps_as_wide_as_the_margins():
    band = margin_band(picture([(10.0, 60.0), (20.0, 70.0)]))
    assert [step[0] for step in band] == pytest.approx([10.0, 10.2, 20.0, 20.4])
    assert [step[1] for step in band] == [60.0, 60.0, 70.0, 70.0]
    assert [step[2] for step in band] == pytest.approx([59.8, 59.8, 59.8, 69.8])


def test_without_a_frontier_there_is_no_band():
    assert margin_band(replace(picture([(10.0, 60.0)]), is_whole=False)) == []


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8, unique=True), VALUES, VALUES,
       st.booleans(), st.booleans())  # fmt: skip
def test_below_the_band_is_what_a_row_of_the_front_beats_by_more_than_the_margins(
    points, x, y, x_is_cost, y_is_cost
):
    made = picture(points, x_is_cost=x_is_cost, y_is_cost=y_is_cost)
    front, band = made.frontier(), margin_band(made)
    is_reached = any(p.x[0] * (1 + SHARE) <= x if x_is_cost else p.x[0] / (1 + SHARE) >= x for p in front)
    if not is_reached:
        return
    best, worst = drawn_at(band, x, x_is_cost=x_is_cost)
    beaten_by_margins = any(
        (p.x[0] * (1 + SHARE) <= x if x_is_cost else p.x[0] / (1 + SHARE) >= x)
        and (p.y[0] + AMOUNT < y if y_is_cost else p.y[0] - AMOUNT > y)
        for p in front
    )
    assert beaten_by_margins == (y > worst if y_is_cost else y < worst)
    assert best <= worst if y_is_cost else best >= worst


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 200), st.integers(1, 9)), max_size=12))
def test_no_two_labels_lie_on_one_another_and_only_those_are_left_out(labels):
    places, texts = [label[:2] for label in labels], ["x" * label[2] for label in labels]
    drawn = readable(places, texts)

    def touch(one, other):
        (x, y), (u, v) = places[one], places[other]
        return abs(y - v) < 11 and x < u + 6 * len(texts[other]) and u < x + 6 * len(texts[one])

    assert not any(touch(one, other) for one in drawn for other in drawn if one != other)
    for at in set(range(len(labels))).difference(drawn):
        assert any(touch(at, other) for other in drawn if other < at)
