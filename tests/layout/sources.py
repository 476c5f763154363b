"""The product's files as the layout tests read them: parsed once, with their room and their imports."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = ("graph", "agent", "collector", "analysis")


@dataclass(frozen=True)
class Source:
    """One file: where it is, as which module, in which room, and its tree."""

    path: Path
    module: str
    room: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Import:
    """A name that one file takes: from which module, and the name in it (empty: the module itself)."""

    source: Source
    line: int
    module: str
    name: str


def package_of(distribution: str) -> Path:
    return ROOT / distribution / f"paretofleet_{distribution}"


@functools.cache
def sources(distribution: str) -> tuple[Source, ...]:
    """Every file of a distribution that was written by hand, empty ones and migrations left out."""
    package = package_of(distribution)
    files = [path for path in sorted(package.rglob("*.py")) if "migrations" not in path.parts]
    return tuple(_source(package, path) for path in files if path.read_text().strip())


@functools.cache
def _modules(distribution: str) -> frozenset[str]:
    return frozenset(each.module for each in sources(distribution))


def _source(package: Path, path: Path) -> Source:
    parts = path.relative_to(package).with_suffix("").parts
    module = ".".join((package.name, *(part for part in parts if part != "__init__")))
    room = parts[0] if len(parts) > 1 or parts[0] != "__init__" else ""
    return Source(path, module, room, ast.parse(path.read_text()))


@functools.cache
def imports(source: Source) -> tuple[Import, ...]:
    """What a file takes from its own distribution, wherever in the file the import stands."""
    return tuple(_imports(source))


def _imports(source: Source) -> Iterator[Import]:
    distribution = source.module.partition(".")[0]
    modules = _modules(distribution.removeprefix("paretofleet_"))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in modules:
                    yield Import(source, node.lineno, alias.name, "")
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(source, node)
            for alias in node.names if origin.startswith(distribution) else ():
                whole = f"{origin}.{alias.name}"
                yield Import(
                    source, node.lineno, *((whole, "") if whole in modules else (origin, alias.name))
                )


def _origin(source: Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = source.module.split(".")
    if source.path.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - node.level + 1]
    return ".".join([*package, *([node.module] if node.module else [])])


def room_of(module: str) -> str:
    """The room in which a module stands; the distribution's own `__init__` is the room ''."""
    return module.split(".")[1] if "." in module else ""


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def report(places: Iterable[object]) -> str:
    """The places at which a rule is broken, a line each."""
    return "\n".join(["", *sorted(map(str, places))])
