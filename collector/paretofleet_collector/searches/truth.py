"""A published table as the truth of a search's simulated devices: they show its times and energies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.specification import TruthFile

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Scalar
    from paretofleet_analysis.search.table import PublishedTable

    from paretofleet_collector.model.views import DeviceView
    from paretofleet_collector.planning.simulated import Truths
    from paretofleet_collector.searches.specification import SearchSpecification

_ENERGY = "energy_j_per_item"
_POWER = "power_w"


@dataclass(frozen=True)
class Truth:
    """What devices show of members by a `table`, whose parameters are those of the search."""

    table: PublishedTable

    def lacking(self, member: Mapping[str, Scalar]) -> str:
        """Why a `member` cannot be tried, in words; empty where it can."""
        return "" if self._row(member) >= 0 else "the table of --simulate-truth has no row of it"

    def simulated(self, members: Mapping[str, Mapping[str, Scalar]], devices: Sequence[str]) -> Truths:
        """What a sweep is to have simulated of `members`, by the names of their models, on `devices`."""
        return {
            model: {name: self._of(member, name) for name in devices} for model, member in members.items()
        }

    def _of(self, member: Mapping[str, Scalar], device: str) -> dict[str, float]:
        row, (_, *columns) = self._row(member), self.table.devices[device]
        values = (1e-3 * 10 ** float(self.table.costs[row, column]) for column in columns)  # from ms and mJ
        return dict(zip(("item_s", "item_j"), values, strict=False))

    def _row(self, member: Mapping[str, Scalar]) -> int:
        """Its row of the table; -1 where the table has none."""
        from paretofleet_analysis.errors import SearchError
        from paretofleet_analysis.search.members import codes_of
        from paretofleet_analysis.search.table import NO_VALUE

        values = {name: member.get(name, NO_VALUE) for name in self.table.space.names}
        try:
            return self.table.row_of(codes_of(self.table.space, values))
        except SearchError:
            return -1


def truth_file(path: Path, devices: Mapping[str, tuple[str, ...]]) -> TruthFile:
    """The table at `path`, with the columns of times and perhaps energies of `devices`; raises Refused."""
    return TruthFile(str(path.resolve()), _sha256(path), {name: list(each) for name, each in devices.items()})


def load_truth(specification: SearchSpecification) -> Truth | None:
    """The truth of a `specification`, None where it has none.

    Raises Refused where the file is gone or another, SearchError where it is no such table.
    """
    given = specification.truth
    if given is None:
        return None
    path = Path(given.path)
    if _sha256(path) != given.sha256:
        raise Refused(
            f"{path} has changed since the search began: new trials would not be comparable; those there are "
            "kept: undo the change, or start a new search."
        )
    from paretofleet_analysis.search.table import ColumnMap, read_table

    columns = {name: tuple(each) for name, each in given.devices.items()}
    return Truth(read_table(path, ColumnMap("", columns, tuple(specification.parameters))))


def with_truth(
    specification: SearchSpecification, given: TruthFile, devices: Sequence[str], fleet: Sequence[DeviceView]
) -> SearchSpecification:
    """The same `specification` with the truth that was `given` for its `devices`, of those of the `fleet`.

    Raises Refused where a device is real, or is not in the table, or more than one item is timed at once.
    """
    real = [each.name for each in fleet if each.name in devices and not each.simulated]
    if real:
        raise Refused(f"{real[0]} is real, so it shows what it measures: leave it out, or --simulate-truth.")
    lacking = [name for name in devices if name not in given.devices]
    strange = [name for name in given.devices if name not in devices]
    if lacking:
        raise Refused(f"The table has nothing of {lacking[0]}: give --truth {lacking[0]}=TIME[,ENERGY].")
    if strange:
        raise Refused(f"--truth names {strange[0]}, which is no device of the search: leave it out.")
    named = {*specification.objectives, *specification.limits}
    without = [name for name in devices if len(given.devices[name]) == 1]
    if without and named & {_ENERGY, _POWER}:
        raise Refused(
            f"--truth {without[0]} has no column of energies: give one, or leave out "
            f"{min(named & {_ENERGY, _POWER})}."
        )
    if specification.measure.batch_sizes != (1,):
        raise Refused("The table has the time of one item: leave `measure.batch_sizes` at [1].")
    result = replace(specification, truth=given)
    load_truth(result)
    return result


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from None
