"""The process that computes: reads jobs as JSON lines, runs them, and writes their results.

It runs at low priority, since a measured device may share the machine, and ends when its input ends or its
parent dies.
"""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from paretofleet_collector import interpreter
from paretofleet_collector.errors import CollectorError, StorageUnavailable

_NICE = 10
_PR_SET_PDEATHSIG = 1
_REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
_log = logging.getLogger(__name__)


def _jobs(kind: str) -> Mapping[str, Callable[..., Any]]:
    """The jobs by the names under which the collector asks for them: those that come with `kind`."""
    # Imported here, when the priority is low and what a library prints cannot reach the results. Who adds a
    # model waits for no analysis to load.
    if kind in ("inspect", "broken_shapes", "inspect_samples", "build_zoo", "make_variant"):
        from paretofleet_collector.models import recipes, samples, variants

        return {
            "inspect": variants.inspect,
            "broken_shapes": variants.broken_shapes,
            "inspect_samples": samples.inspect,
            "build_zoo": variants.build_zoo,
            "make_variant": recipes.make,
        }
    if kind in ("frontier", "compared"):
        from paretofleet_collector.jobs import compared, frontier

        return {"frontier": frontier.frontier, "compared": compared.compared}
    from paretofleet_collector.jobs import choose, manifest, merge, rebuild, report, seal

    return {
        "seal": seal.seal,
        "summarize_again": rebuild.summarize_again,
        "merge": merge.merge,
        "extract": merge.extract,
        "manifest_versions": manifest.manifest_versions,
        "write_manifest": manifest.write_manifest,
        "choose": choose.choose,
        "report": report.write_report,
    }


def _answer(line: str) -> dict[str, Any]:
    """Runs the job in a line; never raises, for the next job must find a process that lives."""
    try:
        job = json.loads(line)
        return {"result": _jobs(job["kind"])[job["kind"]](**job["arguments"])}
    except CollectorError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": CollectorError.__name__, "message": "The collector has not enough memory for that."}
    except Exception as error:  # noqa: BLE001 - see above
        return _failure(error)


def _failure(error: Exception) -> dict[str, Any]:
    """What the collector is told of an error that no job raises on purpose."""
    refusal = _refusal_of(error)
    if refusal:
        return {"error": StorageUnavailable.__name__, "message": refusal}
    _log.error("a job failed", exc_info=error)
    if isinstance(error, OSError):
        return {"error": CollectorError.__name__, "message": f"The collector could not do that: {error}."}
    return {
        "error": CollectorError.__name__,
        "message": f"The collector failed inside ({type(error).__name__}: {error}).",
    }


def _refusal_of(error: BaseException | None) -> str:
    """Why the system did not let it write, where that is what `error`, or what it was raised for, says."""
    from paretofleet_collector.store.engine import failure_of, is_full

    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return f"The collector cannot write: {os.strerror(error.errno)}; see to the disk."
        if is_full(error):
            return "The collector's disk is full; free some space."
        failure = failure_of(error) if isinstance(error, Exception) else error
        if isinstance(failure, StorageUnavailable):
            return str(failure)
        error = error.__cause__
    return ""


def main() -> None:
    """Serves jobs until the input ends. Whatever a library prints goes to standard error."""
    interpreter.collect_seldom()
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Not lower for a collector that is nice itself, which would starve it.
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for line in sys.stdin:
        print(json.dumps(_answer(line)), file=out, flush=True)


if __name__ == "__main__":
    main()
