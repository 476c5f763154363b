"""One sweep: how far it is, configuration by device, what runs, and the frontier as it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.views import ConfigurationState, PlannedView, SweepDetail, SweepProgress
from paretofleet_collector.service import sweeps, watching
from paretofleet_collector.web import rendering
from paretofleet_collector.web.fragments import Fragments
from paretofleet_collector.web.site import Site

#: What a cell shows first of the states of its runs, and what they are called there.
_STATES = (
    ("running", "running"),
    ("leased", "running"),
    ("failed", "failed"),
    ("skipped", "skipped"),
    ("cancelled", "cancelled"),
    ("pending", "pending"),
    ("uploaded", "measured"),
    ("sealed", "measured"),
)

#: What the parts of a row's name are called, and which of them is the batch size.
HEADS = ("Model", "Precision", "Batch", "Otherwise")
_BATCH = 2


@dataclass(frozen=True)
class MatrixCell:
    """The runs of a configuration on a device: how many were measured of all, and the state that matters."""

    configuration_id: str
    measured: int
    runs: int
    state: str
    reason: str
    message: str


async def make(site: Site, name: str, level: str, earlier: watching.Earlier) -> Fragments:
    """The sweep of `site` with a `name` or an id as it is now, with the buttons of a `level` of rights.

    Keeps in `earlier` what other sweeps showed. Raises NotFound.
    """
    detail = await sweeps.show(site.context, name)
    now = await watching.now(site.context, detail.sweep.sweep_id, earlier)
    sealed = detail.sweep.runs_by_state.get("sealed", 0)
    is_over = detail.sweep.state in SWEEP_FINAL
    number, frontier = site.frontiers.newest(detail.sweep.sweep_id, sealed, is_over=is_over)
    made: Fragments = await run_in_threadpool(_fragments, detail, now, (number, frontier), level)
    return made


def matrix(
    configurations: tuple[ConfigurationState, ...],
) -> tuple[list[str], dict[tuple[str, ...], dict[str, MatrixCell]]]:
    """The devices in `configurations`, and for each row of what is otherwise the same its cell by device."""
    devices = sorted({each.configuration.device for each in configurations})
    rows: dict[tuple[str, ...], dict[str, MatrixCell]] = {}
    for each in configurations:
        rows.setdefault(_row_of(each.configuration), {})[each.configuration.device] = _cell(each)
    return devices, rows


def heads(rows: Mapping[tuple[str, ...], object]) -> tuple[list[int], str]:
    """Which parts of what names the `rows` of a matrix tell them apart, and in words what they have alike.

    The model is always among the former, so that a narrow screen has room for the devices.
    """
    telling = [at for at in range(len(HEADS)) if at == 0 or len({names[at] for names in rows}) != 1]
    first = next(iter(rows), ("",) * len(HEADS))
    alike = [f"batch size {part}" if at == _BATCH else part for at, part in enumerate(first)]
    return telling, ", ".join(part for at, part in enumerate(alike) if at not in telling and part)


def _row_of(planned: PlannedView) -> tuple[str, ...]:
    threads = "" if planned.threads is None else f"{planned.threads} threads"
    mode = "" if planned.mode == "latency" else planned.mode
    details = (planned.runtime, planned.target, threads, mode, planned.fed)
    return (
        planned.model,
        planned.precision,
        str(planned.batch_size),
        ", ".join(each for each in details if each),
    )


def _cell(each: ConfigurationState) -> MatrixCell:
    counts = each.runs_by_state
    state = next((shown for state, shown in _STATES if counts.get(state)), "pending")
    measured = counts.get("sealed", 0) + counts.get("uploaded", 0)
    if state == "pending" and measured:
        state = "going"
    runs = sum(counts.values())
    return MatrixCell(
        each.configuration.configuration_id,
        measured,
        runs,
        state,
        each.reason,
        each.message,
    )


def _fragments(
    detail: SweepDetail,
    now: SweepProgress,
    frontier: tuple[int, Mapping[str, Any]],
    level: str,
) -> Fragments:
    sweep = detail.sweep
    devices, rows = matrix(detail.configurations)
    values = {
        "sweep": sweep,
        "left": now.left,
        "running": now.running,
        "unsealed": sweep.runs_by_state.get("uploaded", 0),
        "ended": sweep.ended_runs,
        "reasons": _reasons(detail),
        "is_over": sweep.state in SWEEP_FINAL,
        "level": level,
        "can_retry": any(sweep.runs_by_state.get(state) for state in ("failed", "skipped", "cancelled")),
        "number": frontier[0],
        "frontier": frontier[1],
        "open_devices": [] if sweep.state in SWEEP_FINAL else devices,
    }
    parts = {
        name: str(rendering.macro("sweep_parts.html", name)(values))
        for name in ("head", "actions", "running", "frontier", "timing")
    }
    row = rendering.macro("sweep_parts.html", "matrix_row")
    telling, _ = heads(rows)
    lines = {
        (key := _row_id(names)): str(
            row(key, [names[at] for at in telling], [cells.get(each) for each in devices], devices, sweep)
        )
        for names, cells in rows.items()
    }
    return Fragments(parts, {"matrix": lines})


def _row_id(names: tuple[str, ...]) -> str:
    return "row-" + hashlib.sha256("\0".join(names).encode(errors="replace")).hexdigest()[:12]


def _reasons(detail: SweepDetail) -> list[tuple[str, str, int, str]]:
    """Why runs have no values: reason, state, how many configurations, and the message of the first."""
    counts: dict[tuple[str, str], tuple[int, str]] = {}
    for each in detail.configurations:
        if each.reason:
            state = "failed" if each.runs_by_state.get("failed") else "skipped"
            before, message = counts.get((each.reason, state), (0, ""))
            counts[each.reason, state] = before + 1, message or each.message
    return [(reason, state, number, message) for (reason, state), (number, message) in sorted(counts.items())]
