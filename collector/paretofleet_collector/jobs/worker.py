"""The collector's end of the process that computes (`python -m paretofleet_collector.jobs`).

Jobs go to it, by name, and results come back as JSON lines over its pipes. It is started with a fresh
interpreter, since gRPC does not survive a fork.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from typing import Any

from paretofleet_collector.errors import (
    CollectorError,
    ModelRefused,
    NotFound,
    Refused,
    StorageUnavailable,
    Taken,
)
from paretofleet_collector.models.onnxfile import NO_TELEMETRY

LINE_MAX_BYTES = 256 << 20
JOB_S = 1800.0
#: The errors that a job raises on purpose, by the names under which they come.
_ERRORS = {kind.__name__: kind for kind in (ModelRefused, NotFound, Refused, StorageUnavailable, Taken)}


class Worker:
    """Runs jobs one after the other in one process, which is started for the first of them.

    It is one of the interpreter `python`; `remedy` is what to do where that fails.
    """

    def __init__(self, python: str = sys.executable, remedy: str = "try again") -> None:
        self._python, self._remedy = python, remedy
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def run(self, kind: str, **arguments: Any) -> Any:
        """Runs a job and returns its result.

        Raises the package's error that the job raised, StorageUnavailable when the disk was full, and a plain
        CollectorError when the process died or took too long; the next job starts a new one.
        """
        job = asyncio.ensure_future(self._run(json.dumps({"kind": kind, "arguments": arguments})))
        # Who asked may be gone when it fails, as at the end of the collector.
        job.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(job)

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
                    f"The collector's worker process failed ({error!r}); {self._remedy}."
                ) from error
            if not reply:
                await self.close()
                raise CollectorError(f"The collector's worker process died; {self._remedy}.")
        answer = json.loads(reply)
        if "error" in answer:
            raise _ERRORS.get(answer["error"], CollectorError)(answer["message"])
        return answer["result"]

    async def _exchange(self, line: str) -> bytes:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                "-m",
                "paretofleet_collector.jobs",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_MAX_BYTES,
                env={**os.environ, **NO_TELEMETRY},
            )
        streams = self._process.stdin, self._process.stdout
        if streams[0] is None or streams[1] is None:
            return b""
        streams[0].write(line.encode() + b"\n")
        await streams[0].drain()
        return await streams[1].readline()
