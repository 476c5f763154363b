"""The engine of a run: each run builds one of its own, or one is built, kept and loaded by all runs."""

import contextlib
import hashlib
import json
import os
import time
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence

from ..failure import RunFailed
from . import trtexec_command as command

REBUILT, PINNED = "rebuilt", "pinned"
KEPT_MAX_S = 30 * 86400.0
STEP_BYTES = 1 << 20


class Engine(NamedTuple):
    """The file at `path`, and whether this run `built` it.

    `facts`: what is recorded: its `kind` and `sha256`, and the hash of the timing cache it was built with.
    """

    path: str
    built: bool
    facts: Dict[str, Any]
    version: str


def rebuilt(build: Sequence[str], path: str, clock: Callable[[], int]) -> Engine:
    """The engine that the command `build` writes to `path`; `clock` gives ns. Raises RunFailed."""
    done = command.call([*build, "--saveEngine=" + path], clock)
    return Engine(path, True, _facts(REBUILT, path, None), done.version)


def pinned(
    build: Sequence[str], request: Mapping[str, Any], program: command.Program, clock: Callable[[], int]
) -> Engine:
    """The engine that was kept for the command `build`, or built now and kept. Raises RunFailed.

    It is known by the hash of its command, of the model, the target and the release of `program`, so that
    configurations that differ in none of them share it. `request`: says where engines are kept; `clock`
    gives ns.
    """
    folder = request.get("engines")
    if not folder:
        raise RunFailed("unsupported", "the option engine: pinned needs the home of an agent, to keep it in")
    of = [request["artifact_sha256"], request["target_id"], program.version, list(build[2:])]
    name = hashlib.sha256(json.dumps(of).encode("utf-8")).hexdigest()[:32]
    path = os.path.join(folder, name + ".engine")
    facts = _kept(path)
    if facts is not None:
        os.utime(path)
        return Engine(path, False, facts, program.version)
    try:
        os.makedirs(folder, exist_ok=True)
        _forget_old(folder, time.time())
    except OSError as error:
        raise RunFailed(
            "unsupported", "no engine can be kept in %s: %s" % (folder, error.strerror)
        ) from error
    cache = path + ".cache" if "--timingCacheFile" in program.flags else None
    part = path + ".part"
    flags = [] if cache is None else ["--timingCacheFile=" + cache]
    done = command.call([*build, "--saveEngine=" + part, *flags], clock)
    os.replace(part, path)
    facts = _facts(PINNED, path, cache)
    with open(path + ".json", "w") as handle:
        json.dump(facts, handle)
    return Engine(path, True, facts, done.version)


def forget(engine: Engine) -> None:
    """Throws a kept `engine` away, which this release or driver does not load."""
    for ending in ("", ".json"):
        with contextlib.suppress(OSError):
            os.remove(engine.path + ending)


def _kept(path: str) -> Optional[Dict[str, Any]]:
    """What is recorded of the engine at `path`; None where it is not there or was damaged."""
    try:
        with open(path + ".json") as handle:
            facts: Dict[str, Any] = json.load(handle)
        return facts if facts["sha256"] == _sha256(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _facts(kind: str, path: str, cache: Optional[str]) -> Dict[str, Any]:
    facts: Dict[str, Any] = {"kind": kind, "sha256": _sha256(path)}
    if cache is not None and os.path.isfile(cache):
        facts["timing_cache_sha256"] = _sha256(cache)
    return facts


def _forget_old(folder: str, now_s: float) -> None:
    """Removes what no run has used for KEPT_MAX_S."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if now_s - os.stat(path).st_mtime > KEPT_MAX_S:
                os.remove(path)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        for part in iter(lambda: handle.read(STEP_BYTES), b""):
            digest.update(part)
    return digest.hexdigest()
