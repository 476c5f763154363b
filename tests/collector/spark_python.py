"""The interpreter in whose environment PySpark is, for the tests that start a real Spark."""

from __future__ import annotations

import os

import pytest

PYTHON = os.environ.get("PARETOFLEET_TEST_SPARK_PYTHON", "")
with_spark = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_SPARK_PYTHON names no Python with PySpark"
)
