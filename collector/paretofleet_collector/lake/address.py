"""Which lake: a folder of this machine, or an object store."""

from __future__ import annotations

import socket
from pathlib import Path

from paretofleet_collector.config import LOCAL
from paretofleet_collector.errors import NotFound
from paretofleet_collector.lake.files import FOLDER, Lake

#: Below the home: what this machine keeps of a lake that is elsewhere.
CACHE = "lake-cache"


def open_lake(address: str) -> Lake:
    """The lake at an `address` as a lake's own `address` gives it: a folder, or `s3://...#FOLDER`.

    Raises Refused or StorageUnavailable.
    """
    if not address.startswith("s3://"):
        return Lake(Path(address))
    from paretofleet_collector.lake.object_store import ObjectLake

    url, _, folder = address.rpartition("#")
    return ObjectLake(url, Path(folder))


def existing_lake(address: str) -> Lake:
    """The lake at an `address`, as `open_lake`; raises NotFound where its folder is not on this machine."""
    if not address.startswith("s3://") and not Path(address).is_dir():
        raise NotFound(
            f"The lake {address} is not there on {socket.gethostname()}; bring its folder back, or mount it "
            "at the same path."
        )
    return open_lake(address)


def address_of(home: Path, lake: str) -> str:
    """The address of the lake of the collector in `home`, whose configuration says `lake`."""
    return str(home / FOLDER) if lake == LOCAL else f"{lake}#{home / CACHE}"
