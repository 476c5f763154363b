"""Names are the field's terms: none says nothing, and public functions name what they take."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from sources import DISTRIBUTIONS, Source, functions, report, sources

EMPTY_WORDS = set("told found asked said own one mine some known wanted what words".split())  # noqa: SIM905
#: Persisted and wire names, which stay as they are.
PERSISTED: set[str] = set()
#: A local may be called so where it lives at most this many lines.
LOCAL_LINES_MAX = 5
#: The command's functions are its help: their docstrings speak to users, of options.
COMMAND_ROOMS = {("collector", "cli")}


def lasting_names(source: Source) -> Iterator[tuple[int, str]]:
    """Fields, parameters, functions, classes and modules; and locals that live long."""
    yield 1, source.path.stem
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        if isinstance(node, ast.ClassDef | ast.Module):
            targets = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
            targets += [
                target for each in node.body if isinstance(each, ast.Assign) for target in each.targets
            ]
            yield from ((target.lineno, target.id) for target in targets if isinstance(target, ast.Name))
    for function in functions(source.tree):
        lines: dict[str, list[int]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in EMPTY_WORDS:
                lines.setdefault(node.id, []).append(node.lineno)
        yield from ((min(at), name) for name, at in lines.items() if max(at) - min(at) > LOCAL_LINES_MAX)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_no_name_says_nothing(distribution: str) -> None:
    wrong = {
        f"{source.name}:{line} {name}"
        for source in sources(distribution)
        for line, name in lasting_names(source)
        if name.strip("_") in EMPTY_WORDS and name not in PERSISTED
    }
    assert not wrong, report(wrong)


def public_functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def raised(function: ast.AST) -> set[str]:
    """The exception classes that a function itself raises by name."""
    calls = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and node.exc is not None]
    names = [call.func if isinstance(call, ast.Call) else call for call in calls]
    return {name.id for name in names if isinstance(name, ast.Name) and name.id[0].isupper()}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_public_functions_name_their_parameters_and_errors(distribution: str) -> None:
    wrong = []
    for source in sources(distribution):
        if (distribution, source.room) in COMMAND_ROOMS:
            continue
        for function in public_functions(source):
            text = ast.get_docstring(function) or ""
            arguments = function.args
            names = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
            missing = {name for name in names | raised(function) if not re.search(rf"\b{name}\b", text)}
            if missing:
                wrong.append(f"{source.name}:{function.lineno} {function.name}: {', '.join(sorted(missing))}")
    assert not wrong, report(wrong)
