"""The Python files that a user's script imports from its own folder, by its text: nothing is run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path


def local_imports(script: Path) -> list[Path]:
    """The files below the folder of a `script` that it imports, and those that they import, sorted.

    As the interpreter looks for them: that folder stands first on its path. What is installed, what is no
    Python file, and what is imported by a name put together at run time is not among them.
    """
    root = script.parent
    seen: dict[Path, None] = {script: None}
    waiting = [script]
    while waiting:
        for path in _imported(waiting.pop(), root):
            if path not in seen:
                seen[path] = None
                waiting.append(path)
    return sorted(path for path in seen if path != script)


def _imported(file: Path, root: Path) -> Iterator[Path]:
    """The files below `root` that the import statements of a `file` read; none where it is no Python."""
    if file.suffix != ".py":
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's text, such as a bad escape in a string
            tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = (file, *file.parents)[node.level] if 0 < node.level <= len(file.parents) else root
            if base.is_relative_to(root):
                module = node.module.split(".") if node.module else []
                for alias in node.names:
                    yield from _files(base, [*module, alias.name])


def _files(folder: Path, names: list[str]) -> Iterator[Path]:
    """The files that importing these `names`, from outside in, reads below a `folder`."""
    for name in names:
        package, module = folder / name / "__init__.py", folder / f"{name}.py"
        if package.is_file():
            yield package
        elif module.is_file():
            yield module
            return
        folder = folder / name
