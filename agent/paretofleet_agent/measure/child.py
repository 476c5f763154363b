"""A child process that talks in frames, and what its end means."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from paretofleet_agent.errors import AttemptFailed, Stopped
from paretofleet_agent.hardware.environment import child_environment, oom_kills
from paretofleet_agent.runner import failure, frames

#: How often a waiting daemon looks whether it shall stop.
SLICE_S = 0.5
#: How long a child may take to go after its pipe was closed.
GOODBYE_S = 5.0
STDERR_TAIL_BYTES = 4000

Frame = Tuple[Dict[str, Any], bytes]
#: What to do while the child works, or nothing.
Meanwhile = Optional[Callable[[], None]]


class Child:
    """A runner or a sampler: started by exec, asked one thing at a time, never left behind.

    It gets a session of its own, so that a Ctrl-C reaches only the daemon, which then ends it in order.
    `argv` is its command, `sysroot` where the kernel counts kills for memory; once `stopped()` it is not
    waited for any more. `variables` are all that it starts with; None: this process's.
    Raises AttemptFailed when it does not start.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        sysroot: Path,
        stopped: Callable[[], bool],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._sysroot = sysroot
        self._stopped = stopped
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  closed in `close`
        self._oom_kills = oom_kills(sysroot)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=child_environment(sysroot) if variables is None else variables,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._stderr.close()
            raise AttemptFailed(
                "runtime_missing",
                f"the interpreter {argv[0]} does not start: {error.strerror}; correct the agent's settings",
            ) from error
        if self._process.stdin is None or self._process.stdout is None:
            raise AttemptFailed("crashed", "a child without pipes")
        self._sink = self._process.stdin
        self._source = self._process.stdout
        self._reader = frames.Reader(self._source.fileno())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(
        self,
        header: Mapping[str, Any],
        expect: str,
        deadline_s: float,
        meanwhile: Meanwhile = None,
    ) -> Frame:
        """Sends a frame and waits for the answer of the kind `expect` until `deadline_s` (time.monotonic).

        `meanwhile` is called once if the child has worked for SLICE_S without an answer.
        Raises AttemptFailed (`timeout`, what the child says, or what its end means) and Stopped.
        """
        with contextlib.suppress(BrokenPipeError):  # its last words may still be in the other pipe
            frames.write(self._sink.fileno(), header)
        return self.answer(header["kind"], expect, deadline_s, meanwhile)

    def answer(self, request: str, expect: str, deadline_s: float, meanwhile: Meanwhile = None) -> Frame:
        """Waits for a frame of the kind `expect` in answer to a `request` that was sent; else as `ask`."""
        while True:
            if self._stopped():
                raise Stopped("the attempt was told to end")
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise AttemptFailed("timeout", f"no answer to {request!r} within the time limit of the run")
            try:
                frame = self._reader.read(min(SLICE_S, left_s))
            except TimeoutError:
                if meanwhile is not None:
                    meanwhile()
                    meanwhile = None
                continue
            except (EOFError, ValueError) as error:
                raise self._ended() from error
            if frame is None:
                raise self._ended()
            answer: dict[str, Any] = frame[0]
            if answer["kind"] == "failed":
                raise AttemptFailed(answer["reason"], answer["message"], answer.get("facts"))
            if answer["kind"] != expect:
                raise AttemptFailed("crashed", f"{answer['kind']!r} came in answer to {request!r}")
            return answer, frame[1]

    def close(self) -> None:
        """Ends the child: by closing its pipe, and by SIGKILL where that does not help."""
        for pipe in (self._sink, self._source):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(GOODBYE_S if self._process.poll() is None else 0)
        except subprocess.TimeoutExpired:
            self.kill()
        self._stderr.close()

    def kill(self) -> None:
        """Ends the child at once."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a driver may hold it for ever
            self._process.wait(GOODBYE_S)

    def blocked_file(self) -> str | None:
        """The file that the child waits for within a system call, None where it works or the kernel hides it.

        The first argument of a call that reads is its descriptor.
        """
        process = Path("/proc") / str(self.pid)
        try:
            descriptor = int((process / "syscall").read_text().split()[1], 16)
            path = os.readlink(process / "fd" / str(descriptor))
        except (OSError, ValueError, IndexError):
            return None
        return path if path.startswith("/") else None

    def _ended(self) -> AttemptFailed:
        """What the end of the child means, from its exit and the last line that it printed."""
        try:
            code = self._process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return AttemptFailed("crashed", f"the {self._name} closed its pipe and went on")
        last = self._last_line()
        kills = oom_kills(self._sysroot)
        killed_for_memory = kills is None or self._oom_kills is None or kills > self._oom_kills
        reason, message = explain_exit(self._name, code, last, killed_for_memory=killed_for_memory)
        return AttemptFailed(reason, message)

    def _last_line(self) -> str:
        size = self._stderr.seek(0, 2)
        self._stderr.seek(max(0, size - STDERR_TAIL_BYTES))
        lines = self._stderr.read().decode("utf-8", "replace").split("\n")
        return failure.one_line(next((line for line in reversed(lines) if line.strip()), ""))


def explain_exit(name: str, code: int, last_line: str, *, killed_for_memory: bool) -> tuple[str, str]:
    """(reason, sentence) of the child `name` that ended without a result.

    `code` is its exit code, negative for a signal, and `last_line` the last that it printed.
    `killed_for_memory`: the kernel counted a kill for memory meanwhile, or counts none, in which case a
    SIGKILL is taken for one.
    """
    its_last_line = f"; its last words: {last_line}" if last_line else ""
    if failure.says_out_of_memory(last_line):
        return "oom", f"memory ran out{its_last_line}"
    if code == -signal.SIGKILL and killed_for_memory:
        return "oom", f"the kernel ended the {name} with SIGKILL, for lack of memory"
    if code == -signal.SIGILL:
        return (
            "unsupported_isa",
            f"the runtime uses an instruction that this CPU does not have (SIGILL){its_last_line}",
        )
    if code < 0:
        return "crashed", f"the {name} ended with {_signal_name(-code)}{its_last_line}"
    return "crashed", f"the {name} ended with exit code {code} before its result{its_last_line}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
