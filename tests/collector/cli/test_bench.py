"""`paretofleet bench` in this process, on a fleet that is played; with real processes in tests/system."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_control
import pytest
from command_harness import Command
from fake_control import FakeControl, device, zoo
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.cli import bench, local_processes, private_fleet
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.views import SweepProgress, SweepView
from paretofleet_collector.rpc import client
from paretofleet_collector.rpc.client import Client
from test_rank import configuration


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def played(control: FakeControl, paretofleet: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A private fleet whose collector is `control`, and whose report says that a is 1.5 times faster."""
    control.devices = [device("pc")]
    rows = [configuration("a", 0.010, 70.0), configuration("b", 0.015, 71.0)]
    path = tmp_path / "played.parquet"
    files.write(build_report(rows), path)
    monkeypatch.setattr(fake_control, "REPORT", path.read_bytes())

    @contextmanager
    def fleet() -> Iterator[private_fleet.PrivateFleet]:
        with Client(paretofleet.address) as client:
            yield private_fleet.PrivateFleet(client, (), deque())

    monkeypatch.setattr(bench, "private_fleet", fleet)
    return paretofleet


def onnx(name: str, more: str = "") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"ONNX {name} {more}".encode())
    return path


def test_it_says_who_is_faster_and_leaves_the_report(played: Command) -> None:
    done = played("bench", onnx("a.onnx"), onnx("b.onnx"))
    assert "a is 1.50 times faster than b (1.50 to 1.50)" in done.out
    assert "rank it with `paretofleet rank bench.parquet" in done.err
    assert played("rank", "bench.parquet", "--objective", "batch_latency_mean_s").out


@pytest.mark.parametrize(("words", "is_stopped"), [((), True), (("--repeats", "20"), False)])
def test_what_is_clear_ends_sooner_unless_runs_are_asked_for(
    played: Command, monkeypatch, words: tuple[str, ...], is_stopped: bool
) -> None:
    """After three runs of each; the 1.5 of the report that is played is the same in every block."""
    cancelled: list[str] = []
    watched, cancel = Client.watch_sweep, Client.cancel_sweep

    def watch(self: Client, sweep: str) -> Iterator[SweepProgress]:
        first = next(watched(self, sweep))
        for sealed in (2, 5, 6, 7):
            yield replace(first, sweep=replace(first.sweep, runs_by_state={"sealed": sealed}))
        yield from watched(self, sweep)

    def cancelling(self: Client, sweep: str) -> SweepView:
        cancelled.append(sweep)
        return cancel(self, sweep)

    monkeypatch.setattr(Client, "watch_sweep", watch)
    monkeypatch.setattr(Client, "cancel_sweep", cancelling)
    done = played("bench", onnx("a.onnx"), onnx("b.onnx"), *words)
    assert bool(cancelled) == is_stopped
    assert ("after 3 runs of each all is clear" in done.err) == is_stopped
    assert "a is 1.50 times faster than b" in done.out


