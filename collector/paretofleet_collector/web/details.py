"""Pages that stay as they were loaded: a configuration, a run, a device, a comparison; files to take."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.page_views import FleetDevice
from paretofleet_collector.service import devices, reports, run_details, sweeps
from paretofleet_collector.service.overview import live_reading
from paretofleet_collector.web import rendering, trace
from paretofleet_collector.web.frame import frame
from paretofleet_collector.web.site import Site, check_may, may


async def _page(request: Request, template: str, **values: Any) -> Response:
    html = await run_in_threadpool(rendering.render, template, {**frame(request), **values})
    return Response(html, media_type="text/html")


async def _configuration(site: Site, request: Request) -> Response:
    """The runs of one configuration in a sweep."""
    check_may(request, "ShowSweep")
    detail = await sweeps.show(site.context, request.path_params["sweep"])
    configuration_id = request.path_params["configuration"]
    state = next(
        (each for each in detail.configurations if each.configuration.configuration_id == configuration_id),
        None,
    )
    if state is None:
        raise NotFound(f"Sweep '{detail.sweep.name}' has no configuration '{configuration_id}'.")
    rows = await run_details.runs_of(site.context, detail.sweep.sweep_id, configuration_id)
    title = f"{state.configuration.model} on {state.configuration.device}"
    return await _page(request, "configuration.html", title=title, sweep=detail.sweep, state=state, runs=rows)


async def _run(site: Site, request: Request) -> Response:
    """One run: what it was asked for, what became of it, and its lines in time."""
    check_may(request, "PullSamples")
    detail = await run_details.show_run(site.context, request.path_params["run"])
    lines, window = await _lines(site, request, detail.run.run_id)
    return await _page(
        request,
        "run.html",
        title=f"Run of {detail.planned.model} on {detail.planned.device}",
        detail=detail,
        facts=json.dumps(dict(detail.facts), indent=2, sort_keys=True),
        meanings=run_details.meanings_of(detail),
        lines=lines,
        window=window,
    )


async def _lines(site: Site, request: Request, run_id: str) -> tuple[list[trace.Drawn], trace.Window | None]:
    """The pictures of a run's streams in the span of time that is asked for; none before it is sealed."""
    try:
        samples = await site.reader.samples(run_id)
    except NotFound:
        return [], None
    window = trace.window_of(samples, request.query_params)
    return await run_in_threadpool(trace.draw, samples, window), window


async def _trace(site: Site, request: Request) -> Response:
    """The picture of one stream of a run as a file: SVG, or PNG where it can be made here."""
    check_may(request, "PullSamples")
    run_id, name = request.path_params["run"], request.query_params.get("stream", "iterations")
    lines, _ = await _lines(site, request, run_id)
    drawn = next((each for each in lines if each.stream == name), None)
    if drawn is None:
        raise NotFound(f"Run '{run_id}' has no sealed stream '{name}'.")
    text = await run_in_threadpool(rendering.render, "trace.svg", {"drawn": drawn})
    return Response(text, media_type="image/svg+xml", headers=_download(f"{run_id}-{drawn.file}.svg"))


async def _samples(site: Site, request: Request) -> Response:
    check_may(request, "PullSamples")
    run_id = request.path_params["run"]
    path, is_temporary = await reports.run_file(site.context, run_id)
    return FileResponse(
        path,
        filename=f"{run_id}.parquet",
        background=BackgroundTask(path.unlink, missing_ok=True) if is_temporary else None,
    )


async def _device(site: Site, request: Request) -> Response:
    """One device: what it has, and in which environments it has measured."""
    check_may(request, "ListDevices")
    name = request.path_params["device"]
    listed = await devices.list_devices(site.context)
    device = next((each for each in listed if name in (each.device_id, each.name)), None)
    if device is None:
        raise NotFound(f"There is no device '{name}'; was it removed?")
    environments = await run_details.environments(site.context, device.device_id)
    return await _page(
        request,
        "device.html",
        title=device.name,
        device=device,
        seen=FleetDevice(device, None, "", None, None, live_reading(site.context, device)),
        may_change=may(request, "ChangeDevice"),
        is_swapped=False,
        environment=json.loads(device.environment_json or "{}"),
        environments=environments,
    )


