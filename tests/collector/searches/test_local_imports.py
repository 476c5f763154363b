"""Which files a script imports from its own folder: as the interpreter finds them, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from paretofleet_collector.searches.local_imports import local_imports

#: By file its text. `train.py` is the script.
FILES = {
    "train.py": """
import os, json
import numpy as np
import layers.conv as conv, images
from layers import norm, not_there
from nets.small import Net
if True:
    def late():
        from helpers import scale
""",
    "images.py": "from images_io import *\nimport train",
    "images_io.py": "PATTERN = '\\d'  # a bad escape, of which Python warns",
    "helpers.py": "import json",
    "layers/__init__.py": "from .base import Layer",
    "layers/base.py": "class Layer: ...",
    "layers/conv.py": "from . import base\nfrom .. import images",
    "layers/norm.py": "from ..outside import thing",
    "layers/unused.py": "",
    "nets/small.py": "class Net: ...",
    "numpy/__init__.py": "",
    "site-packages/onnx/__init__.py": "",
    "unused.py": "import helpers",
    "data.json": "{}",
}
READ = {
    "helpers.py",
    "images.py",
    "images_io.py",
    "layers/__init__.py",
    "layers/base.py",
    "layers/conv.py",
    "layers/norm.py",
    "nets/small.py",
    "numpy/__init__.py",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "outside.py").write_text("")
    return root


def test_what_is_imported_directly_or_not_is_listed(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = local_imports(folder / "train.py")
    assert {str(path.relative_to(folder)) for path in paths} == READ
    assert paths == sorted(paths)


def test_the_interpreter_reads_no_other_file_of_the_folder(tmp_path: Path) -> None:
    names = ("images_io.py", "helpers.py", "layers/__init__.py", "layers/base.py", "nets/small.py")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FILES[name])
    script = tmp_path / "train.py"
    script.write_text(
        "import helpers, layers.base\nfrom nets import small\nimport sys\n"
        "for each in sys.modules.values():\n    print(getattr(each, '__file__', None))"
    )
    ran = subprocess.run([sys.executable, "-B", str(script)], capture_output=True, text=True, check=True)
    root = f"{tmp_path}{os.sep}"
    read = {Path(line) for line in ran.stdout.splitlines() if line.startswith(root)} - {script}
    assert set(local_imports(script)) == read


@pytest.mark.parametrize("text", ["def f(:", "\0", "import helpers\n" + "(" * 5000, "# coding: no-such\n"])
def test_a_script_that_is_no_python_imports_nothing(folder: Path, text: str) -> None:
    (folder / "train.py").write_text(text)
    assert local_imports(folder / "train.py") == []


def test_a_file_of_another_language_imports_nothing(folder: Path) -> None:
    (folder / "train.sh").write_text("import images")
    assert local_imports(folder / "train.sh") == []
