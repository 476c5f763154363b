"""How the devices behind a ranking moved from block to block, as charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.page.device_rows import Course, courses_of_places
from paretofleet_analysis.ranking.rank import RankedRuns
from paretofleet_analysis.studies.answer import Chart

#: Fewer blocks show no drift.
BLOCKS_MIN = 3
#: Of more devices those that moved most are drawn: more lines cannot be followed.
DEVICES_MAX = 12


@dataclass(frozen=True)
class DriftChart:
    """A `chart` of one measure: the `name` of its column, the `title`, and the same in words."""

    name: str
    title: str
    alternative: str
    chart: Chart


def drift_charts(ranked: RankedRuns) -> list[DriftChart]:
    """A chart for each measured objective in which some device of `ranked` ran in three blocks.

    Each point is a device in a block: how far its configurations were from their own means, in percent, the
    middle of them, with the middle half as its interval.
    """
    names = [used.name for used in ranked.ranking.objectives if OBJECTIVES[used.name].is_measured]
    charts = []
    for name, by_place in courses_of_places(ranked.compared, names).items():
        has_one_sweep = len({sweep for _, sweep in by_place}) == 1
        moved = _that_moved(
            {
                device if has_one_sweep else f"{device} in {sweep}": course
                for (device, sweep), course in by_place.items()
            }
        )
        if moved:
            charts.append(_chart(name, moved))
    return charts


def _that_moved(courses: Mapping[str, Course]) -> dict[str, Course]:
    """The devices that ran in three blocks, those first that moved most."""
    ran = {device: course for device, course in courses.items() if len(course) >= BLOCKS_MIN}
    reach = {device: np.ptp([np.median(each) for each in course.values()]) for device, course in ran.items()}
    return {device: ran[device] for device in sorted(ran, key=lambda device: -reach[device])}


def _chart(name: str, courses: Mapping[str, Course]) -> DriftChart:
    objective = OBJECTIVES[name]
    drawn = dict(list(courses.items())[:DEVICES_MAX])
    points: list[dict[str, Any]] = []
    for device in sorted(drawn):
        for block, away in sorted(drawn[device].items()):
            low, middle, high = (float(f"{each:.4g}") for each in np.percentile(away, [25, 50, 75]))
            ends = {"lo": low, "hi": high} if len(away) > 1 else {}
            points.append({"block": block, "percent": middle, "device": device, **ends})
    furthest = max(points, key=lambda point: abs(point["percent"]))
    some = (
        f"{len(drawn)} of {len(courses)} devices" if len(drawn) < len(courses) else ", ".join(sorted(drawn))
    )
    alternative = (
        f"The {objective.phrase} of the configurations of {some} by block, in percent of their own means. "
        f"Furthest away was block {furthest['block']} of {furthest['device']}, "
        f"by {furthest['percent']:+.2g} %."
    )
    title = f"Drift of the {objective.phrase}"
    y_title = f"{objective.phrase} from its mean, %"
    chart = Chart("line", "block", "percent", "device", tuple(points), "block", y_title)
    return DriftChart(name, title, alternative, chart)
