"""The energy of a training is that of the packages' counters, or nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from paretofleet_collector.training.torchside.energy import PackageEnergy

RANGE = 1_000_000


def counter(root: Path, zone: str, name: str, value: int) -> None:
    folder = root / zone
    folder.mkdir(exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{value}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")


def test_packages_are_added_up_and_their_parts_are_not(tmp_path):
    counter(tmp_path, "intel-rapl:0", "package-0", 100)
    counter(tmp_path, "intel-rapl:1", "package-1", 100)
    counter(tmp_path, "intel-rapl:0:0", "core", 100)
    counter(tmp_path, "intel-rapl:2", "psys", 100)
    energy = PackageEnergy(str(tmp_path))
    assert energy.add_up() == 0.0
    for zone in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "intel-rapl:2"):
        (tmp_path / zone / "energy_uj").write_text("500100\n")
    assert energy.add_up() == pytest.approx(1.0)


def test_a_counter_goes_round(tmp_path):
    counter(tmp_path, "intel-rapl:0", "package-0", 900_000)
    energy = PackageEnergy(str(tmp_path))
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100000\n")
    assert energy.add_up() == pytest.approx(0.2)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("300000\n")
    assert energy.add_up() == pytest.approx(0.4)


def test_without_a_counter_that_can_be_read_there_is_no_energy(tmp_path):
    assert PackageEnergy(str(tmp_path)).add_up() is None
    counter(tmp_path, "intel-rapl:0", "package-0", 5)
    energy = PackageEnergy(str(tmp_path))
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert energy.add_up() is None
    counter(tmp_path, "intel-rapl:0", "package-0", 9)
    assert energy.add_up() is None, "what was used meanwhile nobody knows"
