"""`paretofleet-agent bench MODEL.onnx`: one configuration here, without a collector.

It goes the way of any run (`attempt.measure`) and prints what that measured; nothing is stored.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any, Mapping, Sequence

import paretofleet_graph

from paretofleet_agent import terminal
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed, ConfigError, PfError
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.requests import graph_of
from paretofleet_agent.model import PHASES, Artifact, AttemptKey, Lease, Limits
from paretofleet_agent.power.window_energy import WindowSpan
from paretofleet_agent.runner import frames
from paretofleet_agent.standalone import bench_energy, bench_text
from paretofleet_agent.standalone import bench_statistics as statistics
from paretofleet_agent.standalone.paced_times import PACED_KEYS, due_times_ns, paced_values
from paretofleet_agent.standalone.run_options import BenchRequest, target_id_of

DEFAULT_REQUEST = BenchRequest()
HASH_STEP_BYTES = 1 << 20


class RunSamples:
    """A sink that keeps the iterations, the marks and the power readings of one run."""

    def __init__(self) -> None:
        self.starts_ns: list[int] = []
        self.durations_ns: list[int] = []
        self.marks: list[tuple[int, int]] = []
        self.power: dict[str, tuple[list[int], list[int]]] = {}

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        """Keeps what a bench prints."""
        del schema
        if stream == "iterations":
            starts, durations = frames.unpack_columns(columns, n)
            self.starts_ns += starts
            self.durations_ns += durations
        elif stream == "marks":
            self.marks = list(zip(*frames.unpack_columns(columns, n)))
        elif stream.startswith("power:"):
            times, values = self.power.setdefault(stream, ([], []))
            for kept, new in zip((times, values), frames.unpack_columns(columns, n)):
                kept.extend(new)

    def window_s(self) -> list[float]:
        """Durations of the iterations within the measured window, in seconds."""
        return [duration / 1e9 for _, duration in self._window_ns()]

    def span_s(self) -> float:
        """Seconds from the first start to the last end within the measured window."""
        window = self._window_ns()
        return (window[-1][0] + window[-1][1] - window[0][0]) / 1e9

    def lateness_s(self, paced: Mapping[str, Any]) -> list[float]:
        """Seconds from when each iteration of the window was due to its start, by the fact `paced`."""
        due_ns = dict(zip(self.starts_ns, due_times_ns(paced)))
        return [(start - due_ns[start]) / 1e9 for start, _ in self._window_ns()]

    def window(self, paced: Mapping[str, Any] | None) -> WindowSpan:
        """Where the measured window lies, and the guard before it where there was one.

        Of a run whose items came by the clock, by its fact `paced`, it reaches from when the first was due to
        a period after the last.
        """
        window, bounds = self._window_ns(), self._bounds_ns()
        start_ns, end_ns = window[0][0], max(start + duration for start, duration in window)
        if paced is not None:
            due_ns = dict(zip(self.starts_ns, due_times_ns(paced)))
            start_ns = due_ns[start_ns]
            end_ns = max(end_ns, due_ns[window[-1][0]] + round(paced["period_ns"]))
        return WindowSpan(
            begin_ns=bounds.get("guard_before", bounds["measure"]),
            start_ns=start_ns,
            end_ns=end_ns,
            every_s=(end_ns - start_ns) / 1e9 / len(window),
        )

    def _bounds_ns(self) -> dict[str, int]:
        """When each phase began."""
        return {PHASES[phase]: t_ns for t_ns, phase in reversed(self.marks)}

    def _window_ns(self) -> list[tuple[int, int]]:
        bounds = self._bounds_ns()
        after = next(name for name in ("guard_after", "idle_after", "end") if name in bounds)
        pairs = zip(self.starts_ns, self.durations_ns)
        return [(start, d) for start, d in pairs if bounds["measure"] <= start < bounds[after]]


class Progress:
    """Says on standard error where a run is: a moving line on a terminal, nothing elsewhere."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._moves = sys.stderr.isatty()

    def stopped(self) -> bool:
        """Only Ctrl-C stops a bench."""
        return False

    def phase(self, phase: str, iterations: int) -> None:
        """Shows the phase."""
        if self._moves:
            sys.stderr.write(f"\r\033[K{self._label}: {phase}, {iterations} iterations")
            sys.stderr.flush()

    def power(self, power_w: float | None, scope: str) -> None:
        """Not shown: the summary has the energy."""

    def done(self, summary: str) -> None:
        """Ends the line."""
        sys.stderr.write(("\r\033[K" if self._moves else "") + f"{self._label}: {summary}\n")


