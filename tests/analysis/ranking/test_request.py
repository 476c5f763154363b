"""What can be asked of a ranking is one documented list."""

from __future__ import annotations

import dataclasses
from typing import get_type_hints

import pytest
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.request import RankingKeywords, RankingRequest


def test_the_keywords_of_rank_are_the_fields_of_a_request():
    assert get_type_hints(RankingKeywords) == get_type_hints(RankingRequest)


def test_every_field_of_a_request_is_documented():
    described = RankingRequest.__doc__
    assert [f.name for f in dataclasses.fields(RankingRequest) if f"`{f.name}`" not in described] == []


def test_a_keyword_that_is_no_field_is_refused(fleet):
    with pytest.raises(TypeError, match="weights"):
        rank(fleet({"a": (70.0, 0.01)}), weights=[1.0])
