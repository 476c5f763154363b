"""EfficientNet-Lite0's real weights, where somebody has the packages that ship them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
BENCH = Path(__file__).parents[2] / "bench" / "efficientnet_lite.py"


def test_predictions_on_real_images_are_torchs() -> None:
    """The bench ends with an error where one differs in fp32, or more than three do in int8."""
    pytest.importorskip("PIL", reason="images are read with Pillow")
    python = os.environ.get("PARETOFLEET_TEST_LITE_PYTHON")
    if not python:
        pytest.skip(
            "PARETOFLEET_TEST_LITE_PYTHON names no interpreter with EfficientNet-Lite's weights: see the "
            "first lines of bench/efficientnet_lite.py"
        )
    done = subprocess.run(
        [sys.executable, str(BENCH), python], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "torch agrees on 20 of 20" in done.stdout
