"""paretofleet analysis: `read` a report, rank it, to pandas and back. Other names may move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paretofleet_analysis.interface import RankedReport, Report, from_pandas, read

__version__ = "0.1.0"
__all__ = ["RankedReport", "Report", "__version__", "from_pandas", "read"]


def __dir__() -> list[str]:
    """The names that stay, which a notebook completes."""
    return __all__


def __getattr__(name: str) -> Any:
    """The names of `interface` once they are used: numpy and Arrow take a while to load."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("paretofleet_analysis.interface"), name)
