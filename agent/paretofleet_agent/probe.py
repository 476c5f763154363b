"""What this device has: targets, runtimes, sensors; for what is absent why, and the fix."""

from __future__ import annotations

import json
import platform
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Mapping

from paretofleet_agent import environment, sensor_facts
from paretofleet_agent import simulate as simulation
from paretofleet_agent.device import DeviceUnderTest, allowed_cpus, split_cpus
from paretofleet_agent.model import Absent, Inventory, RuntimeInfo, SensorInfo, Target
from paretofleet_agent.runner.failure import one_line
from paretofleet_agent.sensors import NO_SETTINGS, find_all
from paretofleet_agent.simulate.power import rail_of

RUNTIMES = ("onnxruntime",)
CPU = "cpu"
#: Importing a runtime from a slow card takes its time; a minute is a hang.
IMPORT_TIMEOUT_S = 120
ASK_ONNXRUNTIME = (
    "import json, onnxruntime, numpy; "
    "print(json.dumps([onnxruntime.__version__, onnxruntime.get_available_providers()]))"
)


def look(
    sysroot: Path,
    simulate: str | None,
    seed: int,
    runtimes: Mapping[str, str],
    *,
    truth_path: Path | None = None,
    sensor_settings: Mapping[str, str] = NO_SETTINGS,
    home: Path | None = None,
) -> DeviceUnderTest:
    """Looks at the device. `runtimes` maps a runtime to its interpreter; the others use this interpreter.

    `truth_path` takes the truth of simulated runs. `sensor_settings` is [sensors] of agent.ini. With a `home`
    the sensors of this machine are measured, about 20 s each once after a boot, and remembered there.
    Raises `errors.ConfigError` for an unknown class.
    """
    if simulate is not None:
        return _simulated(sysroot, simulate, seed, runtimes, truth_path)
    cpus = allowed_cpus()
    housekeeping, runner_cpus = split_cpus(cpus)
    absent: list[Absent] = []
    found: list[RuntimeInfo] = []
    for name in RUNTIMES:
        answer = look_for_runtime(name, runtimes.get(name, sys.executable))
        if isinstance(answer, Absent):
            absent.append(answer)
        else:
            found.append(answer)
    sensors, missing = find_all(sysroot, sensor_settings)
    rails = [rail.info for sensor in sensors for rail in sensor.rails()]
    is_here = sysroot.resolve() == Path("/")
    try:
        measured = sensor_facts.of_device(home, sysroot, sensors, len(cpus)) if home and is_here else {}
    finally:
        for sensor in sensors:
            sensor.close()
    inventory = Inventory(
        targets=(Target(target_id=CPU, alias=CPU, description=environment.cpu_model(sysroot)),),
        runtimes=tuple(found),
        sensors=tuple(rails),
        memory_bytes=environment.memory_bytes(sysroot),
        cpus=cpus,
        architecture=platform.machine(),
        simulated=False,
    )
    return DeviceUnderTest(
        inventory=inventory,
        absent=(*absent, *missing),
        sysroot=sysroot,
        seed=seed,
        interpreters=dict(runtimes),
        housekeeping_cpu=housekeeping,
        runner_cpus=runner_cpus,
        sensor_settings=dict(sensor_settings),
        sensor_facts=measured,
    )


def look_for_runtime(name: str, interpreter: str) -> RuntimeInfo | Absent:
    """Imports a runtime in its interpreter, in a process of its own: the version, or why it is absent."""
    fix = f"{interpreter} -m pip install {name} numpy; or name another interpreter in the settings"
    try:
        done = subprocess.run(
            [interpreter, "-c", ASK_ONNXRUNTIME],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=IMPORT_TIMEOUT_S,
            cwd="/",
            env=environment.child_environment(Path("/")),
            check=False,
        )
    except OSError as error:
        return Absent(name, f"the interpreter {interpreter} does not start: {error.strerror}", fix)
    except subprocess.TimeoutExpired:
        return Absent(name, f"importing it in {interpreter} took more than {IMPORT_TIMEOUT_S} s", fix)
    if done.returncode == -signal.SIGILL:
        why = "its wheel uses an instruction that this CPU does not have (SIGILL)"
        return Absent(name, why, f"an older {name} that was built for this CPU")
    lines = (done.stderr if done.returncode else done.stdout).decode("utf-8", "replace").strip().splitlines()
    last = one_line(lines[-1]) if lines else f"exit code {done.returncode}"
    try:
        version, providers = json.loads(last)
    except ValueError:
        return Absent(name, f"{interpreter} cannot import it: {last}", fix)
    if "CPUExecutionProvider" not in providers:
        return Absent(name, f"it offers no CPUExecutionProvider but {', '.join(providers)}", fix)
    return RuntimeInfo(name=name, version=version, target_ids=(CPU,))


