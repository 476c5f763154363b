"""What the schedule knows of a run: frozen data, no logic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PastRun:
    """What the schedule knows of a run of one device in one sweep.

    `family` is what configurations share that differ only in the batch size. `tries`: attempts that ended
    in a way that is tried again. `counted` and `value_s` are None until sealed; the latter is its mean batch
    latency, in throughput mode the time of an item, and it repeats only runs of its own `environment_id`.
    `boot_id`: the device's boot when its newest attempt was granted. `started_unix_s`: when it began, in
    seconds since 1970.
    """

    run_id: str
    configuration_id: str
    family: str
    batch_size: int
    block: int
    state: str
    tries: int = 0
    attempt: int = 0
    reason: str | None = None
    lease_until_unix_s: float | None = None
    counted: bool | None = None
    value_s: float | None = None
    boot_id: str | None = None
    environment_id: str | None = None
    started_unix_s: float | None = None
