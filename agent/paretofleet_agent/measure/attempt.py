"""One try at a run: a runner, a sampler, blocks of work, and what becomes of them."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Mapping, Protocol, Sequence

from paretofleet_agent import __version__, sensors, simulate
from paretofleet_agent.device import frequencies
from paretofleet_agent.device.clock import Clock, RealClock, VirtualClock
from paretofleet_agent.device.contention import ForeignLoad
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed, Stopped
from paretofleet_agent.hardware import environment, gpu
from paretofleet_agent.measure import cool_down
from paretofleet_agent.measure import series as decide
from paretofleet_agent.measure.child import Child, Frame, Meanwhile
from paretofleet_agent.measure.power_session import Sampling
from paretofleet_agent.measure.requests import runner_request, sampler_request
from paretofleet_agent.measure.window import Window
from paretofleet_agent.model import PHASES, Facts, Lease, Outcome
from paretofleet_agent.runner import frames

RUNNER = Path(__file__).parent.parent / "runner" / "__main__.py"
#: A longer sleep than this inside a run voids it.
SUSPENDED_S_MAX = 0.05
SHORT, SHARES, UNSTEADY = "short_protocol", "shares_sampler_cpu", "warmup_not_steady"
SAMPLER_LOST, CONTAMINATED = "sampler_lost", "contaminated"
ENERGY_CAPPED, SPREAD, SENSOR_MISSING = "energy_not_converged", "phase_spread", "sensor_missing"


class Sink(Protocol):
    """Takes samples. It is called between blocks only and may buffer: durable after the window."""

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        """Takes `n` samples of a stream: int64 little-endian, one column after the other."""


class Watch(Protocol):
    """What the daemon tells an attempt and hears from it."""

    def stopped(self) -> bool:
        """Whether the attempt shall end soon: cancelled, superseded or shutting down."""

    def phase(self, phase: str, iterations: int) -> None:
        """Takes note of the phase and of the iterations so far, for heartbeats."""


def measure(
    lease: Lease, artifact_path: Path | None, sink: Sink, watch: Watch, device: DeviceUnderTest
) -> Outcome:
    """Measures one run. Raises `errors.Stopped` when `watch.stopped()`; every other end is an Outcome.

    `artifact_path` is the model file; None for a simulated device, which needs none. Call it from a thread
    that outlives the run: the kernel ends runner and sampler when the thread that started them ends.
    """
    attempt = _Attempt(lease, artifact_path, sink, watch, device)
    try:
        attempt.run()
    except AttemptFailed as error:
        return Outcome(ok=False, reason=error.reason, message=str(error), facts=attempt.facts)
    finally:
        attempt.close()
    return Outcome(ok=True, facts=attempt.facts)


class _Attempt:
    """The state of one attempt; `run` goes through the phases in order."""

    def __init__(
        self, lease: Lease, artifact_path: Path | None, sink: Sink, watch: Watch, device: DeviceUnderTest
    ) -> None:
        configuration, slow = lease.configuration, device.wakes_slowly(lease.configuration["target_id"])
        self._lease, self._limits = lease, decide.limits_here(lease.limits, wakes_slowly=slow)
        self._device = device
        self._artifact_path, self._sink, self._watch = artifact_path, sink, watch
        self._runner: Child | None = None
        self._power = Sampling(None, sink.put)
        self._pause_ns = 0
        self._marks: list[tuple[int, int]] = []
        self._iterations = 0
        self._block_is_a_process = False
        self._flags: list[str] = [SHORT] if lease.limits.is_short else []
        self._overlaps = configuration["mode"] == "throughput"
        self.facts: Facts = {
            "agent_version": __version__,
            "simulated": device.simulate is not None,
            "target_id": configuration["target_id"],
            "requested": {
                key: configuration[key] for key in ("precision", "threads", "batch_size", "options")
            },
            "flags": self._flags,
            "counted": True,
            "not_counted_why": None,
        }

    def run(self) -> None:
        """All phases in their order, after cooling down. Raises AttemptFailed and Stopped."""
        device, limits = self._device, self._limits
        self._cpus, self._threads = self._share_cpus()
        self._begin()
        self._deadline_s = time.monotonic() + limits.timeout_s
        self._start_sampler()
        idles = self._power.is_there and limits.idle_s > 0
        if idles and device.needs_cold_idle(self._lease.sweep_name, self._lease.block):
            self._idle("idle_before")
        self._load()
        self._warm_up()
        if self._power.is_there:
            self._guard("guard_before")
        asleep_s = environment.suspended_s()
        foreign = ForeignLoad(device.sysroot, self._cpus, self._pids()) if device.simulate is None else None
        self._window()
        if foreign is not None and foreign.contaminates():
            self._flags.append(CONTAMINATED)
        self._note_suspend(environment.suspended_s() - asleep_s)
        if self._power.is_there:
            self._guard("guard_after")
        if idles:
            self._idle("idle_after")
        self._mark("end")
        self._finish()

    def close(self) -> None:
        """Ends the children and hands over the marks, also of an attempt that failed."""
        if self._runner is not None:
            self._runner.close()
        self._power.close()
        if self._marks:
            columns = frames.pack_columns(zip(*self._marks))
            self._sink.put("marks", "marks/1", len(self._marks), columns)

    # Preparing

    def _share_cpus(self) -> tuple[tuple[int, ...], int]:
        device, asked = self._device, self._lease.configuration["threads"]
        if asked is not None and not 1 <= asked <= len(device.inventory.cpus):
            most = len(device.inventory.cpus)
            raise AttemptFailed(
                "unsupported", f"{asked} threads were asked for; this device allows 1 to {most}"
            )
        cpus = device.cpus_for(asked)
        if device.housekeeping_cpu in cpus:
            self._flags.append(SHARES)
        return cpus, len(cpus) if asked is None else asked

    def _begin(self) -> None:
        device = self._device
        self._clock: Clock = RealClock()
        self._simulated: simulate.SimulatedRun | None = None
        self._environment: dict[str, Any]
        if device.simulate is not None:
            self._simulated = simulate.simulate(device.simulate, device.seed, self._lease, self._threads)
            self._clock = VirtualClock(self._simulated.start_ns)
            self._cool_down()
            self._environment = simulate.environment(device.simulate)
            started_unix_s = simulate.EPOCH_UNIX_S + self._simulated.start_ns / 1e9
            boot_id = simulate.boot_id(device.simulate, device.seed)
        else:
            self._cool_down()
            self._environment = environment.environment(device.sysroot, device.inventory.cpus)
            self._environment.update(gpu.modes(device.sysroot, self.facts["target_id"]))
            self._look_for_strangers()
            started_unix_s = time.time()
            boot_id = environment.boot_id(device.sysroot)
        self.facts.update(boot_id=boot_id, started_unix_s=started_unix_s, readings_before=self._readings())

    def _cool_down(self) -> None:
        """Waits for the temperature before the first run of the sweep here, where there is one to be read."""
        if not self._limits.cool_max_s:
            return
        self._watch.phase(cool_down.PHASE, 0)
        stopped = self._watch.stopped
        waited = cool_down.gate(self._device, self._lease, self._simulated, self._clock, stopped)
        if stopped():
            raise Stopped("the attempt was told to end")
        if waited is not None:
            self.facts[cool_down.PHASE] = asdict(waited)
            self._flags += [cool_down.TOO_WARM] if waited.gave_up else []

    def _readings(self) -> dict[str, Any]:
        if self._simulated is not None:
            return {}
        sysroot = self._device.sysroot
        return dict(environment.readings(sysroot), sensors=sensors.states(sysroot))

    def _start_sampler(self) -> None:
        device = self._device
        if not device.has_power:
            self.facts["sensors"] = []
            self._note_refused([one.as_json() for one in device.absent])
            return
        child = self._start("sampler", [sys.executable, "-m", "paretofleet_agent.power.sampler"])
        self._power = Sampling(child, self._sink.put)
        simulated = None
        if self._simulated is not None:
            simulated = dict(self._simulated.sampler, start_ns=self._clock.now_ns())
        request = dict(sampler_request(device, shares=SHARES in self._flags), simulate=simulated)
        rails = self._power.prepare(request, device.inventory.sensors, device.sensor_facts)
        self._flags += [SENSOR_MISSING] if any("missing" in rail for rail in rails) else []
        self.facts["sensors"] = rails
        self._note_refused(self._power.absent)
        self._power.watch(rails, self._lease.configuration["target_id"])

    def _note_refused(self, absent: Sequence[Mapping[str, Any]]) -> None:
        """Sources that are there and cannot be used, since the agent started or since this run."""
        refused = [{key: one[key] for key in ("what", "why", "fix")} for one in absent if one["refused"]]
        if refused:
            self.facts["sensors_refused"] = refused
            self._flags += [] if SENSOR_MISSING in self._flags else [SENSOR_MISSING]

    def _load(self) -> None:
        configuration, simulated = self._lease.configuration, self._simulated
        self._mark("load")
        runtime = "simulated" if simulated is not None else configuration["runtime"]
        self._runner = self._start("runner", [self._device.interpreter_of(runtime), str(RUNNER)])
        request = runner_request(self._lease, self._artifact_path, self._device, self._cpus, self._threads)
        if simulated is not None:
            request.update(
                runtime=runtime, cpus=[], simulate=dict(simulated.runner, start_ns=self._clock.now_ns())
            )
        ready, _ = self._ask(request, "ready")
        self._clock.reached(ready.get("now_ns", 0))
        self.facts["effective"] = dict(ready["effective"], cpus=list(self._cpus))
        for key in ("load_ns", "first_inference_ns", "second_inference_ns"):
            self.facts[key] = ready[key]
        self._block_is_a_process = bool(ready.get("block_is_a_process"))
        self._flags += ready.get("flags", [])
        effective = self.facts["effective"]
        runtime_version = f"{configuration['runtime']} {effective['runtime_version']}"
        stable = dict(self._environment, runtime=runtime_version)
        if "python" in effective:
            stable["python"] = effective["python"]
        self.facts["environment"] = stable
        self._collect("load")

    def _start(self, name: str, argv: Sequence[str]) -> Child:
        sysroot = self._device.sysroot
        variables = environment.child_environment(sysroot)
        return Child(name, argv, variables=variables, sysroot=sysroot, stopped=self._watch.stopped)

    # Working

    def _warm_up(self) -> None:
        self._mark("warm_up")
        self.facts["warm_up_min_s"] = self._limits.warm_up_min_s
        series, state = decide.Series(), decide.MORE
        watch = frequencies.Watch(self._device, self._cpus, self._lease.configuration["target_id"])
        read = None if self._limits.is_short or self._block_is_a_process else watch.read
        while state == decide.MORE:
            block = decide.next_warm_up_block(series, self._limits)
            series = self._block(series, block, "warm_up", read)
            state = decide.warm_up(series, self._limits, watch.khz, overlaps=self._overlaps)
        if state == decide.CAPPED:
            self._flags.append(UNSTEADY)
        if watch.khz:
            self.facts["warm_up_clocks_khz"] = watch.khz

    def _guard(self, phase: str) -> None:
        """Load around the window, in which a slow sensor comes to see nothing else."""
        self._mark(phase)
        if phase == "guard_before":
            self._power.begin(self._clock.now_ns())
        seconds, series = self._power.guard_s(is_short=self._limits.is_short), decide.Series()
        while series.elapsed_s < seconds:
            left = decide.Block(
                seconds=seconds - series.elapsed_s, max_iterations=self._limits.iterations_max
            )
            series = self._block(series, left, phase)
        if phase == "guard_before" and self._window_rule().energy_decides and self._limits.idle_s > 0:
            self._spread(series)

    def _spread(self, series: decide.Series) -> None:
        """Idle after each iteration, where a part-time sensor would keep step with the work."""
        if self._block_is_a_process or self._overlaps:
            return
        iteration_s = decide.quantile(sorted(series.durations_ns), 0.5) / 1e9
        pause_s = self._power.pause_s(iteration_s)
        if pause_s > 0:
            self._pause_ns = round(pause_s * 1e9)
            self._flags.append(SPREAD)
            self.facts[SPREAD] = {"pause_s": pause_s, "iteration_s": iteration_s}

    def _window(self) -> None:
        self._mark("measure")
        series, window = decide.Series(), self._window_rule()
        watch = frequencies.Watch(
            self._device, self._cpus, "cpu"
        )  # a GPU's clock costs too much to read here
        read = None if self._limits.is_short or self._block_is_a_process else watch.read
        while not window.has_enough(series):
            series = self._block(series, window.next_block(series), "measure", read)
        if watch.khz:
            self.facts["window_clocks_khz"] = [one["cpu"] for one in watch.khz]
        self._pause_ns = 0
        if self._overlaps:
            self.facts["window_blocks"] = [n for n, _ in series.blocks]
        if window.energy_decides:
            self.facts["energy_window"] = window.facts(series)
        if window.capped:
            self._flags.append(ENERGY_CAPPED)

    def _window_rule(self) -> Window:
        return Window(self._limits, self._power, self._deadline_s, self._block_is_a_process)

    def _block(
        self, series: decide.Series, block: decide.Block, phase: str, meanwhile: Meanwhile = None
    ) -> decide.Series:
        """One block in the runner; its samples and the sensors' go to the sink before the next."""
        request = {"kind": "block", "seconds": block.seconds, "max_iterations": block.max_iterations}
        if self._block_is_a_process:
            request["min_iterations"] = block.min_iterations
        if self._pause_ns:
            request["pause_ns"] = self._pause_ns
        header, columns = self._ask(request, "block", meanwhile)
        starts, durations = frames.unpack_columns(columns, header["n"])
        self._clock.reached(starts[-1] + durations[-1])
        self._iterations += header["n"]
        self._sink.put("iterations", "iterations/1", header["n"], columns)
        self._collect("busy")
        self._watch.phase(phase, self._iterations)
        return series.extended(starts, durations)

    def _idle(self, phase: str) -> None:
        self._mark(phase)
        self._clock.sleep(self._limits.idle_s, self._watch.stopped)
        if self._watch.stopped():
            raise Stopped("the attempt was told to end")
        self._collect("idle")

    def _ask(self, request: dict[str, Any], expect: str, meanwhile: Meanwhile = None) -> Frame:
        if self._runner is None:
            raise AttemptFailed("crashed", "there is no runner")
        try:
            return self._runner.ask(request, expect, self._deadline_s, meanwhile)
        except (AttemptFailed, Stopped):
            self._runner.kill()
            raise

    def _collect(self, activity: str) -> None:
        """Takes what the sampler has; a run whose sampler is lost goes on and says so."""
        self._power.collect(self._clock.now_ns(), activity)
        if self._power.lost and SAMPLER_LOST not in self._flags:
            self._flags.append(SAMPLER_LOST)

    def _mark(self, phase: str) -> None:
        self._marks.append((self._clock.now_ns(), PHASES.index(phase)))
        self._watch.phase(phase, self._iterations)

    # Ending

    def _finish(self) -> None:
        if self._simulated is None:
            self._look_for_strangers(self._pids())
            self._note_device_memory()
        result, _ = self._ask({"kind": "finish"}, "result")
        for key in ("memory_peak_bytes", "device_memory_peak_bytes"):
            if key in result:
                self.facts[key] = result[key]
        before, after = self.facts["readings_before"], self._readings()
        self.facts["readings_after"] = after
        if self._power.report:
            self.facts["sampler"] = self._power.report
        self._flags += self._power.flags()
        self._flags += sensors.flags(before.get("sensors", {}), after.get("sensors", {}))
        self._flags += environment.flags(before, after)
        if self._simulated is not None and self._device.truth_path is not None:
            with self._device.truth_path.open("a", encoding="utf-8") as truth:
                truth.write(json.dumps(self._simulated.truth, sort_keys=True) + "\n")

    def _note_suspend(self, slept_s: float) -> None:
        if slept_s > SUSPENDED_S_MAX:
            self.facts.update(counted=False, not_counted_why=f"the device was suspended for {slept_s:.3g} s")

    def _look_for_strangers(self, own: Sequence[int] = ()) -> None:
        """Whoever else computes on a GPU uses it at the runner's cost; a CPU's load is measured instead."""
        found = gpu.strangers(self._device.sysroot, self.facts["target_id"], own)
        if found:
            self.facts["gpu_strangers"] = sorted({*self.facts.get("gpu_strangers", ()), *found})
            self._flags += [CONTAMINATED] if CONTAMINATED not in self._flags else []

    def _note_device_memory(self) -> None:
        """While the runner still holds it; its runtime's allocator gives nothing back between inferences."""
        if self._runner is not None:
            target_id = self.facts["target_id"]
            used = gpu.memory_bytes(self._device.sysroot, target_id, self._runner.pid)
            self.facts.update({} if used is None else {"device_memory_bytes": used})

    def _pids(self) -> list[int]:
        """Our own processes on the runner's CPUs."""
        shares = SHARES in self._flags
        ours = [None if self._runner is None else self._runner.pid, self._power.pid if shares else None]
        pids = [pid for pid in ours if pid is not None]
        return pids + ([os.getpid()] if shares else [])
