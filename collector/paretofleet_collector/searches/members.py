"""The members that a search has built, each once, and which of them it tries next."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.building import MODEL, BuiltMember, CandidateFailed, build, misfit

if TYPE_CHECKING:
    from paretofleet_analysis.search.space import Codes, Scalar, Space

    from paretofleet_collector.searches.costs import CostTable
    from paretofleet_collector.searches.specification import SearchSpecification
    from paretofleet_collector.searches.step import Propose
    from paretofleet_collector.searches.truth import Truth

#: After so many members in a row that cannot be built, the fault is that of the space.
_FAULTS_MAX = 50
_BUILT = "built.json"


@dataclass
class Members:
    """The members of a search that were built, below its `folder`, which outlives the driver.

    Where there is a `truth`, a member that it lacks cannot be tried.
    """

    specification: SearchSpecification
    folder: Path
    lock_folder: Path | None = None
    is_stopped: Callable[[], bool] = lambda: False
    truth: Truth | None = None
    space: Space = field(init=False)
    _made: dict[int, BuiltMember | CandidateFailed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.space = self.specification.space()

    def values(self, codes: Codes) -> dict[str, Scalar]:
        """The values by name of the member `codes` (p,)."""
        from paretofleet_analysis.search.members import values_of

        return values_of(self.space, codes)

    def member(self, codes: Codes) -> BuiltMember | CandidateFailed | None:
        """The member `codes` (p,), built now or before; None where the search was stopped meanwhile.

        Raises Refused where the user's module is at fault, whatever the member.
        """
        from paretofleet_analysis.search.members import numbers_of

        number = int(numbers_of(self.space, codes)[0])
        lacking = "" if self.truth is None else self.truth.lacking(self.values(codes))
        if lacking:
            return CandidateFailed("truth", f"{lacking[0].upper()}{lacking[1:]}.")
        if number not in self._made:
            folder = self.folder / str(number)
            made = _stored(folder) or self._build(codes, folder)
            if made is None:
                return None
            self._made[number] = made
        return self._made[number]

    def _build(self, codes: Codes, folder: Path) -> BuiltMember | CandidateFailed | None:
        if self.is_stopped():
            return None
        made = build(
            self.specification,
            self.values(codes),
            folder,
            lock_folder=self.lock_folder,
            is_stopped=self.is_stopped,
        )
        if made is not None:
            fields = {name: value for name, value in asdict(made).items() if name != "model"}
            new = folder / f"{_BUILT}.new"
            new.write_text(json.dumps(fields), encoding="utf-8")
            new.replace(folder / _BUILT)
        return made


def _stored(folder: Path) -> BuiltMember | CandidateFailed | None:
    """What a driver before this one built in a `folder`; None where it did not, or not to the end."""
    try:
        fields = json.loads((folder / _BUILT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "sentence" in fields:
        return CandidateFailed(**fields)
    if not (folder / MODEL).is_file():
        return None
    inputs = tuple((name, kind, tuple(axes)) for name, kind, axes in fields.pop("inputs"))
    return BuiltMember(folder / MODEL, inputs=inputs, **fields)


@dataclass(frozen=True)
class Chosen:
    """A member that is to be tried: its `codes` and what was `built`, for the front of a `device`; `kind` as
    a trial's.
    """

    codes: tuple[int, ...]
    built: BuiltMember
    device: str
    kind: str


def choose(
    table: CostTable, action: Propose, seed: int, members: Members, note: Callable[[str], None]
) -> list[Chosen]:
    """Who is tried next by the `action`, given the `table` of a search with this `seed`; fewer, or nobody,
    where no other architecture is left.

    Hand-made `members` come first. `note` hears of those that cannot be built. Raises Refused where nothing
    can.
    """
    import numpy as np

    picking = _Picking(table, action, members, note)
    for values in members.specification.hand_made:
        if len(picking.chosen) == action.count:
            return picking.chosen
        from paretofleet_analysis.search.members import codes_of

        codes = codes_of(members.space, values)
        graph = picking.graph_of(codes)
        if graph is not None and graph not in picking.graphs:
            picking.add(np.asarray(codes), "seed")
    while len(picking.chosen) < action.count and picking.propose(seed):
        pass
    return picking.chosen


@dataclass
class _Picking:
    """A batch while it is filled."""

    table: CostTable
    action: Propose
    members: Members
    note: Callable[[str], None]
    chosen: list[Chosen] = field(default_factory=list)
    graphs: list[Hashable] = field(default_factory=list)
    first: BuiltMember | None = None
    faults: int = 0

    def __post_init__(self) -> None:
        import numpy as np

        self.graphs = [trial.graph for trial in self.table.trials]
        if self.table.trials:
            made = self.members.member(np.array(self.table.trials[0].codes))
            self.first = made if isinstance(made, BuiltMember) else None

    @property
    def device(self) -> str:
        """Whose turn it is."""
        number = len(self.table.trials) + len(self.chosen)
        return self.action.rotation[number % len(self.action.rotation)]

    def graph_of(self, codes: Codes) -> Hashable:
        """The graph of a member, None for one that cannot be tried."""
        made = self.members.member(codes)
        if made is None:
            return None
        sentence = made.sentence if isinstance(made, CandidateFailed) else self._misfit(made)
        if not sentence and isinstance(made, BuiltMember):
            self.faults = 0
            return made.graph
        self.note(f"{self.members.values(codes)} is passed over: {sentence}")
        self.faults += 1
        if self.faults >= _FAULTS_MAX:
            raise Refused(f"{_FAULTS_MAX} members in a row cannot be tried; the last of them: {sentence}")
        return None

    def _misfit(self, made: BuiltMember) -> str:
        return misfit(self.first, made) if self.first is not None else ""

    def add(self, codes: Codes, kind: str) -> None:
        """Takes a member whose graph is new."""
        made = self.members.member(codes)
        if isinstance(made, BuiltMember):
            self.first = self.first or made
            self.chosen.append(Chosen(tuple(int(code) for code in codes), made, self.device, kind))
            self.graphs.append(made.graph)

    def propose(self, seed: int) -> bool:
        """Takes the next member that the method proposes; False where there is none."""
        import numpy as np
        from paretofleet_analysis.search.propose import propose
        from paretofleet_analysis.search.samplers import method_of

        trials = self.table.costs(self.members.space, self.device)
        for each in self.chosen:
            trials = trials.followed_by(np.array(each.codes), each.built.graph)
        proposals = propose(
            self.table.search(seed, self.device),
            trials,
            rotation=(self.device,),
            graph_of=self.graph_of,
            method=method_of(self.members.specification.method),
        )
        for proposal in proposals:
            self.add(proposal.codes, proposal.kind)
        return bool(proposals) and not self.members.is_stopped()