def run(
    model: Path,
    device: DeviceUnderTest,
    request: BenchRequest = DEFAULT_REQUEST,
    *,
    runs: int = 1,
    output: str = "table",
) -> int:
    """Measures `runs` runs of `model` on `device` as the `request` says, every run in a fresh process.

    The result goes to standard output (`output`: table or json), progress to standard error. Returns the exit
    code. Raises PfError, one sentence, when the request makes no sense or the model cannot be read, and
    AttemptFailed when it cannot be run.
    """
    if min(request.batch_size, request.iterations, runs) < 1 or request.warm_up_s < 0:
        raise PfError("batch size, iterations and runs are at least 1, and the warm-up is not negative")
    artifact, target_id = artifact_of(model), target_id_of(device, request.options)
    results: list[dict[str, Any]] = []
    for number in range(1, runs + 1):
        lease = lease_of(artifact, number, request, target_id)
        samples, progress = RunSamples(), Progress(f"run {number} of {runs}")
        begin_s = time.monotonic()
        outcome = measure(lease, model, samples, progress, device)
        if not outcome.ok:
            progress.done(f"failed ({outcome.reason})")
            raise AttemptFailed(outcome.reason, f"{model}: {outcome.message} [{outcome.reason}]")
        result = _result(number, samples, outcome.facts, lease.configuration)
        items = result["iterations"] * request.batch_size
        window = samples.window(outcome.facts.get("paced"))
        alias = request.options.target
        result.update(bench_energy.of_run(device, alias, outcome.facts, samples.power, window, items))
        progress.done(f"{result['iterations']} iterations after {time.monotonic() - begin_s:.1f} s")
        results.append(result)
        _refuse_changed(model, artifact, results)
    report = _report(model, artifact, request, results)
    if output == "json":
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        bench_text.write(report, terminal.width_of_output())
    return 0


def _refuse_changed(model: Path, artifact: Artifact, results: Sequence[Mapping[str, Any]]) -> None:
    """Raises PfError where the last of the `results` measured another file, or other samples, than the first.

    `artifact`: what the file `model` was before.
    """
    if artifact_of(model) != artifact:
        raise PfError(f"{model} changed while it was measured: run the bench again")
    first, last = (results[at]["facts"]["effective"].get("inputs") for at in (0, -1))
    if first != last:
        raise PfError("the samples changed while the model was measured: run the bench again")


def check(model: Path, device: DeviceUnderTest, request: BenchRequest) -> None:
    """Says early what is known to be in vain, before `device` is taken for a run of `model` by the `request`.

    Raises ConfigError for too many threads, PfError for a target or a runtime that is not there, and
    AttemptFailed for a graph that cannot be read or lacks sizes.
    """
    options, threads_max = request.options, len(device.inventory.cpus)
    target_id_of(device, options)
    if request.threads is not None and request.threads > threads_max:
        raise ConfigError(f"--threads {request.threads}: this device allows 1 to {threads_max}")
    if device.simulation is not None:
        return
    try:
        graph = graph_of(model.resolve(), artifact_of(model).sha256)
        if graph is None or any("file" in about for about in options.inputs.values()):
            return
        description, values = paretofleet_graph.from_json(graph), dict(options.inputs)
        paretofleet_graph.laws(description, values)
        paretofleet_graph.shapes(description, request.batch_size, dict(options.sizes), values)
    except AttemptFailed as error:
        raise AttemptFailed(error.reason, f"{model}: {error} [{error.reason}]") from error
    except paretofleet_graph.GraphRefused as error:
        raise AttemptFailed("unsupported", f"{model}: {error} [unsupported]") from error


