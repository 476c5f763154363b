"""The winners of each device: what its rows alone recommend for each use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import pyarrow as pa
import pyarrow.compute as pc

from paretofleet_analysis.errors import RankError, RequestError
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.recommendation import ROWS_MAX
from paretofleet_analysis.ranking.request import RankingKeywords
from paretofleet_analysis.ranking.result import Ranking
from paretofleet_analysis.ranking.selection import check_devices
from paretofleet_analysis.report.files import conform


@dataclass(frozen=True)
class DeviceRanking:
    """The `ranking` of the rows of a `device` among themselves, None where they cannot be ranked.

    `why_none`: why nothing is recommended there, empty where something is.
    """

    device: str
    ranking: Ranking | None
    why_none: str = ""


def rank_by_device(report: pa.Table, **keywords: Unpack[RankingKeywords]) -> tuple[DeviceRanking, ...]:
    """Each device of a `report` by `rank` of its rows alone, in the order of their names.

    The `keywords` are the fields of `RankingRequest`; with `devices` only these. Raises RequestError, and
    RankError where no device can be ranked.
    """
    table = conform(report, name="the report")
    present = sorted(pc.unique(table["device"]).to_pylist())
    devices = list(dict.fromkeys(keywords.pop("devices", ()))) or present
    check_devices(devices, present)
    ranked = tuple(
        _of_device(table.filter(pc.equal(table["device"], name)), name, keywords) for name in devices
    )
    if not any(each.ranking for each in ranked):
        causes = "; ".join(f"{each.device}: {each.why_none}" for each in ranked[:4])
        raise RankError(f"no device can be ranked ({causes or 'the report has no rows'})")
    return ranked


def _of_device(report: pa.Table, device: str, keywords: RankingKeywords) -> DeviceRanking:
    try:
        ranking = rank(report, **keywords)
    except RequestError:
        raise
    except RankError as error:
        return DeviceRanking(device, None, str(error))
    return DeviceRanking(device, ranking, _why_none(ranking))


def _why_none(ranking: Ranking) -> str:
    if ranking.recommendations:
        return ""
    rows = len(ranking.rows)
    if rows == 1:
        return f"only {ranking.rows[0].label} can be ranked there, so nothing is to be chosen"
    if rows > ROWS_MAX:
        return f"{rows} rows, and of more than {ROWS_MAX} none is recommended"
    return "its rows have too few runs, or the question is that of one more run"
