"""What a ranking is asked for, with units and defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from paretofleet_analysis.errors import RequestError
from paretofleet_analysis.objectives import parse_use

QUESTIONS = ("mean", "run")
PROMISES = ("each", "all", "share")


@dataclass(frozen=True)
class RankingRequest:
    """What to rank a report by, and how; each field is a keyword of `rank`.

    `use`: "realtime" (default), "offline", "deadline=30ms", or "deadline" with `deadline_s`. `deadline_s`:
    the limit of a batch's 99th percentile, in seconds; none. `objectives`: columns of the report, in place
    of the use's own; none. `margins`: how much better counts, by objective: "2%" of the value or "0.2" in
    its unit; a float is a share or an amount as the objective's default is. By default 0.2 points of
    accuracy and 2 % of the rest. `question`: "mean" (default), of true means, or "run", of one more run of
    each. `accuracy_question`: "fixed" (default), this checkpoint and test set, or "population", of which
    the test set is a sample. `power_scope`: the scope whose energy counts, such as "module"; that of the
    primary sensor. `allow_mixed_scopes`: rank energies of unlike scopes together; False.
    `allow_simulated_mix`: rank simulated and real devices together; False. `with_no_work`: rank rows with
    the flag `no_work`, whose models do not do their work; False. `maxima`: upper limits by column, in its
    unit; none. Those of measured columns, and the deadline, are part of the question: a row is on the front
    where it keeps them and nobody that keeps them beats it. `promise`: "each" (default), every verdict
    right with 95 %; "all", all of them at once with 90 %; or "share", at most 5 % of them wrong on average.
    `devices`: only their rows; all. `rate_hz`: energy is that of items that come at this rate, in 1/s, idle
    in between; without a break. `seed`: of all that is drawn; 1. `why`: the number of a row, or at least 4
    letters of its configuration id, to explain; none. `robust`: also how far each row hangs on a run, a block
    or an objective; False. `command`, `report_sha256`: only recorded, as what
    was typed and the checksums of the report's files.
    """

    use: str = "realtime"
    deadline_s: float | None = None
    objectives: Sequence[str] | None = None
    margins: Mapping[str, str | float] | None = None
    question: str = "mean"
    promise: str = "each"
    accuracy_question: str = "fixed"
    power_scope: str | None = None
    allow_mixed_scopes: bool = False
    allow_simulated_mix: bool = False
    with_no_work: bool = False
    maxima: Mapping[str, float] | None = None
    devices: Sequence[str] = ()
    rate_hz: float | None = None
    seed: int = 1
    why: str | None = None
    robust: bool = False
    command: str | None = None
    report_sha256: Sequence[str] = ()


class RankingKeywords(TypedDict, total=False):
    """The fields of `RankingRequest` as the keywords of `rank`."""

    use: str
    deadline_s: float | None
    objectives: Sequence[str] | None
    margins: Mapping[str, str | float] | None
    question: str
    promise: str
    accuracy_question: str
    power_scope: str | None
    allow_mixed_scopes: bool
    allow_simulated_mix: bool
    with_no_work: bool
    maxima: Mapping[str, float] | None
    devices: Sequence[str]
    rate_hz: float | None
    seed: int
    why: str | None
    robust: bool
    command: str | None
    report_sha256: Sequence[str]


def checked_request(request: RankingRequest) -> RankingRequest:
    """The `request` with its use and deadline, in seconds, apart ("deadline=30ms" is both).

    Raises RequestError for a use or question that is not known, and where use and deadline do not belong
    together.
    """
    use, deadline_s = request.use, request.deadline_s
    if use != "deadline" or deadline_s is None:
        use, stated_s = parse_use(use)
        deadline_s = deadline_s if stated_s is None else stated_s
    if use == "deadline" and deadline_s is None:
        raise RequestError("the use deadline needs a limit: write deadline=30ms")
    if use != "deadline" and deadline_s is not None:
        raise RequestError(f"the use {use} has no deadline: choose the use deadline")
    if request.question not in QUESTIONS:
        raise RequestError(f"unknown question {request.question!r}: choose mean or run")
    if request.promise not in PROMISES:
        raise RequestError(f"unknown promise {request.promise!r}: choose each, all or share")
    for name, limit in (request.maxima or {}).items():
        if not np.isfinite(limit):
            raise RequestError(f"the limit of {name} is {limit}: give a number")
    return replace(request, use=use, deadline_s=deadline_s)
