"""Looking into a lake, wherever it is, and doing harm to what is in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pyarrow.parquet as pq
from paretofleet_collector.config import Config
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import Lake
from paretofleet_collector.service import doctor


def lake_of(config: Config) -> Lake:
    """The lake of a collector that stands."""
    return open_lake(address_of(config.home, config.lake))


def read(lake: Lake, relative: str) -> bytes:
    with lake.copy_of(relative) as path:
        return path.read_bytes()


def spoil(lake: Lake, relative: str, data: bytes) -> None:
    """Puts other bytes in the place of a file, as a bad disk or a stranger does."""
    lake.put(relative, lambda path: path.write_bytes(data))


def files_in(lake: Lake) -> list[str]:
    """All files of samples, listed or not."""
    return [path for path in lake.unlisted((), ()) if path.startswith("samples/")]


def samples_in(lake: Lake) -> dict[str, int]:
    """How many samples of each run the lake holds, orphans too."""
    return dict(_samples(lake))


def _samples(lake: Lake) -> Iterator[tuple[str, int]]:
    for relative in (*files_in(lake), *lake.orphans()):
        if relative.endswith(".parquet"):
            with lake.copy_of(relative) as path:
                yield pq.read_table(path)["run_id"][0].as_py(), pq.read_metadata(path).num_rows


def make_orphan(lake: Lake, name: str, data: bytes) -> str:
    """A file among the orphans, whatever it holds."""
    spoil(lake, f"samples/x/{name}", data)
    lake.set_aside([f"samples/x/{name}"])
    return f"orphans/samples/x/{name}"


def forget_copies(lake: Lake) -> None:
    """What this machine keeps of a lake that is elsewhere; a folder is its own copy."""
    if lake.shown.startswith("s3:"):
        shutil.rmtree(lake.root / "samples", ignore_errors=True)


def wrong(config: Config) -> dict[str, str]:
    """What the doctor finds, by subject."""
    return {each.subject: each.sentence for each in doctor.examine(config) if not each.is_well}
