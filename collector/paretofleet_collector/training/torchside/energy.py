"""The energy counters of this machine's processors, where Linux lets them be read (powercap, RAPL)."""

from __future__ import annotations

from pathlib import Path

POWERCAP = "/sys/class/powercap"


class PackageEnergy:
    """What the packages of the machine have used since it was made; None where a counter cannot be read.

    `root`: the folder of powercap. `add_up` is called often enough that no counter goes round twice: some go
    round within minutes.
    """

    def __init__(self, root: str = POWERCAP) -> None:
        self._counters = {
            folder: _number(folder / "max_energy_range_uj")
            for folder in sorted(Path(root).glob("intel-rapl:*"))
            if folder.name.count(":") == 1 and _text(folder / "name").startswith("package")
        }
        self._joules: float | None = 0.0 if self._counters else None
        self._last = self._read()

    def _read(self) -> dict[Path, int | None]:
        return {folder: _number(folder / "energy_uj") for folder in self._counters}

    def add_up(self) -> float | None:
        """Joules so far; None from the first reading that fails on."""
        now = self._read()
        for folder, most in self._counters.items():
            before, after = self._last[folder], now[folder]
            if before is None or after is None or (after < before and most is None):
                self._joules = None
            elif self._joules is not None:
                self._joules += 1e-6 * (after - before + (most or 0) * (after < before))
        self._last = now
        return self._joules


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdecimal() else None
