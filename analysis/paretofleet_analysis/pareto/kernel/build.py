"""Compile the kernel beside its source: `python -m paretofleet_analysis.pareto.kernel.build`.

Imports nothing of the package, so that the build hook of the wheel can run it alone. Without a compiler it
says so and leaves no library, and numpy is used.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("kernel.c")
LIBRARY = Path(__file__).with_name("libkernel.so")

#: No contraction into fused operations and no fast math: every instruction set must give the same bits.
FLAGS = [
    "-std=c11",
    "-O3",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
]


def compiler() -> list[str] | None:
    """The command of a C compiler: $CC, else the first of cc, gcc, clang; None if there is none."""
    chosen = shlex.split(os.environ.get("CC", ""))
    for command in [chosen] if chosen else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    return None


def is_compiled() -> bool:
    """Whether there is a library that is younger than all it is made of."""
    sources = [*SOURCE.parent.glob("*.[ch]"), Path(__file__)]
    return LIBRARY.exists() and LIBRARY.stat().st_mtime > max(each.stat().st_mtime for each in sources)


def compile_kernel(target: Path = LIBRARY) -> str | None:
    """Compile to `target`, replaced at once; None when it is there, else why it is not."""
    command = compiler()
    if command is None:
        target.unlink(missing_ok=True)
        return "no C compiler was found; install gcc or clang, or set CC"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fresh = Path(folder) / target.name
        done = subprocess.run(
            [*command, *FLAGS, str(SOURCE), "-o", str(fresh)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            target.unlink(missing_ok=True)
            return f"{command[0]} could not compile {SOURCE.name}: {done.stderr.strip()[-2000:]}"
        if done.stderr:
            sys.stderr.write(done.stderr)
        fresh.replace(target)
    return None


def main() -> int:
    """Compile; a missing compiler is a notice, not a failure."""
    why = compile_kernel()
    sys.stderr.write(f"built {LIBRARY}\n" if why is None else f"the native kernel was not built: {why}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
