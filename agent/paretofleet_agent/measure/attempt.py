"""One try at a run: a runner, a sampler, blocks of work, and what becomes of them."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping, Sequence

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.measure import phases, time_limit
from paretofleet_agent.measure.child import Child
from paretofleet_agent.measure.power_limits import raise_limits
from paretofleet_agent.measure.power_session import PowerSession
from paretofleet_agent.measure.preparation import Attempt, begin, note_other_processes, prepare
from paretofleet_agent.measure.requests import (
    runner_command,
    runner_request,
    sampler_command,
    sampler_request,
)
from paretofleet_agent.measure.run_record import (
    CONTAMINATED,
    SENSOR_MISSING,
    RunMonitor,
    RunRecord,
    Sink,
)
from paretofleet_agent.measure.runner_session import RunnerSession
from paretofleet_agent.measure.window import Window
from paretofleet_agent.model import Lease, Outcome
from paretofleet_agent.runner.runtimes.trtexec_engine import PINNED

#: A longer sleep than this inside a run voids it.
SUSPENDED_S_MAX = 0.05


def measure(
    lease: Lease, artifact_path: Path | None, sink: Sink, monitor: RunMonitor, device: DeviceUnderTest
) -> Outcome:
    """Measures one run of `lease` on `device`; its samples go to `sink`.

    `artifact_path` is the model file; None where the device needs none. Raises Stopped when
    `monitor.stopped()`; every other end is an Outcome. Call it from a thread that outlives the run: the
    kernel ends runner and sampler when the thread that started them ends.
    """
    record = RunRecord(lease, device.inventory, sink, monitor)
    try:
        with contextlib.ExitStack() as at_the_end:
            at_the_end.callback(record.close)
            _run(prepare(lease, device, record), artifact_path, at_the_end)
    except AttemptFailed as error:
        record.facts.update(error.facts)
        return Outcome(ok=False, reason=error.reason, message=str(error), facts=record.facts)
    return Outcome(ok=True, facts=record.facts)


def _run(attempt: Attempt, artifact_path: Path | None, at_the_end: contextlib.ExitStack) -> None:
    """All phases in their order; the processes are closed `at_the_end`. Raises AttemptFailed and Stopped."""
    limits, host, record = attempt.limits, attempt.host, attempt.record
    environment = begin(attempt)
    deadline_s = time.monotonic() + limits.timeout_s
    if attempt.is_evaluation:
        _evaluate(attempt, artifact_path, environment, deadline_s, at_the_end)
        return
    power = _start_sampler(attempt, at_the_end)
    idles = power.is_there and limits.idle_s > 0
    if idles and attempt.device.needs_cold_idle(attempt.lease.sweep_name, attempt.lease.block):
        phases.idle(attempt, power, "idle_before")
    record.mark(host.clock.now_ns(), "load")
    runner = _load(attempt, artifact_path, environment, deadline_s, at_the_end)
    power.collect(host.clock.now_ns(), "load")
    attempt = _fit(attempt, power, deadline_s)
    limits = attempt.limits
    phases.warm_up_until_steady(attempt, runner, power)
    window = Window(limits, power, deadline_s, runner.block_is_a_process)
    if power.is_there:
        power.begin(host.clock.now_ns())
        guard = phases.guard(attempt, runner, power, "guard_before")
        if window.energy_decides and limits.idle_s > 0:
            phases.spread_iterations(attempt, runner, power, guard)
    _measure_undisturbed(attempt, runner, power, window)
    if power.is_there:
        phases.guard(attempt, runner, power, "guard_after")
    if idles:
        phases.idle(attempt, power, "idle_after")
    record.mark(host.clock.now_ns(), "end")
    _finish(attempt, runner, power)


def _evaluate(
    attempt: Attempt,
    artifact_path: Path | None,
    environment: Mapping[str, Any],
    deadline_s: float,
    at_the_end: contextlib.ExitStack,
) -> None:
    """A run that is not timed: nothing warms up, no sensor is read. Raises AttemptFailed and Stopped."""
    record, clock = attempt.record, attempt.host.clock
    record.facts["sensors"] = []
    record.mark(clock.now_ns(), "load")
    runner = _load(attempt, artifact_path, environment, deadline_s, at_the_end)
    phases.evaluate(attempt, runner)
    record.mark(clock.now_ns(), "end")
    _finish(attempt, runner, PowerSession(None, record))


def _start_sampler(attempt: Attempt, at_the_end: contextlib.ExitStack) -> PowerSession:
    """The sampler of a device with power sensors. Raises AttemptFailed and Stopped."""
    device, record = attempt.device, attempt.record
    if not device.has_power:
        record.facts["sensors"] = []
        _note_refused(record, [each.as_json() for each in device.absent])
        return PowerSession(None, record)
    child = Child("sampler", sampler_command(), sysroot=device.sysroot, stopped=record.stopped)
    power = PowerSession(child, record)
    at_the_end.callback(power.close)
    request = dict(sampler_request(device, shares=attempt.shares_cpu), **attempt.host.sampler_request())
    rails = power.prepare(request, device.inventory.sensors, device.sensor_facts)
    if any("missing" in rail for rail in rails):
        record.flags.append(SENSOR_MISSING)
    record.facts["sensors"] = rails
    _note_refused(record, power.absent)
    power.choose_rails(rails, attempt.target_id)
    return power


def _note_refused(record: RunRecord, absent: Sequence[Mapping[str, Any]]) -> None:
    """Sources that are there and cannot be used, since the agent started or since this run."""
    refused = [{key: entry[key] for key in ("what", "why", "fix")} for entry in absent if entry["refused"]]
    if refused:
        record.facts["sensors_refused"] = refused
        record.add_flag(SENSOR_MISSING)


def _load(
    attempt: Attempt,
    artifact_path: Path | None,
    environment: Mapping[str, Any],
    deadline_s: float,
    at_the_end: contextlib.ExitStack,
) -> RunnerSession:
    """A runner that has loaded the model; what really runs is a fact. Raises AttemptFailed and Stopped."""
    lease, device, facts = attempt.lease, attempt.device, attempt.record.facts
    path = artifact_path if attempt.host.runs_models else None
    request = runner_request(lease, path, device, attempt.cpus, attempt.threads)
    request.update(attempt.host.runner_request())
    command = runner_command(device.interpreter_of(request["runtime"]))
    child = Child(
        "runner",
        command,
        sysroot=device.sysroot,
        stopped=attempt.record.stopped,
        variables=device.variables.all,
    )
    runner = RunnerSession(child, deadline_s, attempt.host.clock, attempt.record)
    runner.keeps_pace = attempt.period_s > 0
    at_the_end.callback(runner.close)
    ready = runner.load(request)
    effective = dict(ready["effective"], cpus=list(attempt.cpus))
    facts["effective"] = effective
    for key in ("load_ns", "first_inference_ns", "second_inference_ns"):
        facts[key] = ready[key]
    attempt.record.flags += ready.get("flags", [])
    runtime = f"{lease.configuration['runtime']} {effective['runtime_version']}"
    facts["environment"] = dict(environment, runtime=runtime)
    if effective.get("engine", {}).get("kind") == PINNED:
        # Runs of another engine are no repeats of these.
        facts["environment"]["engine"] = effective["engine"]["sha256"]
    if "python" in effective:
        facts["environment"]["python"] = effective["python"]
    return runner


def _fit(attempt: Attempt, power: PowerSession, deadline_s: float) -> Attempt:
    """The attempt with as much of its limits as fits before `deadline_s`. Raises AttemptFailed."""
    if not attempt.host.runs_models:
        return attempt
    limits, record = attempt.limits, attempt.record
    cost = time_limit.cost_of(record.facts, limits, period_s=attempt.period_s, has_power=power.is_there)
    fitted = time_limit.fitted(limits, cost, deadline_s - time.monotonic())
    if time_limit.is_cut(fitted, limits):
        record.add_flag(time_limit.TIME_LIMITED)
    return replace(attempt, limits=fitted)


def _measure_undisturbed(
    attempt: Attempt, runner: RunnerSession, power: PowerSession, window: Window
) -> None:
    """The window, and whether others worked meanwhile or the device slept. Raises AttemptFailed, Stopped."""
    host, record = attempt.host, attempt.record
    suspended_s, throttled = host.suspended_s(), host.throttled()
    is_contaminated = host.watch_contention(attempt.cpus, _pids(attempt, runner, power))
    phases.measure_window(attempt, runner, power, window)
    if is_contaminated():
        record.flags.append(CONTAMINATED)
    record.note_throttling(throttled, host.throttled())
    slept_s = host.suspended_s() - suspended_s
    if slept_s > SUSPENDED_S_MAX:
        record.set_aside(f"the device was suspended for {slept_s:.3g} s")


def _finish(attempt: Attempt, runner: RunnerSession, power: PowerSession) -> None:
    """What the machine, the runner and the sampler say at the end. Raises AttemptFailed and Stopped."""
    host, facts, flags = attempt.host, attempt.record.facts, attempt.record.flags
    note_other_processes(attempt, _pids(attempt, runner, power))
    # While the runner still holds it; its allocator gives nothing back between inferences.
    device_memory_bytes = host.device_memory_bytes(runner.pid)
    if device_memory_bytes is not None:
        facts["device_memory_bytes"] = device_memory_bytes
    result, _ = runner.ask({"kind": "finish"}, "result")
    for key in ("memory_peak_bytes", "device_memory_peak_bytes", "training"):
        if key in result:
            facts[key] = result[key]
    facts["readings_after"] = host.readings()
    raise_limits(facts["sensors"], facts["readings_after"])
    if power.report:
        facts["sampler"] = power.report
    flags += power.flags()
    for flag in host.flags(facts["readings_before"], facts["readings_after"]):
        attempt.record.add_flag(flag)
    host.write_truth()


def _pids(attempt: Attempt, runner: RunnerSession, power: PowerSession) -> list[int]:
    """Our own processes on the runner's CPUs."""
    if not attempt.shares_cpu:
        return [runner.pid]
    return [runner.pid, os.getpid()] if power.pid is None else [runner.pid, power.pid, os.getpid()]
