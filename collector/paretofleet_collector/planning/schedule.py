"""What a device does next in a sweep. Pure: the history in, one step out.

Blocks 1 to `runs_min` hold every configuration once, in an order that follows from the seed. A later block
holds what has not converged, until `runs_max`, and the canary: the first configuration, which by staying
shows how the device drifts. In an adaptive sweep a later block holds what was chosen for it by the ranking
so far (`jobs/choose`); the choice is stored, and the schedule only reads it. A step that changes the history
(skip, fail, append, choose) is applied by the caller, who then asks again.

`next_run` is the whole rule. Two parts of it need little of the history and stand alone, so that a lease
costs the same in a sweep of ten runs and of a hundred thousand: `next_open_run` what is under way and the
first that waits, `hopeless_runs` what resembles a run that failed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from paretofleet_analysis.statistics.stopping import device_prior, is_precise
from paretofleet_analysis.statistics.variance_prior import VariancePrior

from paretofleet_collector.model.entities import Repeats
from paretofleet_collector.model.past_run import PastRun
from paretofleet_collector.model.tries import ATTEMPTS_MAX, RETRIED, is_silent_try
from paretofleet_collector.planning.days import WaitForDay, wait_for_day

#: A run that was set aside is replaced, and so is its replacement, but not the replacement's.
REPLACEMENTS_PER_RUN = 2
#: A device that was asked to reboot has so long to come back with another boot; then its blocks go on.
REBOOT_S = 600.0
_UNDER_WAY = ("leased", "running")


@dataclass(frozen=True)
class Boot:
    """The boot a device is in, whether its owner allows reboots, and when it was asked to leave this one."""

    boot_id: str
    may_reboot: bool = False
    asked_unix_s: float | None = None


@dataclass(frozen=True)
class SkipRuns:
    """Runs that are not worth a try, and why: the reason of the run that showed it."""

    run_ids: tuple[str, ...]
    reason: str
    because: str


@dataclass(frozen=True)
class FailRun:
    """A run whose last attempt expired without an end."""

    run_id: str


@dataclass(frozen=True)
class AddBlock:
    """One more run for each of these configurations, in a new block."""

    configuration_ids: tuple[str, ...]
    block: int


@dataclass(frozen=True)
class ChooseBlock:
    """The next block is to be chosen from these configurations, by what was measured so far."""

    configuration_ids: tuple[str, ...]
    block: int


@dataclass(frozen=True)
class BlockChoice:
    """What was chosen for a block, and why. Empty: the device has ended. None: what has not converged."""

    configuration_ids: tuple[str, ...] | None
    block: int
    why: str


@dataclass(frozen=True)
class Reboot:
    """The device must reboot before its next run: so many of the first blocks are done within this boot."""

    done: int
    blocks: int


@dataclass(frozen=True)
class BlockDue:
    """Every run has ended, and the next block follows from the whole history: a task not for the writer."""


@dataclass(frozen=True)
class GrantRun:
    """Grant this run."""

    run_id: str


@dataclass(frozen=True)
class Wait:
    """A run is under way, or its samples are being sealed."""


@dataclass(frozen=True)
class Done:
    """Nothing is left for this device in this sweep."""


Step = SkipRuns | FailRun | AddBlock | ChooseBlock | BlockDue | Reboot | WaitForDay | GrantRun | Wait | Done


def next_run(
    history: Sequence[PastRun],
    repeats: Repeats,
    now: float,
    choice: BlockChoice | None = None,
    boot: Boot | None = None,
) -> Step:
    """The next step for one device in one sweep, whose `history` is all its runs there.

    `repeats`: how often the sweep repeats; `now`: seconds since 1970; `choice`: the device's newest.
    Without a `boot`, and in sweeps that ask for one boot only, nothing waits for reboots.
    """
    skip = hopeless_runs(history)
    if skip is not None:
        return skip
    under_way = [run for run in history if run.state in _UNDER_WAY]
    pending = [run for run in history if run.state == "pending"]
    first = min(pending, key=lambda run: _order(run, repeats.seed), default=None)
    ended, begun = ended_within_boots(history), blocks_begun(history)
    step = next_open_run(under_way, first, repeats, now, boot, ended, begun)
    if step is not None:
        return step
    if any(run.state == "uploaded" for run in history):
        return Wait()
    return _next_block(history, repeats, choice)


def next_open_run(
    under_way: Sequence[PastRun],
    first: PastRun | None,
    repeats: Repeats,
    now: float,
    boot: Boot | None = None,
    ended: Collection[tuple[str, int]] = (),
    begun: Mapping[int, float] | None = None,
) -> FailRun | Wait | Reboot | WaitForDay | GrantRun | None:
    """The next step with the runs of a device that are open, or None where none is.

    `under_way` are those that are leased or running, `first` of the pending ones is the next in order, by
    `turn`. `repeats`, `now` and `boot` are as for `next_run`;
    `ended`: the boot and the block of runs that have ended well; `begun`: when the first of each block began.
    """
    expired = [run for run in under_way if is_expired(run, now)]
    for run in expired:
        if is_silent_try(run.state, run.attempt) and run.tries + 1 >= ATTEMPTS_MAX:
            return FailRun(run.run_id)
    if len(expired) < len(under_way):
        return Wait()
    waiting = [*([first] if first is not None else []), *expired]
    if not waiting:
        return None
    chosen = min(waiting, key=lambda run: _order(run, repeats.seed))
    waits = wait_for_day(chosen.block, begun or {}, repeats, now)
    return waits or _reboot(chosen, ended, repeats, now, boot) or GrantRun(chosen.run_id)


def ended_within_boots(history: Sequence[PastRun]) -> set[tuple[str, int]]:
    """The boot and the block of each run of the `history` that has ended well."""
    return {
        (run.boot_id, run.block) for run in history if run.state in ("uploaded", "sealed") and run.boot_id
    }


def blocks_begun(history: Sequence[PastRun]) -> dict[int, float]:
    """When the first run of each block of the `history` began that has ended well, in seconds since 1970."""
    begun: dict[int, float] = {}
    for run in history:
        if run.state in ("uploaded", "sealed") and run.started_unix_s is not None:
            begun[run.block] = min(run.started_unix_s, begun.get(run.block, run.started_unix_s))
    return begun


def is_expired(run: PastRun, now: float) -> bool:
    """True for a `run` whose lease has run out by `now`, in seconds since 1970."""
    return run.state in _UNDER_WAY and run.lease_until_unix_s is not None and run.lease_until_unix_s <= now


def _reboot(
    run: PastRun, ended: Collection[tuple[str, int]], repeats: Repeats, now: float, boot: Boot | None
) -> Reboot | None:
    """The reboot that must come before a run, unless its device may not or does not reboot.

    Of n boots the k-th begins with the block after (k - 1) / n of the first `runs_min`; a reboot that came
    by itself counts. A boot within which no block was done is not left: what was missed before, without the
    permission or in attempts that were lost, would have the device reboot again and again.
    """
    if boot is None or not boot.may_reboot:
        return None
    if boot.asked_unix_s is not None and now - boot.asked_unix_s >= REBOOT_S:
        return None
    boots = {boot_id for boot_id, _ in ended} | {boot.boot_id}
    if len(boots) >= min((run.block - 1) * repeats.boots // repeats.runs_min + 1, repeats.boots):
        return None
    done = {block for boot_id, block in ended if boot_id == boot.boot_id and block < run.block}
    return Reboot(len(done), repeats.runs_min) if done else None


def has_converged(
    past: Sequence[PastRun], relative_half_width: float | None, prior: VariancePrior | None = None
) -> bool:
    """True when the 95 % interval of the mean over the runs `past` is narrow enough, as in the report.

    `relative_half_width`: a fraction of the mean, None: any width will do. `prior`: what the configurations
    of the device lend one another (`lent_by`).

    It is that of the newest environment: runs of another, before a new driver, are another row's.
    """
    return relative_half_width is None or is_precise(values_s(past), relative_half_width, prior)


def lent_by(configurations: Iterable[Sequence[PastRun]]) -> VariancePrior | None:
    """What the `configurations` of a device, each its past runs, say of the noise of each; None if few."""
    return device_prior(values_s(past) for past in configurations)


def values_s(past: Sequence[PastRun]) -> list[float]:
    """The values, in seconds, of the runs `past` that count and ran in the environment of the newest."""
    counted = [run for run in past if run.counted and run.value_s is not None]
    newest = max(counted, key=lambda run: run.block, default=None)
    return [
        run.value_s
        for run in counted
        if run.value_s is not None and newest is not None and run.environment_id == newest.environment_id
    ]


def _order(run: PastRun, seed: int) -> tuple[int, int, int]:
    """Blocks stay whole; within one a run that is tried again comes last, the others as the seed says."""
    return run.block, run.tries, turn(seed, run.block, run.configuration_id)


def turn(seed: int, block: int, configuration_id: str) -> int:
    """The place of `configuration_id` among the others of a `block`: a number below 2**60, by `seed`."""
    return int(hashlib.sha256(f"{seed}/{block}/{configuration_id}".encode()).hexdigest()[:15], 16)


def hopeless_runs(history: Sequence[PastRun]) -> SkipRuns | None:
    """After a failure in the `history` that would come again: the runs that would fail in the same way.

    Runs of other families (configurations that differ in more than the batch size) change nothing of it.
    """
    pending = [run for run in history if run.state == "pending"]
    if not pending:
        return None
    sealed = {run.configuration_id for run in history if run.state == "sealed"}
    for failed in history:
        if failed.state != "failed" or failed.reason is None or failed.reason == "lost":
            continue
        if failed.reason in RETRIED and failed.configuration_id in sealed:
            continue
        hopeless = tuple(run.run_id for run in pending if _would_fail_too(run, failed))
        if hopeless:
            return SkipRuns(
                hopeless, failed.reason, f"batch size {failed.batch_size} failed with {failed.reason}"
            )
    return None


def _would_fail_too(run: PastRun, failed: PastRun) -> bool:
    if run.configuration_id == failed.configuration_id:
        return True
    return failed.reason == "oom" and run.family == failed.family and run.batch_size > failed.batch_size


def _next_block(history: Sequence[PastRun], repeats: Repeats, choice: BlockChoice | None) -> Step:
    """What the block after the last one holds: what wants a run, or what was or is to be chosen."""
    by_configuration: dict[str, list[PastRun]] = defaultdict(list)
    for run in history:
        by_configuration[run.configuration_id].append(run)
    block = max((run.block for run in history), default=0) + 1
    missing = tuple(each for each, past in by_configuration.items() if _misses_runs(past, repeats))
    able = tuple(each for each, past in by_configuration.items() if _may_get_more_runs(past, repeats))
    if repeats.adaptive is not None and not missing and able:
        if choice is None or choice.block != block:
            return ChooseBlock(able, block)
        if choice.configuration_ids is not None:
            further = tuple(each for each in able if each in choice.configuration_ids)
            return _add_block(further, by_configuration, repeats, block)
    width = repeats.relative_half_width
    prior = lent_by(by_configuration.values())
    imprecise = {each for each in able if not has_converged(by_configuration[each], width, prior)}
    open_ids = tuple(each for each in by_configuration if each in missing or each in imprecise)
    if missing and (repeats.adaptive is not None or not imprecise):
        return AddBlock(missing, block)
    return _add_block(open_ids, by_configuration, repeats, block)


def _add_block(
    configuration_ids: tuple[str, ...],
    by_configuration: Mapping[str, Sequence[PastRun]],
    repeats: Repeats,
    block: int,
) -> Step:
    """A block of these and the canary."""
    canary = _canary(by_configuration, repeats)
    if configuration_ids and canary is not None and canary not in configuration_ids:
        configuration_ids = (canary, *configuration_ids)
    return AddBlock(configuration_ids, block) if configuration_ids else Done()


def _canary(by_configuration: Mapping[str, Sequence[PastRun]], repeats: Repeats) -> str | None:
    """The first configuration that runs: it stays in every block, so that drift shows to the end."""
    for configuration_id, past in by_configuration.items():
        if all(run.state == "sealed" for run in past):
            is_open = _run_slots(past, repeats.runs_min)[0] < repeats.runs_max
            return configuration_id if is_open else None
    return None


def _is_over(past: Sequence[PastRun]) -> bool:
    return any(run.state in ("skipped", "cancelled", "failed") for run in past)


def _misses_runs(past: Sequence[PastRun], repeats: Repeats) -> bool:
    """Fewer runs than the least, or one that was set aside and wants a replacement."""
    slots, to_replace = _run_slots(past, repeats.runs_min)
    return not _is_over(past) and (to_replace > 0 or slots < repeats.runs_min)


def _may_get_more_runs(past: Sequence[PastRun], repeats: Repeats) -> bool:
    """Has all it needs and may get more."""
    has_enough = sum(run.counted is not False for run in past) >= repeats.runs_min
    slots, _ = _run_slots(past, repeats.runs_min)
    is_open = not _is_over(past) and not _misses_runs(past, repeats)
    return is_open and has_enough and slots < repeats.runs_max


def _run_slots(runs: Sequence[PastRun], runs_min: int) -> tuple[int, int]:
    """How many runs a configuration's runs stand for, and how many of these still want a replacement.

    The first `runs_min` runs stand for themselves; a later one replaces the run that was set aside first
    and is not replaced yet, or else is one more.
    """
    slots, tries = 0, deque[int]()
    for number, run in enumerate(sorted(runs, key=lambda run: run.block)):
        if number >= runs_min and tries:
            used = tries.popleft() + 1
        else:
            slots, used = slots + 1, 0
        if run.counted is False and used < REPLACEMENTS_PER_RUN:
            tries.append(used)
    return slots, len(tries)
