"""`paretofleet-agent selftest`: can this device be trusted to measure? Some minutes, without a collector.

The same model entered twice must not be told apart; sampler and daemon must not slow the runner; and every
power sensor is shown as it was measured. The verdict is kept in the agent's home, where `status` finds it.
"""

from __future__ import annotations

import contextlib
import json
import math
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping

from paretofleet_agent import __version__, sensors, terminal
from paretofleet_agent.device import selftest_result
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.errors import AttemptFailed, PfError
from paretofleet_agent.hardware import environment
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.model import Lease
from paretofleet_agent.standalone import bench, paired
from paretofleet_agent.standalone.bench_statistics import mean_interval
from paretofleet_agent.standalone.run_options import BenchRequest
from paretofleet_agent.standalone.warm_runner import IdleDaemon, WarmRunner, WarmSampler, compare

GOOD, BAD, UNDECIDED = "good", "bad", "undecided"
#: The part of the time for the same model twice; the rest is the sampler's.
TWICE_SHARE = 0.5
TWICE_MIN, TWICE_MAX = 5, 40
#: Entries that differ by less than this are alike for most purposes; a wider half-interval tells nothing.
TWICE_HALF_WIDTH_MAX = 0.02
#: One of the runs of a pair: short, since it is the number of processes that tells.
WARM_UP_S, WINDOW_S, ITERATIONS_MIN = 0.3, 0.5, 10
#: What the sampler reads on a device without a power sensor: as many files as a desktop has counters.
ZONES = {
    "intel-rapl:0": "package-0",
    "intel-rapl:0:0": "core",
    "intel-rapl:0:1": "dram",
    "intel-rapl:1": "psys",
}


def run(
    model: Path | None, device: DeviceUnderTest, home: Path, *, minutes: float = 5.0, output: str = "table"
) -> int:
    """Tests this device for about `minutes`, stores the verdict and prints it (`output`: table or json).

    Without a model the smallest one in the home's models folder works. Returns 0 whatever the verdict: it is
    a finding. Raises PfError when there is no model, when it does not run, or on a simulated device.
    """
    if device.simulation is not None:
        raise PfError("a self-test is about a real device: run it without --simulate")
    if not minutes > 0:
        raise PfError(f"--minutes {minutes:g} is not a time: give a number above 0")
    model = model or _smallest(home / "models")
    until_s = time.monotonic() + 60 * minutes
    facts: dict[str, Any] = {
        "version": selftest_result.VERSION,
        "agent_version": __version__,
        "unix_s": time.time(),
        "boot_id": environment.boot_id(device.sysroot),
        "model": str(model),
        "sha256": bench.artifact_of(model).sha256,
        "minutes": minutes,
        "has_power": device.has_power,
        "same_model_twice": same_model_twice(model, device, time.monotonic() + 60 * minutes * TWICE_SHARE),
        "sampler": sampler_on_and_off(model, device, until_s),
        "sensors": {stream: dict(measured) for stream, measured in sorted(device.sensor_facts.items())},
    }
    facts["verdict"] = verdict(facts)
    selftest_result.store(home, facts)
    is_json = output == "json"
    text = (
        json.dumps(facts, indent=2, sort_keys=True) if is_json else table(facts, terminal.width_of_output())
    )
    sys.stdout.write(f"{text}\n")
    return 0


def same_model_twice(model: Path, device: DeviceUnderTest, until_s: float) -> dict[str, Any]:
    """Pairs of runs of one `model` on `device`, each a process, in random order, until `until_s` (monotonic).

    `change` is the mean change from one entry to the other, `low` and `high` its 95 % interval (Student).
    """
    chance, progress = random.Random(1), bench.Progress("same model twice")
    logs: list[float] = []
    while len(logs) < TWICE_MIN or (len(logs) < TWICE_MAX and time.monotonic() < until_s):
        medians = {}
        for entry in chance.sample("AB", 2):
            medians[entry] = _median_s(model, device, 2 * len(logs) + 2, progress)
        logs.append(math.log(medians["B"] / medians["A"]))
    low, high = (math.expm1(value) for value in mean_interval(logs))
    facts = {"pairs": len(logs), "change": math.expm1(statistics.mean(logs)), "low": low, "high": high}
    progress.done(f"{len(logs)} pairs of processes")
    return dict(facts, told_apart=not low <= 0 <= high)


def sampler_on_and_off(model: Path, device: DeviceUnderTest, until_s: float) -> dict[str, Any]:
    """What sampler and daemon cost a warm runner of `model` on `device`; `why_not` where nothing can be said.

    Ends at `until_s` (time.monotonic). Without a power sensor the sampler reads files that are made for it;
    `read` says which.
    """
    lease, progress = _lease(model, 2), bench.Progress("sampler and daemon on and off")
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paretofleet-selftest-")))
        metered = device if device.has_power else with_files(device, root / "tree")
        daemon = stack.enter_context(contextlib.closing(IdleDaemon(device, root / "home")))
        runner = stack.enter_context(contextlib.closing(WarmRunner(lease, model, device)))
        sampler = stack.enter_context(contextlib.closing(WarmSampler(metered, lease)))
        logs = compare(runner, [daemon.pid, sampler.pid], between=sampler.collect, until_s=until_s)
    progress.done(f"{len(logs)} pairs, {sampler.samples} samples read")
    cost = paired.change(logs)
    if cost is None:
        return {"why_not": f"the time allowed only {len(logs)} pairs; give more with --minutes"}
    read = "power sensors" if device.has_power else f"{len(ZONES)} files, as there is no power sensor"
    return dict(cost.facts(), samples=sampler.samples, read=read)


