"""A process that computes: jobs come and results go as JSON lines over its pipes.

It is started with a fresh interpreter (gRPC does not survive a fork), runs at low priority, since a measured
device may share the machine, and ends when its input ends or its parent dies.
"""

from __future__ import annotations

import asyncio
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

from paretofleet_collector import errors
from paretofleet_collector.errors import CollectorError, StorageFull

LINE_MAX_BYTES = 256 << 20
JOB_S = 1800.0
_NICE = 10
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger(__name__)


class Worker:
    """The collector's end. Jobs run one after the other; the process is started for the first one."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def run(self, kind: str, **arguments: Any) -> Any:
        """Runs a job and returns its result.

        Raises the package's error that the job raised, StorageFull when the disk was full, and a plain
        CollectorError when the process died or took too long; the next job starts a new one.
        """
        return await asyncio.shield(self._run(json.dumps({"kind": kind, "arguments": arguments})))

    async def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _run(self, line: str) -> Any:
        async with self._lock:
            try:
                reply = await asyncio.wait_for(self._exchange(line), JOB_S)
            except (OSError, ValueError, TimeoutError) as error:
                await self.close()
                raise CollectorError(
                    f"The collector's worker process failed ({error!r}); try again."
                ) from error
            if not reply:
                await self.close()
                raise CollectorError("The collector's worker process died; try again.")
        answer = json.loads(reply)
        if "error" in answer:
            raise getattr(errors, answer["error"], CollectorError)(answer["message"])
        return answer["result"]

    async def _exchange(self, line: str) -> bytes:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "paretofleet_collector.jobs.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_MAX_BYTES,
            )
        streams = self._process.stdin, self._process.stdout
        if streams[0] is None or streams[1] is None:
            return b""
        streams[0].write(line.encode() + b"\n")
        await streams[0].drain()
        return await streams[1].readline()


def _jobs() -> Mapping[str, Callable[..., Any]]:
    from paretofleet_collector.jobs import report, seal
    from paretofleet_collector.models import variants
    from paretofleet_collector.service import adaptive

    return {
        "seal": seal.seal,
        "summarize_again": seal.summarize_again,
        "choose": adaptive.choose,
        "report": report.write_report,
        "inspect": variants.inspect,
        "build_zoo": variants.build_zoo,
    }


def _answer(line: str) -> dict[str, Any]:
    """Runs the job in a line; never raises, for the next job must find a process that lives."""
    try:
        job = json.loads(line)
        return {"result": _jobs()[job["kind"]](**job["arguments"])}
    except CollectorError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": CollectorError.__name__, "message": "The collector has not enough memory for that."}
    except Exception as error:  # noqa: BLE001 - see above
        return _failure(error)


def _failure(error: Exception) -> dict[str, Any]:
    """What the collector is told of an error that no job raises on purpose."""
    if _is_disk_full(error):
        return {"error": StorageFull.__name__, "message": "The collector's disk is full; free some space."}
    _log.error("a job failed", exc_info=error)
    if isinstance(error, OSError):
        return {"error": CollectorError.__name__, "message": f"The collector could not do that: {error}."}
    return {
        "error": CollectorError.__name__,
        "message": f"The collector failed inside ({type(error).__name__}: {error}).",
    }


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether that, or what it was raised for, is a disk without room, said by the system or by SQLite."""
    from paretofleet_collector.store.engine import is_full

    while error is not None:
        if is_full(error) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            return True
        error = error.__cause__
    return False


def main() -> None:
    """Serves jobs until the input ends. Whatever a library prints goes to standard error."""
    parent = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for line in sys.stdin:
        print(json.dumps(_answer(line)), file=out, flush=True)


if __name__ == "__main__":
    main()
