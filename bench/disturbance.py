"""What a running daemon and sampler cost the runner: its median latency with them and without.

A runner works on its CPU. Beside it, on the housekeeping CPU, are a daemon that serves a collector, and a
sampler that reads power counters (files of a recorded desktop where this machine has none). Halves of a pair
come in random order; "without" means that both are stopped by SIGSTOP. The collector, which on a fleet is
another machine, keeps to the housekeeping CPU and runs throughout. Pairs are added, 20 to 300, until the 95 %
interval of the median change is narrower than 1 %.

`--page`: as on the machine of `paretofleet up` while somebody watches. The collector serves the live page,
whose fleet one tab watches by its stream, and is let run and stopped with the others.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import page_tab
import parts
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.standalone import paired
from paretofleet_agent.standalone.warm_runner import WarmRunner, WarmSampler, compare

sys.path.insert(0, str(parts.ROOT / "tests" / "system"))

from farm import Farm

SHORT_S = 60.0


def with_power(root: Path) -> tuple[DeviceUnderTest, str]:
    """This machine and what its sampler will read."""
    device = probe.probe_device(Path("/"), None, {})
    if device.has_power:
        return device, "the sensors of this machine"
    recorded = probe.probe_device(parts.rapl_tree(root), None, {})
    inventory = replace(device.inventory, sensors=recorded.inventory.sensors)
    return replace(device, sysroot=root, inventory=inventory), f"{len(inventory.sensors)} files of a desktop"


def start(farm: Farm, device: DeviceUnderTest, *, has_page: bool) -> list[int]:
    """Starts a collector on the housekeeping CPU and an agent that serves it; returns the ids of the
    processes that are stopped and let run: the agent's and, where it serves the page, the collector's.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {device.housekeeping_cpu})
    try:
        collector = farm.start_collector(web="127.0.0.1:0" if has_page else "off")
    finally:
        os.sched_setaffinity(0, allowed)
    agent = farm.start_agent("disturber").pid
    return [agent, collector.pid] if has_page else [agent]


def main() -> int:
    """Prints the interval."""
    parser = parts.arguments(__doc__ or "", networks=("squeezenet1_1",))
    parser.add_argument("--page", action="store_true", help="with the live page and a tab that watches it")
    options = parser.parse_args()
    until_s = time.monotonic() + SHORT_S if options.short else math.inf
    print(parts.conditions())
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        device, read = with_power(Path(name) / "tree")
        farm = stack.enter_context(contextlib.closing(Farm(Path(name))))
        process_ids = start(farm, device, has_page=options.page)
        os.sched_setaffinity(0, {device.housekeeping_cpu})
        tab = page_tab.Tab(*page_tab.signed_in(farm)) if options.page else None
        if tab is not None:
            tab.start()
        for network in options.networks:
            model = parts.network(network)
            lease = parts.lease(model, 2)
            with contextlib.ExitStack() as measured:
                measured.enter_context(parts.host())
                runner = measured.enter_context(contextlib.closing(WarmRunner(lease, model, device)))
                sampler = measured.enter_context(contextlib.closing(WarmSampler(device, lease)))
                logs = compare(runner, [*process_ids, sampler.pid], between=sampler.collect, until_s=until_s)
            print(f"{network}: {sampler.samples} samples read from {read}")
            tell(paired.change(logs), len(logs))
        if tab is not None:
            print(f"the tab got {tab.received} bytes")
    return 0


def tell(found: paired.PairedChange | None, count: int) -> None:
    """The interval, and whether it is narrow and low enough."""
    if found is None:
        print(f"only {count} pairs in this time: no interval")
        return
    print(f"change of the median latency: {found}")
    if found.is_narrow:
        parts.verdict(holds=found.is_harmless, what=f"the upper end is at most {paired.HIGH_MAX:.1%}")
    else:
        why = f"the interval is still {found.width:.1%} wide: this machine is unsteady"
        print(f"undecided: after {count} pairs {why}")


if __name__ == "__main__":
    sys.exit(main())
