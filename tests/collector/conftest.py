"""The collector without its network, for every room's tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rig import rig  # noqa: F401  a fixture