def as_json(device: DeviceUnderTest) -> dict[str, Any]:
    """The device as JSON-ready values."""
    return {
        "inventory": asdict(device.inventory),
        "absent": [asdict(absent) for absent in device.absent],
        "housekeeping_cpu": device.housekeeping_cpu,
        "runner_cpus": list(device.runner_cpus),
        "simulate": device.simulate,
        "sensor_facts": {name: dict(facts) for name, facts in device.sensor_facts.items()},
        "environment": _environment(device),
    }


def describe(device: DeviceUnderTest) -> str:
    """The device in lines for people."""
    inventory = device.inventory
    lines = [("target", f"{target.alias}  {target.description}".rstrip()) for target in inventory.targets]
    lines += [
        ("runtime", f"{runtime.name} {runtime.version} on {', '.join(runtime.target_ids)}")
        for runtime in inventory.runtimes
    ]
    lines += [
        ("sensor", f"{sensor.source}/{sensor.rail}  {sensor.scope}, {sensor.kind}{_measured(device, sensor)}")
        for sensor in inventory.sensors
    ]
    if not inventory.sensors:
        lines.append(("sensor", "none: this device has no power sensor, so no energy is measured"))
    for absent in device.absent:
        lines.append(("absent", f"{absent.what}: {absent.why}"))
        if absent.fix:
            lines.append(("", f"fix: {absent.fix}"))
    runner = ", ".join(map(str, device.runner_cpus))
    lines.append(("CPUs", f"{runner} for runners, {device.housekeeping_cpu} for the agent and its sampler"))
    lines.append(("memory", f"{inventory.memory_bytes / 1e9:.1f} GB"))
    lines += [(key, str(value)) for key, value in _environment(device).items()]
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key:<{width}}  {value}" for key, value in lines)


def _measured(device: DeviceUnderTest, sensor: SensorInfo) -> str:
    """What was measured of a sensor's refreshes, in words."""
    facts = device.sensor_facts.get(f"power:{sensor.source}/{sensor.rail}")
    if facts is None:
        return ""
    period_s, flags = facts["period_s"], list(facts["flags"])
    refresh = "refresh unknown" if period_s is None else f"refreshed every {period_s * 1e3:.3g} ms"
    return ", ".join(["", refresh, *flags])


def _environment(device: DeviceUnderTest) -> dict[str, Any]:
    if device.simulate is not None:
        return simulation.environment(device.simulate)
    return environment.environment(device.sysroot, device.inventory.cpus)


def _simulated(
    sysroot: Path, name: str, seed: int, runtimes: Mapping[str, str], truth_path: Path | None
) -> DeviceUnderTest:
    kind = simulation.device_class(name)
    cpus = tuple(range(kind.cores))
    housekeeping, runner_cpus = split_cpus(cpus)
    inventory = Inventory(
        targets=(Target(target_id=CPU, alias=CPU, description=kind.description),),
        runtimes=(RuntimeInfo(name="onnxruntime", version=simulation.VERSION, target_ids=(CPU,)),),
        sensors=(rail_of(kind.sensor).info,),
        memory_bytes=kind.memory_bytes,
        cpus=cpus,
        architecture="simulated",
        simulated=True,
    )
    return DeviceUnderTest(
        inventory=inventory,
        sysroot=sysroot,
        seed=seed,
        simulate=name,
        interpreters=dict(runtimes),
        housekeeping_cpu=housekeeping,
        runner_cpus=runner_cpus,
        truth_path=truth_path,
    )