def test_where_too_few_runs_were_undisturbed_more_minutes_are_not_the_advice(
    played: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [configuration("a", 0.010, 70.0), configuration("b", 0.015, 71.0)]
    disturbed = {"flags": ["contaminated"], "counted": False}
    runs = [replace(run, summary={**(run.summary or {}), **disturbed}) for run in rows[0].runs[:4]]
    busy = replace(rows[0], runs=[*runs, *rows[0].runs[4:]])
    files.write(build_report([busy, rows[1]]), tmp_path / "busy.parquet")
    monkeypatch.setattr(fake_control, "REPORT", (tmp_path / "busy.parquet").read_bytes())
    done = played("bench", onnx("a.onnx"), onnx("b.onnx"))
    assert "4 of 6 runs of a are disturbed and do not count" in " ".join(done.out.split())
    assert "too few undisturbed runs for a verdict: end what else computes here" in done.err
    assert "--minutes" not in done.err


def test_for_programs_it_is_one_document(played: Command) -> None:
    done = played("bench", onnx("a.onnx"), onnx("b.onnx"), "-o", "json")
    first, second = done.json["models"]
    assert (first["model"], first["against_the_fastest"]) == ("a", [])
    assert second["against_the_fastest"][0]["ratio"] == pytest.approx(1.5)
    assert played("bench", onnx("c.onnx"), onnx("d.onnx"), "-o", "csv").out.startswith(
        "model,objective,ratio,"
    )


def test_a_report_that_is_there_stays(played: Command) -> None:
    Path("bench.parquet").write_text("mine")
    assert "rank bench-2.parquet" in played("bench", onnx("a.onnx"), onnx("b.onnx")).err
    assert Path("bench.parquet").read_text() == "mine"


def test_files_of_one_name_are_told_apart_by_their_folders(played: Command, control: FakeControl) -> None:
    played("bench", onnx("old/model.onnx"), onnx("new/model.onnx"))
    assert [each.model for each in control.variants[-2:]] == ["old-model", "new-model"]


def test_a_file_that_is_called_like_a_network_of_the_zoo_is_compared(
    played: Command, control: FakeControl
) -> None:
    """The collector keeps the zoo's names; a network's file has just that name."""
    control.variants.append(zoo("resnet50"))
    played("bench", onnx("resnet50.onnx"), onnx("resnet50-int8.onnx"))
    assert [each.model for each in control.variants[-2:]] == ["resnet50-file", "resnet50-int8"]


def test_what_is_fed_and_how_reaches_the_sweep(played: Command, monkeypatch) -> None:
    specs: list[str] = []
    submit = Client.submit_sweep

    def kept(self: Client, spec_json: str, request_id: str) -> Any:
        specs.append(spec_json)
        return submit(self, spec_json, request_id)

    monkeypatch.setattr(Client, "submit_sweep", kept)
    options = ["--repeats", "7", "--protocol", "quick", "--batch-size", "4", "--threads", "2", "--seed", "9"]
    played("bench", onnx("a.onnx"), onnx("b.onnx"), *options)
    spec = json.loads(specs[0])
    assert (spec["batch_sizes"], spec["threads"], spec["protocol"], spec["seed"]) == ([4], [2], "quick", 9)
    assert (spec["repeats"]["min"], spec["repeats"]["max"]) == (7, 7)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a.onnx"], 2, "one alone is measured by `paretofleet-agent bench FILE`"),
        (["a.onnx", "gone.onnx"], 2, "gone.onnx is not a file"),
        (["a.onnx", "copy.onnx"], 2, "copy.onnx holds the same bytes as a.onnx"),
        (["a.onnx", "a.onnx"], 2, "a.onnx holds the same bytes as a.onnx"),
        (["a.onnx", "text.onnx"], 1, "text is not an ONNX file"),
        (["a.onnx", "b.onnx", "--report", "no/where.parquet"], 2, "no is no folder; make it"),
        (["a.onnx", "b.onnx", "--size", "sequence"], 2, "write AXIS=N"),
        (["a.onnx", "b.onnx", "--target", "cuda:7"], 1, "cuda:7"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(
    played: Command, words: list[str], code: int, said: str
) -> None:
    onnx("a.onnx"), onnx("b.onnx")
    Path("copy.onnx").write_bytes(Path("a.onnx").read_bytes())
    Path("text.onnx").write_text("hello")
    assert said in played("bench", *words, code=code).err
    assert not Path("bench.parquet").exists()


def test_a_plan_which_reads_files_is_waited_for_longer_than_a_list(paretofleet: Command, monkeypatch) -> None:
    monkeypatch.setattr(client, "CALL_S", 0.0)
    with Client(paretofleet.address) as connected:
        with pytest.raises(CollectorError, match="did not answer in time"):
            connected.list_devices()
        assert connected.plan_sweep(json.dumps({"models": ["alexnet"]})).configurations


def test_without_an_agent_it_says_what_to_install(paretofleet: Command, monkeypatch) -> None:
    monkeypatch.setattr(local_processes.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(local_processes.shutil, "which", lambda _: None)
    assert "pip install" in paretofleet("bench", onnx("a.onnx"), onnx("b.onnx"), code=1).err


def test_an_agent_that_ends_is_said_with_its_last_line() -> None:
    lines: deque[str] = deque()
    command = ["sh", "-c", "echo no such device; exit 3"]
    agent = local_processes.start("agent", command, lines.append)
    agent.process.wait(60)
    fleet = private_fleet.PrivateFleet(None, (agent,), lines)
    with pytest.raises(CollectorError, match=r"The agent ended with exit code 3\. .*no such device"):
        fleet.wait_until_online()


@pytest.mark.parametrize("how", ["time", "interrupt"])
def test_when_it_is_ended_early_it_says_what_is_known(played: Command, monkeypatch, how: str) -> None:
    """The sweep is cancelled; what was sealed by then is the report."""
    cancelled = threading.Event()
    watched, cancel = Client.watch_sweep, Client.cancel_sweep

    def watch(self: Client, sweep: str) -> Iterator[SweepProgress]:
        yield next(watched(self, sweep))
        cancelled.wait(60)
        yield from watched(self, sweep)

    def cancelling(self: Client, sweep: str) -> SweepView:
        cancelled.set()
        return cancel(self, sweep)

    monkeypatch.setattr(Client, "watch_sweep", watch)
    monkeypatch.setattr(Client, "cancel_sweep", cancelling)
    if how == "interrupt":
        monkeypatch.setattr(bench, "follow", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    minutes = 0.01 if how == "time" else 3
    code = 130 if how == "interrupt" else 0
    done = played("bench", onnx("a.onnx"), onnx("b.onnx"), "--minutes", minutes, code=code)
    assert cancelled.is_set()
    assert ("interrupted" if how == "interrupt" else "1 s are over") in done.err
    assert "1.50 times faster" in done.out
    assert Path("bench.parquet").exists()
