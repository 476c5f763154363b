"""A canary set: the few configurations that `paretofleet watch` measures again when a device changes.

What was measured when is told by the collector's sweeps alone, by their labels: a watch that is started again
goes on where another ended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from paretofleet_collector.model.canonical import short_id

if TYPE_CHECKING:
    from paretofleet_collector.model.views import DeviceView, SweepView
    from paretofleet_collector.planning.specification import Spec

#: What the labels of its sweeps begin with: whose they are, what they measure, and where.
_WATCH, _CANARY, _ENVIRONMENT = "watch/", "canary/", "environment/"
#: A label holds 64 letters, and so does a name with that of a device.
_NAME_MAX, _SWEEP_NAME_MAX = 58, 60
#: What may be compared.
_MEASURED = ("finished", "finished_with_failures")


@dataclass(frozen=True)
class Canary:
    """A canary set by its `spec`, which has a name. `origin`: the sweep it was taken from, empty for none."""

    spec: Spec
    origin: str = ""

    @property
    def label(self) -> str:
        """The label of all sweeps of this canary set."""
        return f"{_WATCH}{self.spec.name[:_NAME_MAX]}"

    def labels(self, device: DeviceView) -> tuple[str, ...]:
        """The labels of a sweep that measures the set on a `device` as it is now."""
        measured = {**json.loads(self.spec.to_json()), "name": "", "devices": {}, "note": "", "labels": []}
        return (
            self.label,
            f"{_CANARY}{short_id(measured)}",
            f"{_ENVIRONMENT}{environment_id(device)}",
        )

    def part(self, device: DeviceView) -> Spec:
        """The specification that measures the set on a `device` alone."""
        remarks = replace(
            self.spec.remarks, labels=tuple(dict.fromkeys((*self.spec.remarks.labels, *self.labels(device))))
        )
        name = f"{self.spec.name}-{device.name}"[:_SWEEP_NAME_MAX]
        return replace(self.spec, name=name, devices={"name": (device.name,)}, remarks=remarks)

    def request_id(self, device: DeviceView, history: Sequence[SweepView]) -> str:
        """The same for every watch that sees the same `history` and `device`: two submit one sweep."""
        last = history[-1].sweep_id if history else ""
        return f"watch-{short_id({'labels': self.labels(device), 'device': device.device_id, 'last': last})}"

    def is_due(self, device: DeviceView, history: Sequence[SweepView]) -> bool:
        """Whether a `device` has not been measured as it is now: its newest sweep has other labels."""
        return not history or not set(self.labels(device)) <= set(history[-1].labels)


def environment_id(device: DeviceView) -> str:
    """The short id of what a `device` has in common between runs: its environment and its runtimes."""
    return short_id({"environment": device.environment_json, "runtimes": sorted(device.runtimes)})


def history_of(sweeps: Sequence[SweepView], device: str) -> list[SweepView]:
    """Those of the `sweeps`, the oldest first, that measured a `device` alone."""
    return [sweep for sweep in sweeps if sweep.devices == (device,)]


def last_two(history: Sequence[SweepView], canary: Canary) -> tuple[str, str] | None:
    """The names of the two newest sweeps of a `history` with results, the older first; None without two.

    Where there is one, what the `canary` was taken from is the older.
    """
    names = [sweep.name for sweep in history if sweep.state in _MEASURED]
    if len(names) == 1 and canary.origin:
        names = [canary.origin, *names]
    return (names[-2], names[-1]) if len(names) > 1 else None
