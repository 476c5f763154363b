"""What the listings of `test_tables.py` show that no collector in memory holds: files, tokens, findings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import ReportInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_collector.cli import logs, token
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.views import TokenView
from paretofleet_collector.service import doctor
from paretofleet_collector.service.machine import Finding
from paretofleet_collector.store import Store, models
from test_rank import configuration

_SUBJECTS = ("database", "staged chunks", "unlisted files", "addresses")
_FINDING = (
    "3 of these files are not what is listed: lake/samples/9b9f4132dc1aee3e/merged-679ebf353b60d034.parquet; "
    "bring them back with `paretofleet collector restore /mnt/backup/collector`"
)


def write_rankable(path: Path, names: Sequence[str]) -> None:
    """A report of models with these `names`, of which the later ones are slower and more accurate."""
    rows = [configuration(name, 0.01 * (1 + k / 9), 70.0 + k) for k, name in enumerate(names)]
    files.write(build_report(rows), path)


def write_boards(path: Path, boards: Sequence[str], names: Sequence[str]) -> None:
    """A report in which each of the `boards` is fastest with another model of those `names`."""
    files.write(build_report(list(_of_boards(boards, names))), path)


def _of_boards(boards: Sequence[str], names: Sequence[str]) -> Iterator[ReportInput]:
    for board, device in enumerate(boards):
        for k, model in enumerate(names):
            row = configuration(model, 0.01 * (1 + (k - board) % len(names)), 70.0 + 3 * k)
            yield replace(row, device=device)


def write_sides(folder: Path, names: Sequence[str]) -> None:
    """Two reports, before.parquet and after.parquet, of models with these `names`; the second is faster."""
    for side, factor, driver in (("before", 1.2, "535.183.01"), ("after", 1.0, "550.54.15-open")):
        rows = []
        for name in names:
            row = configuration(name, 0.02 * factor, 70.0)
            facts = {"effective": {"precision": "fp32"}, "environment": {"gpu_driver": driver}}
            runs = [
                replace(run, run_id=f"{side}-{run.run_id}", boot_id=side, facts=facts, environment_id=side)
                for run in row.runs
            ]
            rows.append(replace(row, runs=runs, sweep=side))
        files.write(build_report(rows), folder / f"{side}.parquet")


def write_log(home: Path, names: Sequence[str]) -> None:
    """A log below `home` that says of devices with these `names` what they measure."""
    path = home / logs.FILE
    path.parent.mkdir(parents=True)
    lines = (
        {
            "time": "2026-11-27T04:37:19.555Z",
            "level": "INFO",
            "logger": "paretofleet_collector.service.leases",
            "message": f"{name} (cfce08dd612841ceb4b3f57b390cc7c7) gets mobilenet_v2@quantised batch 1, "
            "block 2 of sweep nightly: run fc8855980779fb27",
        }
        for name in names
    )
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def keep_models(home: Path, names: Sequence[str]) -> None:
    """The folder `home` of a collector that has models with these `names`, and no sweep."""
    lake, store = open_lake(str(home / "lake")), Store.at(home)
    for at, name in enumerate(names):
        data = bytes([at]) * 3000
        variant = Variant(name, "quantised-per-channel", f"{at:064x}", len(data))
        store.submit(lambda connection, variant=variant: models.add(connection, variant)).result()
        lake.put(model_file(variant.sha256), lambda path, data=data: path.write_bytes(data))
    store.close()


class _Tokens:
    """What answers `token list`: a token for each of the `names`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def list_tokens(self) -> list[TokenView]:
        return [
            TokenView("agent", name, "left-wing-of-the-lab", False, 4, f"{at:016x}", 3, 0.0, 3601.0, "valid")
            for at, name in enumerate(self._names)
        ]


def answer(monkeypatch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    """Makes `token list` and `doctor` see tokens with these `names`, and always the same findings."""

    @contextmanager
    def access(_: object) -> Iterator[_Tokens]:
        yield _Tokens(names)

    monkeypatch.setattr(token, "access_client", access)
    monkeypatch.setattr(
        doctor,
        "examine",
        lambda _: [Finding(each, True, "pages and indexes are whole: " + _FINDING) for each in _SUBJECTS],
    )
