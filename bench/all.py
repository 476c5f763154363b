"""Every bench of this folder in its short form, one after the other: what `make bench` prints.

    python bench/all.py [NAME ...]

A bench is a program here; its short form is `--short` or `--quick` where it has that, or stands in SHORT;
those in WHOLE have none. One that lacks something says so and is skipped; one that takes too long is ended.
What a bench finds decides nothing (exit code 1 of a bench: a figure missed its limit); exit code 1 when a
bench itself breaks.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
LIMIT_S, GRACE_S = 420.0, 30.0
#: The short form of programs that take a number instead.
SHORT = {"energy": ["--windows", "1200"], "pareto_cells": ["--fleets", "20"]}
#: Those that are run whole: the rows that they leave out otherwise are promised too.
WHOLE = {"pareto_speed", "pareto_allocation"}
TRACEBACK = b"Traceback (most recent call last)"


def programs() -> list[Path]:
    """The benches by name."""
    return [
        path
        for path in sorted(HERE.glob("*.py"))
        if path.name != Path(__file__).name and "__name__ ==" in path.read_text()
    ]


def arguments(path: Path) -> list[str]:
    """What makes a bench short."""
    if path.stem in WHOLE:
        return []
    if path.stem in SHORT:
        return SHORT[path.stem]
    text = path.read_text()
    if "parts.arguments" in text:
        return ["--short"]
    return [word for word in ("--short", "--quick") if word in text][:1]


def run(path: Path) -> str:
    """Runs one bench and returns what became of it, in a word or two."""
    words = arguments(path)
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, str(path), *words]
        process = subprocess.Popen(command, cwd=HERE.parent, stderr=errors, start_new_session=True)
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"ended after {LIMIT_S:.0f} s"
        finally:
            if process.poll() is None:
                end(process)
            errors.seek(0)
            said = errors.read()
            sys.stderr.write(said.decode("utf-8", "replace"))
            sys.stderr.flush()
    if process.returncode == 0:
        return "done"
    if process.returncode == 1 and TRACEBACK not in said:
        return "done, a figure missed its limit"
    return f"BROKE with exit code {process.returncode}"


def end(process: subprocess.Popen[bytes]) -> None:
    """Lets a bench put away what it started; what is left after that is ended too."""
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main(names: list[str]) -> int:
    """Runs the benches of these names, or all."""
    found = {path.stem: path for path in programs()}
    unknown = sorted(set(names) - set(found))
    if unknown:
        sys.stderr.write(f"there is no bench {unknown[0]}; there are {', '.join(found)}\n")
        return 2
    ends = {}
    for name in names or found:
        print(f"\n== {name}", flush=True)
        begin_s = time.monotonic()
        ends[name] = run(found[name])
        print(f"-- {name}: {ends[name]} ({time.monotonic() - begin_s:.0f} s)", flush=True)
    print("\n" + "\n".join(f"{name:24} {end}" for name, end in ends.items()))
    broken = [name for name, end in ends.items() if end.startswith("BROKE")]
    print(f"\n{len(ends)} benches, {len(broken)} broke" + (f": {', '.join(broken)}" if broken else ""))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
