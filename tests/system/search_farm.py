"""Searches of a farm: started, watched and looked at, with the processes that drive them."""

from __future__ import annotations

from pathlib import Path

import psutil
from farm import BIN, Farm, wait_until
from paretofleet_collector.model.searches import SearchDetail
from paretofleet_collector.rpc.search_client import SearchClient

PATIENCE_S = 600.0


def drivers(farm: Farm) -> list[psutil.Process]:
    """The processes that drive searches of this farm, and no other's."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "paretofleet_collector.searches" in words and farm.address in words:
            found.append(process)
    return found


def detail(farm: Farm, name: str = "edge1") -> SearchDetail:
    with SearchClient(farm.address) as client:
        return client.show_search(name)


def wait_for(farm: Farm, *states: str, name: str = "edge1") -> SearchDetail:
    wait_until(lambda: detail(farm, name).search.state in states, f"{name} {states}", PATIENCE_S)
    return detail(farm, name)


def start(farm: Farm, file: Path, *more: str, name: str = "edge1", trials: int = 8) -> None:
    farm.command("search", "start", file, "--name", name, "--trials", str(trials), *more)


def watched(farm: Farm, *words: str | Path) -> str:
    """What `paretofleet search` says with these words until it ends well, however long that takes."""
    command = (BIN / "paretofleet", "--collector", farm.address, "search", *words)
    process = farm.start(*command, log="watched.log")
    assert process.wait(PATIENCE_S) == 0, farm.log("watched")
    return farm.log("watched")
