"""The runner's side of the protocol: one run, from `prepare` to `result`."""

import importlib
from typing import Any, Callable, List, Mapping, Optional, Tuple

from . import frames, loop, paced_loop, process
from .failure import RunFailed, explain

Write = Callable[[Mapping[str, Any], bytes], None]

#: So many batches that are due while the daemon does not ask are taken, and no more: it has gone.
UNASKED_MAX = 10000

#: What a runner can drive: module and class. Made from the prepare header; has `ready`, `block`, `finish`.
RUNTIMES: Mapping[str, Tuple[str, str]] = {
    "onnxruntime": ("runtimes.onnxruntime_runtime", "OnnxRuntime"),
    "torch": ("runtimes.torch_runtime", "Torch"),
    "openvino": ("runtimes.openvino_runtime", "OpenVino"),
    "litert": ("runtimes.litert_runtime", "LiteRt"),
    "trtexec": ("runtimes.trtexec_runtime", "TrtExec"),
    "simulated": ("runtimes.simulated", "SimulatedRuntime"),
}


def serve(reader: frames.Reader, write: Write) -> None:
    """Serves one run of the requests from `reader`, answering with `write`.

    Returns at its end, at the end of the file, or after `failed` was sent.
    """
    try:
        _serve(reader, write)
    except (BrokenPipeError, EOFError):
        raise
    except Exception as error:  # noqa: BLE001  whatever a runtime raises becomes a reason and a sentence
        reason, message = explain(error)
        facts = getattr(error, "facts", {}) if isinstance(error, RunFailed) else {}
        write({"kind": "failed", "reason": reason, "message": message, "facts": facts}, b"")


def _serve(reader: frames.Reader, write: Write) -> None:
    frame = reader.read()
    if frame is None:
        return
    request = frame[0]
    if request["runtime"] not in RUNTIMES:
        raise RunFailed("unsupported", "runtime %r is not one that this agent drives" % request["runtime"])
    cpus = process.pin_to_cpus(request["cpus"])  # before the runtime starts its threads
    module, name = RUNTIMES[request["runtime"]]
    run = getattr(importlib.import_module("." + module, __package__), name)(request, process.clock())
    if request.get("says_loaded"):
        write({"kind": "loaded"}, b"")
    ready = run.ready()
    ready["effective"]["cpus"] = request["cpus"] if request["runtime"] == "simulated" else cpus
    process.freeze_gc()
    write(dict(ready, kind="ready"), b"")
    unasked: loop.Columns = ([], [])
    while True:
        frame = _next_frame(reader, run, unasked)
        if frame is None:
            return
        header = frame[0]
        if header["kind"] == "block":
            starts, durations = _block(run, header)
            columns = unasked[0] + starts, unasked[1] + durations
            unasked = [], []
            write(dict(_due(run, header), kind="block", n=len(columns[0])), frames.pack_columns(columns))
        elif header["kind"] == "evaluate":
            write(*_evaluated(run, header["seconds"]))
        elif header["kind"] == "finish":
            write(dict(run.finish(), kind="result"), b"")
            return
        else:
            raise RunFailed("crashed", "the daemon sent %r" % header["kind"])


def _block(run: Any, header: Mapping[str, Any]) -> loop.Columns:
    seconds, max_iterations = header["seconds"], header["max_iterations"]
    if "pause_ns" in header:
        return paced_loop.block(
            run, pause_ns=header["pause_ns"], seconds=seconds, max_iterations=max_iterations
        )
    columns: loop.Columns
    if "min_iterations" in header:  # only where `ready` said that a block is a process
        columns = run.block(seconds, max_iterations, header["min_iterations"])
    else:
        columns = run.block(seconds, max_iterations)
    return columns


def _evaluated(run: Any, seconds: float) -> Tuple[Mapping[str, Any], bytes]:
    """The next items of a labelled set and their best classes, and whether they were the last."""
    columns = run.predictions.batches(seconds, run.clock)
    header = {"kind": "predictions", "n": len(columns[0]), "is_last": run.predictions.is_over}
    return header, frames.pack_columns(columns)


def _next_frame(reader: frames.Reader, run: Any, unasked: loop.Columns) -> Optional[frames.Frame]:
    """The next frame; what becomes due before it comes is done meanwhile, and its times join `unasked`.

    A camera does not wait while the daemon decides. Where the pace was ended, or its clock stands still
    meanwhile, nothing becomes due.
    """
    pace = getattr(run, "pace", None)
    while pace is not None and pace.goes_on and len(unasked[0]) < UNASKED_MAX:
        try:
            return reader.read(pace.spare_s())
        except TimeoutError:  # noqa: PERF203  it is one a batch, in its idle time
            starts, durations = run.block(0.0, 1)
            unasked[0].extend(starts)
            unasked[1].extend(durations)
    return reader.read()


def _due(run: Any, header: Mapping[str, Any]) -> Mapping[str, List[List[int]]]:
    """When the batches of a block were due, where items come by the clock; the pace ends where it is told."""
    pace = getattr(run, "pace", None)
    if pace is None:
        return {}
    parts = pace.taken()
    if not header.get("keeps_pace"):
        pace.end()
    return {"due": parts}
