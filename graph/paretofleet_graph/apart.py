"""Reading in a process of its own: a stranger's file neither crashes nor bloats whoever asks."""

import contextlib
import json
import os
import subprocess
import sys
from typing import Any, Callable, Mapping, TypeVar

from .errors import GraphRefused
from .model import Description, from_json

Answer = TypeVar("Answer")
FACTS = "--facts"
WALL_S = 120
CPU_S = 90
#: Address space beside the file, which is mapped.
MEMORY_BYTES = 2 << 30
#: Python that finds this package, wherever it was loaded from.
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from paretofleet_graph.apart import main; main()"


def read_apart(path: str) -> Description:
    """As `read`, of the file at `path`, within limits of time and memory. Raises GraphRefused."""
    return _apart(path, from_json)


def facts_apart(path: str) -> Mapping[str, Any]:
    """The `parameters`, `macs`, `weights_precision`, `maker` and `graph` of the tflite file at `path`.

    Raises GraphRefused.
    """
    return _apart(path, _with_graph, FACTS)


def _with_graph(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    from_json(answer["graph"])
    return answer


def _apart(path: str, taken: Callable[[Any], Answer], *flags: str) -> Answer:
    """What `taken` makes of the answer of a process of its own."""
    name = os.path.basename(path)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", START, HOME, *flags, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_S,
            check=False,
        )
        answer = json.loads(done.stdout.decode("utf-8"))
        if "refused" in answer:
            raise GraphRefused(answer["refused"])
        return taken(answer)
    except subprocess.TimeoutExpired:
        raise GraphRefused(
            "%s: reading it takes longer than %d s; export a simpler model" % (name, WALL_S)
        ) from None
    except (ValueError, KeyError, TypeError):
        raise GraphRefused(
            "%s: its graph cannot be read (code %d): the file is damaged or too complex; export it again"
            % (name, done.returncode)
        ) from None


def main() -> None:
    """Prints what the graph of the file in the last argument asks for: JSON, or {"refused": sentence}.

    With the argument --facts before it also what a tflite file holds.
    """
    from .description import read
    from .model import as_json
    from .tflite_counts import facts_of

    path = sys.argv[-1]
    _limit(path)
    try:
        if FACTS in sys.argv[1:-1]:
            facts = facts_of(path)
            answer = dict(facts.counts._asdict(), graph=as_json(facts.description))
        else:
            answer = as_json(read(path))
    except GraphRefused as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"refused": "%s needs too much memory to be read" % os.path.basename(path)}
    sys.stdout.write(json.dumps(answer) + "\n")


def _limit(path: str) -> None:
    """Bounds what a hostile file can take from this machine."""
    import resource

    size = 0
    with contextlib.suppress(OSError):
        size = os.path.getsize(path)
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_AS: MEMORY_BYTES + size,
    }
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, hard))
