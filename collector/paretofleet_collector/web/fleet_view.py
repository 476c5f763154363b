"""The first view: devices with what they do now or why they wait, and sweeps with how far they are."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.page_views import Fleet
from paretofleet_collector.service.overview import Overview
from paretofleet_collector.web import rendering
from paretofleet_collector.web.fragments import Fragments


async def make(overview: Overview, *, may_change: bool = False) -> Fragments:
    """The fleet as `overview` sees it now, with the buttons of who `may_change` devices."""
    made: Fragments = await run_in_threadpool(_fragments, await overview.look(), may_change)
    return made


def _fragments(fleet: Fleet, may_change: bool) -> Fragments:
    device_row = rendering.macro("fleet_rows.html", "device_row")
    sweep_row = rendering.macro("fleet_rows.html", "sweep_row")
    summary = rendering.macro("fleet_rows.html", "summary")
    there = [each for each in fleet.devices if each.device.state != "removed"]
    counts = {
        "devices": len(there),
        "online": sum(each.device.state == "online" for each in there),
        "measuring": sum(each.running is not None for each in there),
        "open_sweeps": sum(each.view.state not in SWEEP_FINAL for each in fleet.sweeps),
        "sweeps": len(fleet.sweeps),
    }
    return Fragments(
        {"summary": str(summary(counts))},
        {
            "devices": {
                f"device-{each.device.device_id}": str(device_row(each, may_change)) for each in fleet.devices
            },
            "sweeps": {f"sweep-{each.view.sweep_id}": str(sweep_row(each)) for each in fleet.sweeps},
        },
    )
