"""Sentences about a sweep for who looks at it: who paused it, who chooses its blocks, who waits for what."""

from __future__ import annotations

import sqlalchemy as sa

from paretofleet_collector.lifecycle import grants, transitions
from paretofleet_collector.model.entities import SWEEP_FINAL, Sweep
from paretofleet_collector.planning import absence
from paretofleet_collector.planning.days import WaitForDay, until
from paretofleet_collector.planning.schedule import REBOOT_S, Reboot
from paretofleet_collector.store import (
    assignments,
    choices,
    configurations,
    devices,
    leases,
    reboots,
    sweeps,
)

#: Of more devices that wait only the number is said.
WAITING_MAX = 12


def notes(connection: sa.Connection, sweep: Sweep, now: float, offline_after_s: float) -> tuple[str, ...]:
    """What to know of a `sweep` beside its counts, from what `connection` sees: who waits for what, too.

    `now` is in seconds since 1970; a device that was silent for `offline_after_s` seconds is offline.
    """
    if sweep.paused_unix_s is not None:
        return (_paused(sweep), *_choices(connection, sweep))
    waits = [sentence for _, sentence in _waits_within(connection, sweep, now)]
    away = sorted(sentence for _, sentence in _devices(connection, sweep, now, offline_after_s))
    more = len(away) - WAITING_MAX
    summed_up = [f"and {more} more devices wait"] if more > 0 else []
    return (*_choices(connection, sweep), *waits, *away[:WAITING_MAX], *summed_up)


def waits(
    connection: sa.Connection, sweep: Sweep, now: float, offline_after_s: float
) -> tuple[tuple[str, str], ...]:
    """The devices that do not go on with their part of a `sweep` now, by name, each with the reason.

    `connection`, `now` and `offline_after_s` are as of `notes`.
    """
    if sweep.paused_unix_s is not None:
        known = devices.by_id(connection)
        open_ids = assignments.open_devices(connection, sweep.sweep_id)
        return tuple((known[each].name, f"{sweep.name} is {_paused(sweep)}") for each in open_ids)
    return (
        *_waits_within(connection, sweep, now),
        *_devices(connection, sweep, now, offline_after_s),
    )


def paused_since(sweep: Sweep) -> str:
    """Since when the paused `sweep` is, and by whom: "paused since 2026-11-27 09:30 UTC by ana"."""
    since = "" if sweep.paused_unix_s is None else f" since {absence.minute(sweep.paused_unix_s)}"
    return f"paused{since}{f' by {sweep.paused_by}' if sweep.paused_by else ''}"


def _paused(sweep: Sweep) -> str:
    return f"{paused_since(sweep)}; `paretofleet sweep resume {sweep.name}` ends that"


def _waits_within(connection: sa.Connection, sweep: Sweep, now: float) -> list[tuple[str, str]]:
    return [*_reboots(connection, sweep, now), *_days(connection, sweep, now)]


def _reboots(connection: sa.Connection, sweep: Sweep, now: float) -> list[tuple[str, str]]:
    """Which devices wait for a reboot, and which will not reboot; each name with a sentence."""
    sentences: list[tuple[str, str]] = []
    if sweep.repeats.boots < 2 or sweep.state in SWEEP_FINAL:
        return sentences
    for device_id, name in configurations.devices_of(connection, sweep.sweep_id):
        boot_id, may_reboot = devices.boot(connection, device_id)
        asked_unix_s = reboots.asked_unix_s(connection, sweep.sweep_id, device_id, boot_id)
        if not may_reboot:
            sentences.append((name, f"{name} does not allow reboots, so its blocks run within one boot"))
        elif asked_unix_s is not None and now - asked_unix_s >= REBOOT_S:
            why = f"{name} was asked to reboot and did not, so its blocks go on within this boot"
            sentences.append((name, why))
        else:
            step = transitions.next_step(connection, sweep.sweep_id, device_id, sweep.repeats, now)
            if isinstance(step, Reboot):
                why = f"waiting for a reboot of {name}: {grants.done_within_boot(step)}"
                sentences.append((name, why))
    return sentences


def _days(connection: sa.Connection, sweep: Sweep, now: float) -> list[tuple[str, str]]:
    """Which devices wait for another day, and until when; each name with a sentence."""
    if sweep.repeats.days < 2 or sweep.state in SWEEP_FINAL:
        return []
    steps = {
        name: transitions.next_step(connection, sweep.sweep_id, device_id, sweep.repeats, now)
        for device_id, name in configurations.devices_of(connection, sweep.sweep_id)
    }
    return [
        (name, f"{name} waits for another day: {until(step)}")
        for name, step in steps.items()
        if isinstance(step, WaitForDay)
    ]


def _devices(
    connection: sa.Connection, sweep: Sweep, now: float, offline_after_s: float
) -> list[tuple[str, str]]:
    """Which devices cannot go on with their part now, and why: away, paused, or busy with an older sweep.

    Each name with a sentence.
    """
    if sweep.state in SWEEP_FINAL:
        return []
    there, leased = devices.presences(connection, now, offline_after_s), leases.live(connection, now)
    wait = absence.wait_s(sweep.spec_json)
    sentences: list[tuple[str, str]] = []
    for device_id in assignments.open_devices(connection, sweep.sweep_id):
        device, works_on = there[device_id], leased.get(device_id)
        if works_on == sweep.sweep_id:
            continue
        if works_on is not None:
            first = sweeps.name_of(connection, works_on)
            sentences.append((device.name, f"{device.name} works on {first} first"))
        elif device.state == "offline":
            why = absence.waiting(device.name, device.last_seen_unix_s, wait)
            sentences.append((device.name, why))
        elif device.state == "paused":
            why = f"{device.name} is paused; `paretofleet devices resume {device.name}` ends that"
            sentences.append((device.name, why))
    return sentences


def _choices(connection: sa.Connection, sweep: Sweep) -> list[str]:
    """How the blocks of an adaptive sweep are chosen, and what was chosen last on each device."""
    repeats = sweep.repeats
    if repeats.adaptive is None:
        return []
    use = f"the ranking for {repeats.adaptive} use"
    sentences = [f"adaptive: after block {repeats.runs_min} a block holds what would settle {use} soonest"]
    for device_id, name in configurations.devices_of(connection, sweep.sweep_id):
        newest = choices.newest(connection, sweep.sweep_id, device_id)
        if newest is not None:
            block, configuration_ids, why = newest
            has_ended = configuration_ids is not None and not configuration_ids
            sentences.append(f"{name} {'has ended' if has_ended else f'in block {block}'}: {why}")
    return sentences
