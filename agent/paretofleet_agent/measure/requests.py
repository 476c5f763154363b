"""How a runner and a sampler are started, and what each is asked first."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

import paretofleet_graph

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.model import Lease
from paretofleet_agent.power.polling import of_request

RUNNER = Path(__file__).parent.parent / "runner" / "__main__.py"
#: Loaded by path, too, where the interpreter is not this one.
GRAPH = Path(paretofleet_graph.__file__).parent
#: How often the sampler reads where it shares a CPU with the runner; else as often as each sensor asks.
SLOW_SAMPLE_S = 0.2


def sampler_command() -> list[str]:
    """The command that starts a sampler, in this interpreter."""
    return [sys.executable, "-m", "paretofleet_agent.power.sampler"]


def runner_command(python: str) -> list[str]:
    """The command that starts a runner in the interpreter `python`."""
    return [python, str(RUNNER), str(GRAPH)]


def sampler_request(device: DeviceUnderTest, *, shares: bool) -> dict[str, Any]:
    """What a sampler of the real sensors of `device` is asked; `shares`: the runner works on its CPU too."""
    return {
        "kind": "prepare",
        "sysroot": str(device.sysroot),
        "cpu": device.housekeeping_cpu,
        "period_s": SLOW_SAMPLE_S if shares else None,
        "measured": of_request(device.sensor_facts),
        "sensors": dict(device.sensor_settings),
    }


def runner_request(
    lease: Lease, artifact_path: Path | None, device: DeviceUnderTest, cpus: Sequence[int], threads: int
) -> dict[str, Any]:
    """What a runner of a real model is asked: `lease` on `device`, pinned to `cpus`, with so many `threads`.

    `artifact_path` is the model file, None where the host needs none. Raises AttemptFailed where its graph
    cannot be read.
    """
    configuration, path = lease.configuration, None if artifact_path is None else artifact_path.resolve()
    runtime = configuration["runtime"]
    return dict(
        {key: configuration[key] for key in ("target_id", "precision", "batch_size", "options", "mode")},
        kind="prepare",
        runtime=runtime,
        timing_scope=configuration["timing_scope"],
        items_s=configuration.get("items_s"),
        classes=configuration.get("data", {}).get("classes"),
        sizes=configuration.get("sizes", {}),
        inputs={name: _fed(about, lease) for name, about in configuration.get("inputs", {}).items()},
        artifact=None if path is None else str(path),
        graph=graph_of(path, lease.artifact.sha256) if path else None,
        threads=threads,
        seed=lease.seed,
        cpus=list(cpus),
        program=device.interpreters.get(runtime),
        engines=None if device.engines is None else str(device.engines),
        artifact_sha256=lease.artifact.sha256,
        time_limit={
            "timeout_s": lease.limits.timeout_s,
            "iterations": lease.limits.warm_up_min_iterations + lease.limits.iterations_min,
        },
        reference_python=device.interpreter_of("onnxruntime"),
        # Once per configuration is enough, and every process costs its time.
        compares=lease.block == 1,
    )


def _fed(about: Mapping[str, Any], lease: Lease) -> dict[str, Any]:
    """What an input is fed, with the path of a file of samples in the place of its SHA-256."""
    fed = {key: value for key, value in about.items() if key != "sha256"}
    return dict(fed, file=str(lease.input_paths[about["sha256"]].resolve())) if "sha256" in about else fed


@functools.lru_cache(maxsize=8)
def graph_of(path: Path, sha256: str) -> dict[str, Any] | None:
    """What the graph of the file at `path` asks for, read once; `sha256` tells a file that has changed.

    None where there is no file. Raises AttemptFailed where the graph cannot be read.
    """
    del sha256
    if not path.is_file():
        return None
    try:
        return paretofleet_graph.as_json(paretofleet_graph.read_apart(str(path)))
    except paretofleet_graph.GraphRefused as error:
        raise AttemptFailed("unsupported", str(error)) from error
