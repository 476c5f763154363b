"""Our processes look for garbage seldom, and for none at their end."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Says at the end of a process, after all else that is done there, how it looks for garbage.
SAID = """
import atexit, gc, runpy, sys
said = lambda: print(gc.get_freeze_count() > 0, gc.get_threshold()[0] > 700, file=sys.stderr)
atexit.register(said)
sys.argv[1:] = sys.argv[2:]
runpy.run_module({module!r}, run_name="__main__")
"""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("paretofleet_collector", ["--version"]),
        ("paretofleet_collector.jobs", []),
        (
            "paretofleet_collector.models.onnxfile",
            ["/nothing.onnx", "nothing", '{"sizes": {}, "values": {}}'],
        ),
        ("paretofleet_collector.searches", ["nowhere", "nothing"]),
    ],
)
def test_a_process_of_ours_collects_seldom_and_not_at_its_end(module: str, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAID.format(module=module), module, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == "True True", done
