"""What `sweep confirm` measures again: the candidates of a report, in fresh blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    import pyarrow as pa

    from paretofleet_collector.planning.specification import Spec
    from paretofleet_collector.rpc.client import Client

#: What the name of the sweep ends with, and how long the name before it may be.
SUFFIX, _NAME_MAX = "-confirmed", 54
#: So many are named at most: a list of a specification holds no more.
_MOST = 1_000


def candidates(report: pa.Table, use: str) -> tuple[str, list[str]]:
    """The sweep of a `report`, and the ids of those of its configurations that are not beaten for a `use`.

    Raises Refused for a report of several sweeps and where one row is all there is to choose from; RankError
    where nothing can be ranked.
    """
    from paretofleet_analysis.ranking.rank import rank
    from paretofleet_analysis.ranking.verdicts import BEATEN

    result = rank(report, use=use)
    open_rows = [row for row in result.rows if row.verdict != BEATEN]
    sweeps = sorted({str(row.identity["sweep"]) for row in open_rows})
    if len(sweeps) > 1:
        raise Refused(f"The report holds the sweeps {', '.join(sweeps)}: confirm one of them at a time.")
    if len(result.rows) < 2:
        raise Refused("The report ranks one row alone: there is no choice to confirm.")
    return sweeps[0], list(dict.fromkeys(str(row.identity["configuration_id"]) for row in open_rows))


def confirming(client: Client, sweep: str, identities: list[str], repeats: int | None) -> Spec:
    """The specification of the `sweep` that the collector of `client` knows, for the configurations with
    these `identities` alone: another name, another order, no adaptive choice.

    `repeats`: runs of each, else as many as the sweep asked for. Raises NotFound where the collector does not
    know the sweep, Refused for more configurations than can be named.
    """
    from paretofleet_collector.planning.parsing import parse_json

    if len(identities) > _MOST:
        raise Refused(
            f"{len(identities):,} configurations are not beaten and at most {_MOST:,} are confirmed at "
            "once: measure the sweep longer first."
        )
    spec = parse_json(client.show_sweep(sweep).spec_json)
    asked = replace(spec.repeats, seed=spec.repeats.seed + 1, adaptive=None)
    if repeats is not None:
        asked = replace(asked, runs_min=repeats, runs_max=repeats)
    return replace(spec, name=f"{sweep[:_NAME_MAX]}{SUFFIX}", only=tuple(identities), repeats=asked)
