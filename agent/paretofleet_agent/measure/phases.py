"""The phases of a run in which time passes: idle, warm-up, guards and the measured window."""

from __future__ import annotations

import logging

from paretofleet_agent.device.frequencies import FrequencyLog
from paretofleet_agent.measure import warm_up
from paretofleet_agent.measure.power_session import PowerSession
from paretofleet_agent.measure.preparation import Attempt
from paretofleet_agent.measure.runner_session import RunnerSession
from paretofleet_agent.measure.series import Block, Series, quantile
from paretofleet_agent.measure.window import Window

log = logging.getLogger(__name__)

UNSTEADY, ENERGY_CAPPED, SPREAD = "warmup_not_steady", "energy_not_converged", "phase_spread"


def idle(attempt: Attempt, power: PowerSession, phase: str) -> None:
    """Nothing works while `power` is read, for as long as the limits of `attempt` say. Raises Stopped.

    `phase` is the name under which it is marked, as for all functions here.
    """
    clock, record = attempt.host.clock, attempt.record
    record.mark(clock.now_ns(), phase)
    clock.sleep(attempt.limits.idle_s, record.stopped)
    record.raise_if_stopped()
    power.collect(clock.now_ns(), "idle")


def warm_up_until_steady(attempt: Attempt, runner: RunnerSession, power: PowerSession) -> None:
    """Lets `runner` work until its times and clock rates stand; flags of `attempt` say where they do not.

    What `power` reads meanwhile is kept. Raises AttemptFailed and Stopped.
    """
    limits, record = attempt.limits, attempt.record
    record.mark(attempt.host.clock.now_ns(), "warm_up")
    record.facts["warm_up_min_s"] = limits.warm_up_min_s
    clocks = attempt.host.frequency_log(attempt.cpus, attempt.target_id)
    meanwhile = clocks.read if _has_time_to_read(attempt, runner) else None
    series, state = Series(), warm_up.MORE
    while state == warm_up.MORE:
        block = warm_up.next_warm_up_block(series, limits)
        series = runner.block(series, block, "warm_up", power, meanwhile)
        state = warm_up.warm_up(
            series, limits, clocks.khz, overlaps=attempt.overlaps, period_s=attempt.period_s
        )
    if state == warm_up.CAPPED:
        record.flags.append(UNSTEADY)
    if clocks.khz:
        record.facts["warm_up_clocks_khz"] = clocks.khz


def guard(attempt: Attempt, runner: RunnerSession, power: PowerSession, phase: str) -> Series:
    """Load around the window, in which a slow sensor of `power` comes to see nothing else.

    Returns the iterations that `runner` did in the `phase` of `attempt`. Raises AttemptFailed and Stopped.
    """
    limits = attempt.limits
    attempt.record.mark(attempt.host.clock.now_ns(), phase)
    seconds, series = power.guard_s(is_short=limits.is_short), Series()
    while series.elapsed_s < seconds:
        rest = Block(seconds=seconds - series.elapsed_s, max_iterations=limits.iterations_max)
        series = runner.block(series, rest, phase, power)
    return series


def spread_iterations(attempt: Attempt, runner: RunnerSession, power: PowerSession, guard: Series) -> None:
    """Lets `runner` idle after each iteration, where a part-time sensor of `power` would keep step with it.

    The iterations of the `guard` tell how long each takes; the pause is a fact of `attempt`.
    """
    if runner.block_is_a_process or attempt.overlaps or attempt.period_s:
        return
    iteration_s = quantile(sorted(guard.durations_ns), 0.5) / 1e9
    pause_s = power.pause_s(iteration_s)
    if pause_s > 0:
        runner.pause_ns = round(pause_s * 1e9)
        attempt.record.flags.append(SPREAD)
        attempt.record.facts[SPREAD] = {"pause_s": pause_s, "iteration_s": iteration_s}


def evaluate(attempt: Attempt, runner: RunnerSession) -> None:
    """Lets `runner` say what each item of a labelled set is, in blocks; `attempt` keeps what it says.

    Raises AttemptFailed and Stopped.
    """
    record, is_last = attempt.record, False
    record.mark(attempt.host.clock.now_ns(), "measure")
    while not is_last:
        request = {"kind": "evaluate", "seconds": attempt.limits.block_s}
        header, columns = runner.ask(request, "predictions")
        record.put_predictions(header["n"], columns)
        record.show_phase("measure")
        is_last = header["is_last"]


def measure_window(attempt: Attempt, runner: RunnerSession, power: PowerSession, window: Window) -> None:
    """Lets `runner` work until the rule of the `window` has enough, and keeps what came of it as facts.

    What `power` reads meanwhile is kept by `attempt` too. Where its sampler is lost in the window, which the
    wait for it has torn, another window follows for the times. Raises AttemptFailed and Stopped.
    """
    was_lost = power.lost
    series, clocks = _blocks_of_window(attempt, runner, power, window)
    if power.lost and not was_lost and not runner.block_is_a_process:
        guard(attempt, runner, power, "guard_before")
        series, clocks = _blocks_of_window(attempt, runner, power, window)
    runner.pause_ns = 0
    _note_window(attempt, window, series, clocks)


def _blocks_of_window(
    attempt: Attempt, runner: RunnerSession, power: PowerSession, window: Window
) -> tuple[Series, FrequencyLog]:
    """The iterations of a window that ends when its rule has enough, or once its sampler is lost."""
    was_lost = power.lost
    attempt.record.mark(attempt.host.clock.now_ns(), "measure")
    clocks = attempt.host.frequency_log(attempt.cpus, "cpu")  # a GPU's clock costs too much to read here
    meanwhile = clocks.read if _has_time_to_read(attempt, runner) else None
    series = Series()
    while power.lost == was_lost and not window.has_enough(series):
        series = runner.block(series, window.next_block(series), "measure", power, meanwhile)
    return series, clocks


def _note_window(attempt: Attempt, window: Window, series: Series, clocks: FrequencyLog) -> None:
    """Keeps as facts what a window came to, and what the clocks were in it."""
    record = attempt.record
    if clocks.khz:
        record.facts["window_clocks_khz"] = [reading["cpu"] for reading in clocks.khz]
    if attempt.period_s and series.mean_s >= attempt.period_s:
        _note_unkept_pace(attempt, series)
    if attempt.overlaps:
        record.facts["window_blocks"] = [n for n, _ in series.blocks]
    if window.energy_decides:
        record.facts["energy_window"] = window.facts(series)
    if window.capped:
        record.flags.append(ENERGY_CAPPED)


def _note_unkept_pace(attempt: Attempt, series: Series) -> None:
    """Says that items of an `attempt` came faster than those of its `series` took, and which rate is kept."""
    configuration, paced = attempt.lease.configuration, attempt.record.facts["paced"]
    paced["kept_items_s"] = configuration["batch_size"] / series.mean_s
    log.warning(
        "%g items a second cannot be kept: a batch of %d takes %.3g ms on average; ask for at most %.3g",
        configuration["items_s"],
        configuration["batch_size"],
        series.mean_s * 1e3,
        paced["kept_items_s"],
    )


def _has_time_to_read(attempt: Attempt, runner: RunnerSession) -> bool:
    """Whether clock rates are read while blocks work: a first look is too short for it."""
    return not (attempt.limits.is_short or runner.block_is_a_process)