def artifact_of(model: Path) -> Artifact:
    """The file `model` by its SHA-256. Raises PfError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with model.open("rb") as handle:
            for part in iter(lambda: handle.read(HASH_STEP_BYTES), b""):
                digest.update(part)
        size = model.stat().st_size
    except OSError as error:
        raise PfError(f"cannot read the model {model}: {error.strerror}") from error
    return Artifact(sha256=digest.hexdigest(), size_bytes=size, name=model.name)


def lease_of(artifact: Artifact, number: int, request: BenchRequest, target_id: str = "cpu") -> Lease:
    """Run `number` of the model file `artifact` as the `request` says, which no collector granted.

    It runs on the target `target_id`. The outputs of run 1 are held against a reference.
    """
    options = request.options
    limits = Limits(
        warm_up_min_s=request.warm_up_s,
        warm_up_min_iterations=1,
        warm_up_max_s=max(60.0, 2 * request.warm_up_s),
        warm_up_max_iterations=10**9,
        iterations_min=request.iterations,
        iterations_max=10**9 if request.window_min_s else request.iterations,
        window_min_s=request.window_min_s,
        block_s=1.0,
        idle_s=0.0,
        timeout_s=request.timeout_s,
        is_short=True,
        window_floor_s=request.window_floor_s,
    )
    configuration = {
        "batch_size": request.batch_size,
        "device_id": "here",
        "mode": options.mode,
        "options": dict(options.options),
        "precision": options.precision,
        "protocol": "bench",
        "runtime": options.runtime,
        "target_id": target_id,
        "threads": request.threads,
        "timing_scope": "copy+compute",
        "variant_sha256": artifact.sha256,
    }
    if options.items_s is not None:
        configuration["items_s"] = options.items_s
    for name in ("sizes", "inputs"):
        if getattr(options, name):
            configuration[name] = dict(getattr(options, name))
    key = AttemptKey(run_id=f"bench-{number}", attempt=1)
    return Lease(key, "bench", "bench", configuration, number, limits, artifact, seed=number, lease_s=0.0)


def _result(number: int, samples: RunSamples, facts: Any, configuration: Mapping[str, Any]) -> dict[str, Any]:
    samples_s, span_s = samples.window_s(), samples.span_s()
    batch_size, mode = configuration["batch_size"], configuration["mode"]
    paced: dict[str, Any] = {}
    if mode == "paced":
        late_s = samples.lateness_s(facts["paced"])
        samples_s, paced = paced_values(
            samples_s, late_s, batch_size=batch_size, items_s=configuration["items_s"]
        )
    return {
        "run": number,
        **statistics.of_run(samples_s, batch_size, span_s if mode == "throughput" else None),
        **paced,
        "window_s": span_s,
        "load_s": facts["load_ns"] / 1e9,
        "first_inference_s": facts["first_inference_ns"] / 1e9,
        "memory_peak_bytes": facts["memory_peak_bytes"],
        "flags": facts["flags"],
        "facts": facts,
        "samples_s": samples_s,
    }


def _report(
    model: Path, artifact: Artifact, request: BenchRequest, results: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What was asked for, what ran, each run's values and those over all runs."""
    overlaps = request.options.mode == "throughput"
    windows_s = [result["window_s"] for result in results] if overlaps else None
    total = statistics.total([result["samples_s"] for result in results], request.batch_size, windows_s)
    if request.options.mode == "paced":
        total.update({key: mean(result[key] for result in results) for key in PACED_KEYS})
    return {
        "model": str(model),
        "sha256": artifact.sha256,
        "requested": {
            "batch_size": request.batch_size,
            "threads": request.threads,
            "iterations": request.iterations,
            **asdict(request.options),
        },
        "environment": results[0]["facts"]["environment"],
        "effective": results[0]["facts"]["effective"],
        "runs": [
            {key: value for key, value in result.items() if key not in ("samples_s", "facts")}
            for result in results
        ],
        "total": {**total, **bench_energy.total(results)},
    }