def with_files(device: DeviceUnderTest, root: Path) -> DeviceUnderTest:
    """The device as a sampler sees it that reads power counters below `root`, which are made there."""
    for zone, name in ZONES.items():
        folder = root / "sys/class/powercap" / zone
        folder.mkdir(parents=True)
        for file, text in (("name", name), ("energy_uj", "1"), ("max_energy_range_uj", "262143328850")):
            (folder / file).write_text(f"{text}\n")
    files, _ = sensors.find_all(root)
    rails = tuple(rail.info for sensor in files for rail in sensor.rails())
    for sensor in files:
        sensor.close()
    inventory = replace(device.inventory, sensors=rails)
    return replace(device, sysroot=root, inventory=inventory, sensor_settings={}, sensor_facts={})


def verdict(facts: Mapping[str, Any]) -> str:
    """GOOD, BAD, or UNDECIDED where an interval among the `facts` is too wide to tell."""
    cost, twice = _change(facts["sampler"]), facts["same_model_twice"]
    if twice["told_apart"] or (cost is not None and cost.low > paired.HIGH_MAX):
        return BAD
    return GOOD if not _is_wide(twice) and cost is not None and cost.is_harmless else UNDECIDED


def table(facts: Mapping[str, Any], width: int | None = None) -> str:
    """The `facts` in lines for people, of at most `width` columns; None folds nothing."""
    twice = facts["same_model_twice"]
    interval = f"{twice['change']:+.2%} (95 %: {twice['low']:+.2%} to {twice['high']:+.2%}"
    likeness = "alike, as it must be"
    if twice["told_apart"]:
        likeness = "TOLD APART; chance does this once in 20: run it again, then look for other work here"
    elif _is_wide(twice):
        likeness = "undecided, the runs scatter too much; look for other work here, or give more --minutes"
    pairs = [("same model twice", f"{interval}, {twice['pairs']} pairs of processes): {likeness}")]
    pairs.append(("agent on, off", _agent_line(facts["sampler"])))
    pairs += [(stream, _sensor_line(measured)) for stream, measured in facts["sensors"].items()]
    pairs.append(("verdict", facts["verdict"]))
    about = terminal.hung("", f"{facts['model']} on this device", width)
    return "\n".join([*about, terminal.facts(pairs, width)])


def _is_wide(twice: Mapping[str, Any]) -> bool:
    return bool(twice["high"] - twice["low"] > 2 * TWICE_HALF_WIDTH_MAX)


def _agent_line(sampler: Mapping[str, Any]) -> str:
    """What sampler and daemon cost together."""
    cost = _change(sampler)
    if cost is None:
        return str(sampler["why_not"])
    price = f"{cost}, the sampler reads {sampler['read']}"
    if cost.is_harmless:
        return f"{price}: harmless"
    if cost.low > paired.HIGH_MAX:
        return f"{price}: THE AGENT SLOWS THE RUNNER; leave one CPU free of it with fewer threads"
    return f"{price}: undecided, the interval is not narrow enough; give more time with --minutes"


def _sensor_line(measured: Mapping[str, Any]) -> str:
    period_s, cost_s = measured.get("period_s"), measured.get("read_cost_s")
    period = "refresh not seen" if period_s is None else f"refreshes every {period_s * 1e3:.3g} ms"
    cost = "" if cost_s is None else f", a read costs {cost_s * 1e6:.3g} us"
    flags = ", ".join(measured.get("flags") or ())
    return f"{period}{cost}" + (f"; {flags}" if flags else "")


def _change(facts: Mapping[str, Any]) -> paired.PairedChange | None:
    if "why_not" in facts:
        return None
    return paired.PairedChange(facts["pairs"], facts["median"], facts["low"], facts["high"])


def _lease(model: Path, number: int) -> Lease:
    request = BenchRequest(iterations=ITERATIONS_MIN, warm_up_s=WARM_UP_S, window_min_s=WINDOW_S)
    return bench.lease_of(bench.artifact_of(model), number, request)


def _median_s(model: Path, device: DeviceUnderTest, number: int, progress: bench.Progress) -> float:
    samples = bench.RunSamples()
    outcome = measure(_lease(model, number), model, samples, progress, device)
    if not outcome.ok:
        raise AttemptFailed(outcome.reason, f"{model}: {outcome.message} [{outcome.reason}]")
    return statistics.median(samples.window_s())


def _smallest(folder: Path) -> Path:
    """The smallest model that the agent has fetched: it gives the most iterations in a time."""
    with contextlib.suppress(OSError):
        models = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".part"]
        if models:
            return min(models, key=lambda path: path.stat().st_size)
    raise PfError(
        f"there is no model in {folder}: name one, as in `paretofleet-agent selftest squeezenet.onnx`"
    )
