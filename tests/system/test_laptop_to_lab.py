"""The page "From one laptop to a lab", typed line by line with a real database, bucket and collectors."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farm import PATIENCE_S, wait_until
from paretofleet_analysis.report import files

pytestmark = pytest.mark.system
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "laptop-to-lab.md"
BIN = Path(sys.executable).parent


def typed_lines() -> list[str]:
    """Every line of the page's blocks, in its order."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Lab:
    """One machine that is laptop, first server and second: its folders, and what serves on it."""

    def __init__(self, root: Path, store: str, lake: str) -> None:
        self.root = root
        self.serving: dict[str, subprocess.Popen[bytes]] = {}
        self.output: dict[str, str] = {}
        kept = {key: text for key, text in os.environ.items() if not key.startswith(("PARETOFLEET_", "XDG_"))}
        self.env = {
            **kept,
            "HOME": str(root / "home"),
            "PATH": f"{BIN}:{kept['PATH']}",
            "PARETOFLEET_COLLECTOR_LISTEN": "127.0.0.1:0",
            "PARETOFLEET_COLLECTOR_JOIN_LISTEN": "127.0.0.1:0",
            "PARETOFLEET_COLLECTOR_WEB": "off",
            "PARETOFLEET_AGENT_SIMULATE": "jetson-tx2",
            "PARETOFLEET_AGENT_NAME": "laptop",
            "PARETOFLEET_HOST_LOCK_DIR": str(root),
            "TERM": "dumb",
        }
        self.places: dict[str, Callable[[], str]] = {
            "/mnt/backup": lambda: str(root / "backup"),
            "/srv/": lambda: f"{root}/",
            "postgresql://paretofleet@db.lan/paretofleet": lambda: store,
            "s3://fleet/lab?region=eu-central-1": lambda: lake,
            "a.lan:7412": lambda: (root / "a" / "join-endpoint").read_text().strip(),
            "a.lan:7411": lambda: (root / "a" / "endpoint").read_text().strip(),
            "b.lan:7411": lambda: (root / "b" / "endpoint").read_text().strip(),
        }

    def here(self, line: str) -> str:
        """The `line` with the places of this machine."""
        for there, here in self.places.items():
            if there in line:
                line = line.replace(there, here())
        return line

    def serve(self, line: str, name: str) -> None:
        """Starts what stays until it is ended."""
        with (self.root / f"{name}.log").open("wb") as sink:
            self.serving[name] = subprocess.Popen(
                shlex.split(self.here(line)),
                env=self.env,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )

    def log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text()

    def run(self, line: str, text: str = "") -> None:
        """Runs a line to its end, which must be a good one, with `text` to read."""
        done = subprocess.run(
            ["bash", "-c", self.here(line)],
            env=self.env,
            cwd=self.root,
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        self.output[line] = done.stdout

    def export(self, line: str) -> None:
        name, _, value = line.removeprefix("export ").partition("=")
        self.env[name] = self.here(value.strip("'"))

    def end(self, name: str, number: int = signal.SIGINT) -> None:
        process = self.serving.pop(name)
        process.send_signal(number)
        process.wait(PATIENCE_S)

    def asked(self, name: str, *words: str) -> str:
        """What the collector in the folder `name` answers."""
        command = [BIN / "paretofleet", "--collector", f"unix:{self.root / name}/local/socket", *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def lab(postgres, objects) -> Iterator[Lab]:
    root = Path(tempfile.mkdtemp(prefix="pf"))  # short: the path of a socket has 107 letters at most
    (root / "home").mkdir()
    made = Lab(root, postgres.new_database(), objects.lake)
    yield made
    for name in list(made.serving):
        made.end(name, signal.SIGTERM)
    shutil.rmtree(root)


def type_line(lab: Lab, line: str) -> None:
    """Types one line of the page."""
    if line == "paretofleet up":
        lab.serve(line, "up")
        wait_until(lambda: "serving the collector" in lab.log("up"), "the start of up")
    elif line.startswith("export "):
        lab.export(line)
    elif "collector serve" in line:
        name = line[-1]
        lab.serve(line, name)
        wait_until((lab.root / name / "join-endpoint").exists, f"the start of {name}")
    elif line.startswith("paretofleet-agent run"):
        lab.serve(line, "agent")
        wait_until(lambda: " online " in lab.asked("a", "devices", "list"), "the laptop online")
    elif line.startswith("paretofleet-agent join"):
        lab.run(line, text=lab.output["paretofleet token create --name laptop"])
    else:
        lab.run(line)


@pytest.mark.timeout(900)
def test_what_the_page_says_to_type_brings_a_laptop_into_a_lab(lab: Lab) -> None:
    lines = typed_lines()
    for line in lines:
        if line.startswith("paretofleet collector backup"):
            lab.end("up")
        if line.startswith("cp "):
            (lab.root / "b").mkdir()
        type_line(lab, line)
        if line.startswith("paretofleet sweep submit") and line.endswith("second"):
            wait_until(lambda: "sealed" in lab.asked("b", "sweep", "show", "second"), "the first seal")
            lab.end("a", signal.SIGKILL)
    tables = [files.read(lab.root / f"{name}.parquet") for name in ("first", "second")]
    rows = [row for table in tables for row in table.to_pylist()]
    assert sorted((row["sweep"], row["batch_size"]) for row in rows) == [
        ("first", 1),
        ("first", 2),
        ("second", 1),
        ("second", 2),
        ("second", 4),
    ]
    assert {(row["device"], row["status"]) for row in rows} == {("laptop", "ok")}
    assert "squeezenet1_1" in lab.output[lines[-1]]
    assert lab.asked("b", "devices", "list").count("laptop") == 1
