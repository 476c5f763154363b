"""The reference pages that are made from code say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "reference.py"


def load():
    spec = importlib.util.spec_from_file_location("reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = load()


@pytest.mark.parametrize("name", REFERENCE.PAGES)
def test_a_page_is_what_the_code_says(name):
    stored = (REFERENCE.FOLDER / name).read_text(encoding="utf-8")
    assert stored == REFERENCE.PAGES[name](), "run python scripts/reference.py"


@pytest.mark.parametrize("name", REFERENCE.PAGES)
def test_the_index_leads_to_every_page(name):
    assert f"]({name})" in (REFERENCE.FOLDER / "README.md").read_text(encoding="utf-8")
