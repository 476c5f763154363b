"""The process between a search and the user's command: `python -m paretofleet_collector.searches.keeper`.

It reads one JSON line, a request as `kept.run_kept` writes it, takes this host's lock, runs the command, and
ends it with all its descendants where it passes a limit, or where its own input ends: with the search. Prints
JSON lines: `waiting` for the lock, `started`, and what came of it. Knows the standard library alone.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

#: The lock that agents take while they measure: its usual folders, and its name.
LOCK_FOLDERS = (Path("/run/lock"), Path("/var/lock"), Path("/tmp"))  # noqa: S108 the host's own, shared
LOCK_FILE = "paretofleet.lock"
#: Between two looks at the command; looking takes at most a tenth of the time.
POLL_S, _SHARE = 0.2, 10
#: For processes to go that were killed; one that hangs in a driver may never.
_KILL_S = 10.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> None:
    """Does what the first line of the input asks."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    say = _sayer(out.fileno())
    request = json.loads(_first_line())
    # Descendants whose own parents end become ours, so that none is lost.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        lock = _open_lock(Path(request["lock"]) if request["lock"] else default_lock_folder())
    except OSError as error:
        say({"unlockable": f"{error.filename}: {error.strerror}"})
        return
    try:
        if _has_waited(lock, say):
            say(_run(request, say))
    finally:
        end_all()
        os.close(lock)


def _sayer(descriptor: int) -> Callable[[dict[str, Any]], None]:
    def say(event: dict[str, Any]) -> None:
        with suppress(OSError):  # nobody listens any more
            os.write(descriptor, (json.dumps(event) + "\n").encode())

    return say


def _first_line() -> bytes:
    """The request; what is behind it is not read, so that the input's end can be waited for."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            sys.exit(1)
        line += part
    return line


def default_lock_folder() -> Path:
    """The first of the usual places for lock files that this host has."""
    return next((folder for folder in LOCK_FOLDERS if folder.is_dir()), LOCK_FOLDERS[-1])


def _open_lock(folder: Path) -> int:
    path = str(folder / LOCK_FILE)
    how = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    with suppress(FileNotFoundError):
        return os.open(path, how)  # reading is enough, and works on a file of another user
    return os.open(path, how | os.O_CREAT, 0o644)


def _is_left(seconds: float) -> bool:
    """Waits so long; True where the input ended meanwhile."""
    return bool(select.select([0], [], [], seconds)[0])


def _has_waited(lock: int, say: Callable[[dict[str, Any]], None]) -> bool:
    """Takes the lock; False where the search ended before it was free."""
    is_waiting = False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if not is_waiting:
            say({"waiting": True})
            is_waiting = True
        if _is_left(POLL_S):
            return False


def _run(request: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Runs the command to its end, or to one of its limits; how it ended."""
    folder = Path(request["folder"])
    began = time.monotonic()
    with Path(request["log"]).open("wb") as log:
        try:
            process = subprocess.Popen(
                request["command"],
                cwd=folder,
                env=request["env"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _limit(request["disk_bytes"]),  # noqa: PLW1509 no thread of ours
            )
        except OSError as error:
            return {"missing": error.strerror}
    say({"started": process.pid})
    why, peaks = _watched(request, process.pid, began)
    end_all()
    code = _statuses.get(process.pid, -signal.SIGKILL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "code": code,
        "why": why,
        "wall_s": time.monotonic() - began,
        "cpu_s": used.ru_utime + used.ru_stime,
        "memory_peak_bytes": max(peaks["memory"], used.ru_maxrss * 1024),
        "disk_peak_bytes": max(peaks["disk"], _bytes_in(folder)),
    }


def _watched(request: dict[str, Any], pid: int, began: float) -> tuple[str, dict[str, int]]:
    """Looks at the command until it has ended: the limit that it passed, or nothing, and the most seen."""
    peaks = {"memory": 0, "disk": 0}
    pause = POLL_S
    while not _has_ended(pid):
        if _is_left(pause):
            return "stopped", peaks
        looked = time.monotonic()
        seen = {"memory": sum(map(_memory, descendants())), "disk": _bytes_in(Path(request["folder"]))}
        peaks = {kind: max(peaks[kind], seen[kind]) for kind in seen}
        over = [kind for kind in seen if seen[kind] > request[f"{kind}_bytes"]]
        if over and not _has_ended(pid):
            return over[0], peaks
        if time.monotonic() - began > request["timeout_s"] and not _has_ended(pid):
            return "timeout", peaks
        pause = max(POLL_S, _SHARE * (time.monotonic() - looked))
    return "", peaks


def _limit(disk_bytes: int) -> None:
    """In the new process: it ends with the keeper, leaves no core, and is the first to go without memory."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = disk_bytes if hard == resource.RLIM_INFINITY else min(disk_bytes, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


#: How children ended, by their ids.
_statuses: dict[int, int] = {}


def _has_ended(pid: int) -> bool:
    """Takes note of children that ended; whether that of this `pid` has."""
    with suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                break
            _statuses[child] = os.waitstatus_to_exitcode(status)
    return pid in _statuses


def descendants() -> list[int]:
    """The ids of all processes below this one."""
    below: dict[int, list[int]] = {}
    for pid, parent in _parents():
        below.setdefault(parent, []).append(pid)
    found: list[int] = []
    level = [os.getpid()]
    while level:
        level = [child for parent in level for child in below.get(parent, ())]
        found += level
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Each process that has not ended with its parent's id."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                stat = Path("/proc", name, "stat").read_bytes()
                state, parent = stat[stat.rindex(b")") + 1 :].split()[:2]
                if state != b"Z":
                    yield int(name), int(parent)


def _memory(pid: int) -> int:
    """Bytes of a process; what several share is divided among them."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc", str(pid), "statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def _bytes_in(folder: Path) -> int:
    """Bytes on the disk of all files in a `folder`."""
    total, folders = 0, [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def end_all() -> None:
    """Kills every process below this one, and waits until they are gone."""
    until = time.monotonic() + _KILL_S
    while time.monotonic() < until:
        pids = descendants()
        if not pids:
            break
        for pid in pids:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        _has_ended(0)
    _has_ended(0)


if __name__ == "__main__":
    main()
