"""A specification as the collector keeps it beside its search: all of it, with the devices that it chose."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from paretofleet_collector.planning.parsing import parse_json
from paretofleet_collector.searches.specification import SearchSpecification, TrainCommand, TruthFile

_PLAIN = ("name", "parameters", "limits", "method", "start", "control", "files")


def stored_json(specification: SearchSpecification, devices: tuple[str, ...]) -> str:
    """The `specification` of a search on these `devices` as JSON; `stored_specification` reads it back."""
    # in the given order, which is that of a trial's codes
    return json.dumps(
        {
            **{name: getattr(specification, name) for name in _PLAIN},
            "module": str(specification.module),
            "train": asdict(specification.train),
            "measure": json.loads(specification.measure.to_json()),
            "objectives": list(specification.objectives),
            "hand_made": [dict(member) for member in specification.hand_made],
            "devices": list(devices),
            "truth": None if specification.truth is None else asdict(specification.truth),
        },
        ensure_ascii=False,
    )


def stored_specification(text: str) -> tuple[SearchSpecification, tuple[str, ...]]:
    """The specification in a `text` of `stored_json`, and the devices of its search."""
    value = json.loads(text)
    train = TrainCommand(**{**value["train"], "command": tuple(value["train"]["command"])})
    specification = SearchSpecification(
        **{name: value[name] for name in _PLAIN},
        module=Path(value["module"]),
        train=train,
        measure=parse_json(json.dumps(value["measure"])),
        objectives=tuple(value["objectives"]),
        hand_made=tuple(value["hand_made"]),
        truth=TruthFile(**value["truth"]) if value.get("truth") else None,
    )
    return specification, tuple(value["devices"])
