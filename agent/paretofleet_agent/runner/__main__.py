"""One run: prepare, blocks of work, result. Started by path: its interpreter needs no package of ours.

Its argument is the folder of `paretofleet_graph`, which is loaded by path, too; with the word `reference`
before it, a reference is computed.

Daemon to runner: `prepare`, `block` {seconds, max_iterations}, `finish`. Runner to daemon: `ready`,
`block` (columns start_ns, duration_ns), `failed` {reason, message}, `result`. Nothing is read or written
inside a block. End of file on the input ends the process.
"""

import contextlib
import importlib.util
import os
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
#: The name under which this folder is imported here, whatever else is installed.
PACKAGE = "paretofleet_runner"
#: What reads the files of models, for every distribution.
GRAPH = "paretofleet_graph"


def main() -> None:
    """Serves one run, or computes a reference."""
    # This folder's short names must not stand before those of a runtime's packages.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != HERE]
    if sys.argv[1:2] == ["reference"]:
        add_package(GRAPH, sys.argv[2])
        load("reference_process").main()
        return
    source, sink = load("frame_pipes").take_pipes()  # before anything is imported that might print
    for folder in sys.argv[1:2]:
        add_package(GRAPH, folder)
    process, frames, serve = load("process"), load("frames"), load("serve")
    process.die_with_parent()
    process.offer_to_oom_killer()
    with contextlib.suppress(BrokenPipeError, EOFError):  # the daemon is gone
        serve.serve(frames.Reader(source), lambda header, columns: frames.write(sink, header, columns))


def load(name: str) -> Any:
    """The module `name` of this folder, by its path. Raises ImportError where the folder is no package."""
    if PACKAGE not in sys.modules:
        add_package(PACKAGE, HERE)
    return importlib.import_module(PACKAGE + "." + name)


def add_package(name: str, folder: str) -> None:
    """Makes the `folder` the package `name`; its neighbours stay out of reach. Raises ImportError."""
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError(folder)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # no runtime's teardown may turn a finished run into a crash
