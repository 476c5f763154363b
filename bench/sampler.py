"""What the sampler costs: its processor time at 50 reads a second of six rails, files of a recorded desktop.

The rails are the RAPL zones of two packages; one file a rail, as on the device. At most 1 % of a core is
allowed. Below it stands the same at the rhythm that the sensors ask for, which is what a run has.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import parts
import psutil
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.measure.child import Child
from paretofleet_agent.measure.requests import sampler_command, sampler_request

PERIOD_S, ALLOWED = 0.02, 0.01
COLLECT_S, HANG_S = 1.0, 30.0
SECONDS, SHORT_SECONDS = 60.0, 10.0


def cost(device: DeviceUnderTest, period_s: float | None, seconds: float) -> tuple[float, int, int]:
    """(share of a core, reads, missed reads) of a sampler that is asked for its samples once a second."""
    child = Child("sampler", sampler_command(), sysroot=device.sysroot, stopped=lambda: False)
    with contextlib.closing(child):
        request = dict(sampler_request(device, shares=False), period_s=period_s)
        child.ask(request, "ready", time.monotonic() + HANG_S)
        process = psutil.Process(child.pid)
        begin_s, before = time.monotonic(), process.cpu_times()
        report: dict = {}
        while time.monotonic() < begin_s + seconds:
            time.sleep(COLLECT_S)
            asked = {"kind": "collect", "until_ns": 0, "activity": "busy"}
            report = child.ask(asked, "samples", time.monotonic() + HANG_S)[0]["report"]
        after = process.cpu_times()
        spent_s = after.user + after.system - before.user - before.system
        return spent_s / (time.monotonic() - begin_s), report["reads"], report["missed"]


def main() -> int:
    """Prints the cost at both rates."""
    options = parts.arguments(__doc__ or "").parse_args()
    print(parts.conditions())
    with tempfile.TemporaryDirectory() as name:
        device = probe.probe_device(parts.rapl_tree(Path(name)), None, {})
        rails = len(device.inventory.sensors)
        shares = {}
        for period_s, what in ((PERIOD_S, "at 50 Hz"), (None, "at their own rhythm")):
            seconds = SHORT_SECONDS if options.short else SECONDS
            shares[period_s], reads, missed = cost(device, period_s, seconds)
            print(f"{rails} rails {what}: {shares[period_s]:.2%} of a core, {reads} reads, {missed} missed")
    holds = shares[PERIOD_S] <= ALLOWED
    parts.verdict(holds=holds, what=f"at most {ALLOWED:.0%} of a core at 50 Hz over {rails} rails")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
