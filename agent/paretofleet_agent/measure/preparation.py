"""Before the processes of an attempt start: its CPUs, its host, cooling down, and how the device is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Sequence

from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.host import Host
from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.measure import cool_down
from paretofleet_agent.measure.run_record import CONTAMINATED, RunRecord
from paretofleet_agent.measure.warm_up import limits_here
from paretofleet_agent.model import Lease, Limits

SHARES = "shares_sampler_cpu"
#: The mode of runs that are not timed.
EVALUATES = "accuracy"


@dataclass(frozen=True)
class Attempt:
    """What is settled before an attempt begins. `limits`: as they hold for its target here.

    The runner gets `cpus` and works with so many `threads`; `shares_cpu`: one of them is the sampler's too.
    """

    lease: Lease
    limits: Limits
    device: DeviceUnderTest
    host: Host
    cpus: tuple[int, ...]
    threads: int
    record: RunRecord

    @property
    def target_id(self) -> str:
        """The target that it runs on."""
        return str(self.lease.configuration["target_id"])

    @property
    def shares_cpu(self) -> bool:
        """Whether runner and sampler share a CPU."""
        return self.device.housekeeping_cpu in self.cpus

    @property
    def overlaps(self) -> bool:
        """Whether an iteration begins before the last has ended: its duration is that of handing over."""
        return bool(self.lease.configuration["mode"] == "throughput")

    @property
    def is_evaluation(self) -> bool:
        """Whether it asks what the model says of labelled items, and times nothing."""
        return bool(self.lease.configuration["mode"] == EVALUATES)

    @property
    def period_s(self) -> float:
        """Seconds from one batch to the next where items come by the clock; else 0."""
        configuration = self.lease.configuration
        if configuration["mode"] != "paced":
            return 0.0
        return float(configuration["batch_size"] / configuration["items_s"])


def prepare(lease: Lease, device: DeviceUnderTest, record: RunRecord) -> Attempt:
    """Settles how `lease` runs on `device`, and starts its `record`. Raises AttemptFailed for bad threads."""
    requested = lease.configuration["threads"]
    threads_max = len(device.inventory.cpus)
    if requested is not None and not 1 <= requested <= threads_max:
        raise AttemptFailed(
            "unsupported", f"{requested} threads were asked for; this device allows 1 to {threads_max}"
        )
    quota = device.cpu_quota
    if quota is not None:
        record.facts["cpu_quota"] = {"cpus": quota, "threads": device.default_threads(quota)}
    threads = device.default_threads(quota) if requested is None else requested
    cpus, host = device.cpus_for(threads), device.open_host(device, lease, threads)
    attempt = Attempt(
        lease=lease,
        limits=limits_here(
            lease.limits,
            wakes_slowly=device.wakes_slowly(lease.configuration["target_id"]),
            has_floor=host.runs_models,
        ),
        device=device,
        host=host,
        cpus=cpus,
        threads=threads,
        record=record,
    )
    if attempt.shares_cpu:
        record.flags.append(SHARES)
    return attempt


def begin(attempt: Attempt) -> dict[str, Any]:
    """Cools the device of `attempt` down and returns its environment; raises Stopped."""
    _cool_down(attempt)
    host, facts = attempt.host, attempt.record.facts
    environment = host.environment()
    note_other_processes(attempt)
    started_unix_s, boot_id = host.started_unix_s(), host.boot_id()
    facts.update(boot_id=boot_id, started_unix_s=started_unix_s, readings_before=host.readings())
    processor = host.processor()
    if processor:
        facts["processor"] = processor
    return environment


def note_other_processes(attempt: Attempt, pids: Sequence[int] = ()) -> None:
    """Whoever computes on a GPU beside `pids` uses it at the cost of `attempt`; a CPU's load is measured."""
    facts = attempt.record.facts
    others = attempt.host.other_processes(pids)
    if others:
        facts["gpu_strangers"] = sorted({*facts.get("gpu_strangers", ()), *others})
        attempt.record.add_flag(CONTAMINATED)


def _cool_down(attempt: Attempt) -> None:
    """Waits for the temperature before the first run of the sweep here, where there is one to be read."""
    record = attempt.record
    if not attempt.limits.cool_max_s or attempt.is_evaluation:
        return
    record.show_phase(cool_down.PHASE)
    wait = cool_down.wait_until_cool(attempt.device, attempt.lease, attempt.host, record.stopped)
    record.raise_if_stopped()
    if wait is not None:
        record.facts[cool_down.PHASE] = asdict(wait)
        if wait.gave_up:
            record.flags.append(cool_down.TOO_WARM)