async def _report(site: Site, request: Request) -> Response:
    check_may(request, "PullReport")
    name, path = await reports.report_file(site.context, request.path_params["sweep"])
    return FileResponse(path, filename=name, background=BackgroundTask(path.unlink, missing_ok=True))


async def _report_csv(site: Site, request: Request) -> Response:
    """The columns of a report that have one value a row; its lists and structs are in the Parquet file."""
    check_may(request, "PullReport")
    name, path = await reports.report_file(site.context, request.path_params["sweep"])
    text = await run_in_threadpool(_csv, path)
    return Response(text, media_type="text/csv", headers=_download(f"{Path(name).stem}.csv"))


def _csv(path: Path) -> bytes:
    try:
        table = pq.read_table(path)
    finally:
        path.unlink(missing_ok=True)
    flat = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    sink = pa.BufferOutputStream()
    pc.write_csv(table.select(flat), sink)
    return bytes(sink.getvalue())


async def _frontier(site: Site, request: Request) -> Response:
    """The newest specification of a sweep's picture, for the script that draws it."""
    check_may(request, "ShowSweep")
    return JSONResponse(await _newest(site, request))


async def _frontier_file(site: Site, request: Request) -> Response:
    check_may(request, "ShowSweep")
    suffix = request.path_params["suffix"]
    result = await _newest(site, request)
    if result.get("specification") is None or suffix not in ("svg", "png"):
        raise NotFound("There is no picture of this sweep yet, or not in this form.")
    data = await run_in_threadpool(_picture, result["specification"], f".{suffix}")
    kind = {"svg": "image/svg+xml", "png": "image/png"}[suffix]
    return Response(data, media_type=kind, headers=_download(f"frontier.{suffix}"))


def _picture(specification: dict[str, Any], suffix: str) -> bytes:
    from paretofleet_analysis.figures.grammar import save

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"frontier{suffix}"
        save(specification, path)
        return path.read_bytes()


async def _newest(site: Site, request: Request) -> dict[str, Any]:
    sweep = (await sweeps.show(site.context, request.path_params["sweep"])).sweep
    return site.frontiers.newest(sweep.sweep_id, sweep.runs_by_state.get("sealed", 0))[1]


async def _compare(site: Site, request: Request) -> Response:
    """Two sweeps beside each other, chosen by a form."""
    check_may(request, "PullReport")
    listed = await sweeps.list_sweeps(site.context)
    chosen = [request.query_params.get(name, "") for name in "ab"]
    result: dict[str, Any] = {}
    if all(chosen):
        pair = [(await sweeps.show(site.context, name)).sweep for name in chosen]
        result = await site.context.worker.run(
            "compared",
            database=site.context.store.address,
            before=pair[0].sweep_id,
            after=pair[1].sweep_id,
        )
        result["names"] = [each.name for each in pair]
    return await _page(
        request, "compare.html", title="Compare", sweeps=listed[::-1], chosen=chosen, result=result
    )


def _download(name: str) -> dict[str, str]:
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return {"content-disposition": f'attachment; filename="{plain}"'}


#: Every page of these, and every file, by its address.
PAGES: dict[str, Callable[[Site, Request], Awaitable[Response]]] = {
    "/sweeps/{sweep}/report.parquet": _report,
    "/sweeps/{sweep}/report.csv": _report_csv,
    "/sweeps/{sweep}/frontier.json": _frontier,
    "/sweeps/{sweep}/frontier.{suffix}": _frontier_file,
    "/sweeps/{sweep}/{configuration}": _configuration,
    "/runs/{run}": _run,
    "/runs/{run}/trace.svg": _trace,
    "/runs/{run}/samples.parquet": _samples,
    "/devices/{device}": _device,
    "/compare": _compare,
}
