"""A search over this machine and a simulated board, which is refused unless each is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm import Farm
from search_farm import detail, drivers, watched
from tiny_search import write_search

pytestmark = [pytest.mark.system, pytest.mark.timeout(1200)]


@pytest.fixture
def mixed(farm: Farm) -> Iterator[Farm]:
    farm.start_agent("pc")
    farm.start_agent("tx2", "--simulate", "jetson-tx2")
    try:
        yield farm
    finally:
        for process in drivers(farm):
            process.kill()


def test_a_real_and_a_simulated_device_have_fronts_of_their_own(mixed: Farm) -> None:
    file, _ = write_search(mixed.root / "space", ["pc", "tx2"])
    by_name = file.read_text().replace(", energy_j_per_item]", "]")
    file.write_text(by_name.replace("devices: [pc, tx2]", "devices: {}"))
    refused = mixed.run("search", "start", file, "--name", "edge1", "--trials", "4")
    assert refused.returncode == 1
    assert "tx2 is simulated and pc is not" in refused.stderr
    file.write_text(by_name)
    watched(mixed, "start", file, "--name", "edge1", "--trials", "4", "--watch")
    assert detail(mixed).batches[0].devices == ("pc", "tx2")
    rows = mixed.listing("search", "show", "edge1")
    assert {(row["device"], row["simulated"]) for row in rows} == {("pc", False), ("tx2", True)}
    said = mixed.run("search", "statements", "edge1").stderr
    assert "tx2 is simulated and pc is not: they are not compared" in said
