"""The studies that a page shows, chosen by name; what cannot be made is a sentence in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from paretofleet_analysis.errors import AnalysisError, RequestError
from paretofleet_analysis.ranking.rank import RankedRuns
from paretofleet_analysis.studies import canziani, devices, efficiency_answers, techniques
from paretofleet_analysis.studies.answer import Answer, left_out

#: A study looks at each row by itself: more take gigabytes.
ROWS_MAX = 100_000


def _efficiency(report: pa.Table, ranked: RankedRuns) -> list[Answer]:
    ranking = ranked.ranking
    return efficiency_answers.answers(
        report,
        objectives=[used.name for used in ranking.objectives],
        devices=ranked.devices,
        seed=ranking.evidence["seed"],
    )


def _of_devices(report: pa.Table, ranked: RankedRuns) -> pa.Table:
    """The rows of the devices that are ranked."""
    return report.filter(_is_of_devices(report, ranked))


def _is_of_devices(report: pa.Table, ranked: RankedRuns) -> pa.ChunkedArray:
    return pc.is_in(report["device"], pa.array(ranked.devices))


@dataclass(frozen=True)
class Study:
    """A study under its `title`; `make` gives its answers on a report and what is ranked of it."""

    title: str
    make: Callable[[pa.Table, RankedRuns], list[Answer]]


#: By name, in the order of a page.
STUDIES: Mapping[str, Study] = {
    efficiency_answers.STUDY: Study("Relative efficiency", _efficiency),
    "canziani": Study(
        "The practical analysis", lambda report, ranked: canziani.answers(_of_devices(report, ranked))
    ),
    devices.STUDY: Study(
        "From device to device", lambda report, ranked: devices.answers(_of_devices(report, ranked))
    ),
    techniques.STUDY: Study(
        "Accuracy, time and size", lambda report, ranked: techniques.answers(_of_devices(report, ranked))
    ),
}


def study_answers(names: Sequence[str], report: pa.Table, ranked: RankedRuns) -> list[Answer]:
    """The answers of the studies `names`, in their order, on a `report` and what is `ranked` of it.

    Each is left out where `too_many_rows`. Raises RequestError for a name that is not known.
    """
    for name in names:
        if name not in STUDIES:
            raise RequestError(f"unknown study {name!r}: choose from {', '.join(STUDIES)}")
    many = too_many_rows(report, ranked)
    if many is not None:
        return [left_out(name, STUDIES[name].title, many) for name in dict.fromkeys(names)]
    return [answer for name in dict.fromkeys(names) for answer in _answers(name, report, ranked)]


def too_many_rows(report: pa.Table, ranked: RankedRuns) -> str | None:
    """Why no study is made of a `report` and what is `ranked` of it; None where it has not too many rows."""
    count = pc.sum(_is_of_devices(report, ranked)).as_py() if report.num_rows > ROWS_MAX else 0
    if count <= ROWS_MAX:
        return None
    return (
        f"a page makes studies of at most {ROWS_MAX:,} rows, and these are {count:,}; "
        "ask of a sweep alone, or with --device NAME"
    )


def _answers(name: str, report: pa.Table, ranked: RankedRuns) -> list[Answer]:
    try:
        return STUDIES[name].make(report, ranked)
    except AnalysisError as error:
        return [left_out(name, STUDIES[name].title, str(error).rstrip("."))]
