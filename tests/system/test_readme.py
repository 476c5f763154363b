"""The README as a new user types it: on a fresh home, in a terminal of 80 columns, with real processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from farm import wait_until
from networks import convolution
from paretofleet_analysis.present.table import columns_of
from typed import COLUMNS, Typed

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BIN = Path(sys.executable).parent
#: What is not typed here, by how it begins, and where it is run: it needs a board, another machine or folder.
ELSEWHERE = {
    "paretofleet devices add ssh://": "tests/system/test_devices_add.py",
    "paretofleet sweep submit --model zoo:resnet18 --device": "tests/collector/cli/test_written_commands.py",
    "paretofleet report pull boards": "tests/collector/cli/test_written_commands.py",
    "paretofleet login": "tests/system/test_identity.py",
    "paretofleet collector backup": "tests/collector/service/test_backup.py",
    "make demo": "scripts/demo.sh",
    "make test": "scripts/test.sh",
    "make install": "tests/test_install.py",
    "make bundle": "tests/deploy/test_install.py",
}
#: What a command shows, by how it begins, in the order in which they are typed.
SHOWN = {
    "paretofleet bench": "times faster than",
    "paretofleet up": "serving the collector",
    "paretofleet models add": "mine@file: ",
    "paretofleet sweep submit": "first finished: 30/30 runs",
    "paretofleet rank": "Recommended",
    "paretofleet collector init": "made the authority",
    "paretofleet collector serve &": "says what it does",
    "paretofleet token create --name": "`paretofleet-agent join HOST:",
    "paretofleet token create --role": "`paretofleet login HOST:",
    "paretofleet collector serve --metrics": "says what it does",
}


def commands() -> list[str]:
    """What the README says to type, in blocks and in sentences, in its order."""
    text = README.read_text(encoding="utf-8")
    command = r"((?:paretofleet|make) [^#\n]*)"
    written = re.findall(rf"^{command}|`{command.replace('#', '`')}`", text, re.MULTILINE)
    return list(dict.fromkeys((block or sentence).strip() for block, sentence in written))


@pytest.fixture
def home() -> Iterator[Path]:
    """Short: the path of a socket has 107 letters at most."""
    made = Path(tempfile.mkdtemp(prefix="pf"))
    yield made
    shutil.rmtree(made)


def environment(home: Path) -> dict[str, str]:
    """A new user's variables, but for a simulated device, so that it is short, and ports that are free."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PARETOFLEET_", "XDG_"))}
    kept.pop("COLUMNS", None)
    ports = {f"PARETOFLEET_COLLECTOR_{key}": "127.0.0.1:0" for key in ("LISTEN", "JOIN_LISTEN", "WEB")}
    new = {"HOME": str(home), "PATH": f"{BIN}:{kept['PATH']}", "TERM": "xterm"}
    return {**kept, **new, **ports, "PARETOFLEET_AGENT_SIMULATE": "jetson-tx2"}


def stays(line: str) -> bool:
    """Whether a `line` serves until it is ended."""
    return line == "paretofleet up" or line.startswith("paretofleet collector serve")


def assert_fits(typed: Typed) -> None:
    assert "Traceback" not in typed.text
    lines = (line for line in typed.text.splitlines() if " " in line)  # a token, a path stay whole
    wide = [line for line in lines if columns_of(line) > COLUMNS]
    assert wide == [], typed.line


@pytest.mark.timeout(900)  # much of what a person does in minutes, beside all other tests
def test_what_the_readme_says_to_type_does_what_it_says(home: Path) -> None:
    env = environment(home)
    for name, channels in (("a", 4), ("b", 32), ("mine", 8)):
        convolution(home / f"{name}.onnx", channels=channels)
    serving: Typed | None = None
    try:
        for line in commands():
            if line.startswith(tuple(ELSEWHERE)):
                continue
            shown = next(text for words, text in SHOWN.items() if line.startswith(words))
            if stays(line) and serving is not None:
                assert serving.interrupt() == 0, serving.text
            typed = Typed(line.removesuffix("&"), home, env)
            if stays(line):
                serving = typed
                wait_until(lambda each=typed, text=shown: text in each.text or each.process.poll(), line)
            else:
                assert typed.wait() == 0, f"{line}\n{typed.text}"
            assert shown in " ".join(typed.text.split()), f"{line}\n{typed.text}"
            assert_fits(typed)
    finally:
        if serving is not None:
            serving.interrupt()
    assert_fits(serving)
    assert sorted(path.name for path in home.iterdir()) == [
        ".local",
        "a.onnx",
        "b.onnx",
        "bench.parquet",
        "mine.onnx",
    ]


def test_every_command_of_the_readme_is_typed_or_named_with_where_it_is() -> None:
    written = commands()
    assert len(written) > 12
    assert [words for words in (*ELSEWHERE, *SHOWN) if not any(w.startswith(words) for w in written)] == []
    assert [w for w in written if not w.startswith((*ELSEWHERE, *SHOWN))] == []
    assert [place for place in ELSEWHERE.values() if not (ROOT / place).exists()] == []


def test_the_command_is_installed_before_it_is_first_typed() -> None:
    written = commands()
    first = next(at for at, line in enumerate(written) if line.startswith("paretofleet "))
    assert any(line.startswith("make install") for line in written[:first])


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_what_make_is_asked_for_is_there() -> None:
    targets = {line.split()[1] for line in commands() if line.startswith("make ")}
    assert targets == {"demo", "test", "install", "bundle"}
    for target in targets:
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0, target
