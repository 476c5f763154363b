"""All listings in terminals of four widths: each line fits, each row has its name, no word is broken.

The tables are in `tables/`. After a change that is meant: PARETOFLEET_WRITE_TABLES=1, and look at them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import table_sources
from command_harness import Command
from fake_control import FakeControl, device, zoo
from paretofleet_analysis.present.table import columns_of
from paretofleet_analysis.ranking import by_device
from paretofleet_analysis.ranking import rank as ranking
from paretofleet_collector import cli
from paretofleet_collector.cli import units
from paretofleet_collector.model.entities import SensorInfo
from terminal import terminal

WIDTHS = (60, 80, 120, 200)
MODELS = ("mobilenet_v2_quantised_per_channel_for_the_gate", "模型网络", "resnet50")
DEVICES = ("jetson-agx-orin-in-the-cold-store-left", "板子-七", "pc")
LISTINGS = {
    "devices_list": ("devices", "list"),
    "devices_show": ("devices", "show", DEVICES[0]),
    "models_list": ("models", "list"),
    "models_show": ("models", "show", MODELS[0]),
    "sweep_list": ("sweep", "list"),
    "sweep_show": ("sweep", "show", "nightly-regression-of-all-gates-and-doors"),
    "sweep_plan": ("sweep", "plan", *(word for model in MODELS for word in ("--model", model))),
    "rank": ("rank", "{report}"),
    "rank_by_device": ("rank", "{boards}", "--by", "device"),
    "rank_why": ("rank", "{report}", "--why", "1"),
    "compare": ("compare", "{folder}/before.parquet", "{folder}/after.parquet"),
    "token_list": ("token", "list"),
    "doctor": ("doctor", "--home", "{folder}/up/collector"),
    "logs": ("logs", "--home", "{folder}/up/collector"),
    "gc": ("gc", "--home", "{folder}/up"),
    "collector_gc": ("collector", "gc", "--models", "--home", "{folder}/up/collector"),
}
#: What must stand somewhere in a row: names as they are once the lines of a cell are put together.
NAMES = {
    "devices_list": DEVICES,
    "models_list": MODELS,
    "sweep_list": ("nightly-regression-of-all-gates-and-doors", "doors"),
    "sweep_plan": (*MODELS, *DEVICES),
    "rank": MODELS,
    "rank_by_device": (*DEVICES, *MODELS),
    "compare": MODELS,
    "token_list": DEVICES,
    "doctor": ("database", "staged chunks", "unlisted files", "addresses"),
    "logs": DEVICES,
    "gc": MODELS,
    "collector_gc": MODELS,
}


@pytest.fixture
def fleet(control: FakeControl, paretofleet: Command, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(units, "time", SimpleNamespace(**{**vars(time), "time": lambda: 3601.0}))
    sensors = (SensorInfo("ina3221", "VDD_GPU_SOC", "module", "instant"),)
    labels = {"rack": "3", "owner": "vision-team"}
    control.devices = [replace(device(name, sensors=sensors), labels=labels) for name in DEVICES]
    control.variants = [zoo(name) for name in MODELS]
    control.why = "the file asks for more memory than the device has free; `sweep retry` takes it up again"
    long = ("--name", "nightly-regression-of-all-gates-and-doors", "--label", "gate", "--label", "night")
    note = "after the new driver, before the move to the cold store in the left wing"
    paretofleet("sweep", "submit", "--model", "resnet50", *long, "--note", note)
    paretofleet("sweep", "submit", "--model", "resnet50", "--name", "doors")
    yield paretofleet
    monkeypatch.undo()
    time.tzset()


def drawn(fleet: Command, words: list[str], columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    with terminal(columns, monkeypatch) as screen:
        code = cli.run(["--collector", fleet.address, *words])
    said = screen.text + "".join(
        re.findall(r"^too narrow[^;]*; -o json has all\n", screen.err.getvalue(), re.MULTILINE)
    )
    assert code == 0, said
    return said


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_fits_every_terminal(
    fleet: Command, listing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, boards, home = (tmp_path / name for name in ("report.parquet", "boards.parquet", "up/collector"))
    if listing == "rank_by_device":
        table_sources.write_boards(boards, DEVICES, MODELS)
        once(monkeypatch, by_device, "rank_by_device")
    elif listing in ("rank", "rank_why"):
        table_sources.write_rankable(report, MODELS)
        once(monkeypatch, ranking, "rank_runs")
    elif listing == "compare":
        table_sources.write_sides(tmp_path, MODELS)
    elif "--home" in LISTINGS[listing]:
        table_sources.write_log(home, DEVICES)
        table_sources.keep_models(home, MODELS)
    table_sources.answer(monkeypatch, DEVICES)
    words = [word.format(report=report, boards=boards, folder=tmp_path) for word in LISTINGS[listing]]
    texts = {}
    for columns in WIDTHS:
        text = drawn(fleet, words, columns, monkeypatch)
        assert max(map(columns_of, text.splitlines())) <= columns
        for name in NAMES.get(listing, ()):
            assert name in put_together(text), f"{name} is not whole at {columns} columns"
        texts[columns] = "\n\n".join(text.split("\n\n")[:2]).rstrip("\n") + "\n"
    written = "".join(f"{columns} columns\n{texts[columns]}\n" for columns in WIDTHS)
    if listing == "rank_why":
        return
    golden = Path(__file__).parent / "tables" / f"{listing}.txt"
    if os.environ.get("PARETOFLEET_WRITE_TABLES"):
        golden.write_text(written, encoding="utf-8")
    assert written == golden.read_text(encoding="utf-8")


def once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Makes the function of a module return for each width what it returned for the first."""
    rank, made = getattr(module, name), []

    def ranked(*given: Any, **more: Any) -> Any:
        made[:] = made or [rank(*given, **more)]
        return made[0]

    monkeypatch.setattr(module, name, ranked)


def put_together(text: str) -> str:
    """The columns of a table with each cell's lines joined: read down by where words begin."""
    by_column: dict[int, list[str]] = {}
    whole = []
    for line in text.splitlines():
        at = 0
        for part in re.split(r"( {2,})", line):
            if part.strip():
                by_column.setdefault(at, []).append(part)
                whole.append(part)
            at += columns_of(part)
    return "\n".join([*whole, *("".join(parts) for parts in by_column.values())])


def test_a_pipe_gets_whole_rows_without_styles(fleet: Command) -> None:
    said = fleet("devices", "list").out
    assert all(name in said for name in DEVICES)
    assert "onnxruntime 1.19.2" in said
    assert "\x1b" not in said


def test_columns_that_a_terminal_has_no_room_for_are_named(
    fleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = drawn(fleet, ["devices", "list"], 60, monkeypatch)
    assert "labels" in narrow.partition("too narrow for: ")[2]
    assert "too narrow" not in drawn(fleet, ["devices", "list"], 300, monkeypatch)
