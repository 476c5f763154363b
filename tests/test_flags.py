"""The table of flags names every flag that the product can set, and no other.

What the code can set is read from its trees: every expression that flows into something called flags is
followed to its strings, through constants, locals and imports. What cannot be followed has to be in PASSED.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from paretofleet_analysis.report import files
from paretofleet_analysis.report.flags import AGENT, ANALYSIS, COLLECTOR, FLAGS
from paretofleet_analysis.runs.summary import SETS_ASIDE

ROOT = Path(__file__).parents[1]
#: Where files begin whose flags are those of a command line, or of arrays.
OTHER_FLAGS = (
    "agent/paretofleet_agent/main",
    "agent/paretofleet_agent/config",
    "agent/paretofleet_agent/runner/runtimes/trtexec_",
    "agent/paretofleet_agent/standalone/warm_",
    "collector/paretofleet_collector/cli/",
    "collector/paretofleet_collector/config",
    "analysis/paretofleet_analysis/pareto/",
    "analysis/paretofleet_analysis/report/flags.py",
)
#: Expressions that cannot be followed, and what they may be.
PASSED: dict[tuple[str, str], set[str]] = {
    # A class of steadiness; "flat" is none of the flags.
    ("analysis/paretofleet_analysis/runs/steadiness.py", "classify(durations).kind"): {
        "warming",
        "slowing",
        "no_steady",
    },
    # The functions `flags` of the sensors, which are followed where they stand.
    ("agent/paretofleet_agent/sensors/__init__.py", "judge(before[name], after[name])"): set(),
    # The kind of the fact `flags`, which is no flag.
    ("collector/paretofleet_collector/lifecycle/facts.py", "_list_of(_TEXT)"): set(),
}
GROWING = {"append", "add", "update", "extend", "add_flag"}
TRANSPARENT = {
    "sorted",
    "list",
    "set",
    "tuple",
    "frozenset",
    "dict",
    "Counter",
    "fromkeys",
    "items",
    "values",
}
Binding = tuple[ast.expr, tuple[int, ...]]


@dataclass
class Module:
    """One file: its path, its tree, its constants, and what it imports from where."""

    name: str
    tree: ast.Module
    constants: dict[str, list[Binding]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


def modules() -> dict[str, Module]:
    found = {}
    for distribution in (AGENT, COLLECTOR, ANALYSIS):
        for path in sorted((ROOT / distribution).rglob("paretofleet_*/**/*.py")):
            parts = path.relative_to(ROOT / distribution).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            module = Module(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text()))
            module.constants = bindings(module.tree.body)
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        module.imported[alias.asname or alias.name] = (node.module or "", alias.name)
            found[name] = module
    return found


def targets(target: ast.expr, value: ast.expr, at: tuple[int, ...] = ()) -> Iterator[tuple[str, Binding]]:
    """The names in a target, each with the value and the place in it that it gets."""
    if isinstance(target, ast.Name):
        yield target.id, (value, at)
    elif isinstance(target, ast.Tuple):
        for k, part in enumerate(target.elts):
            yield from targets(part, value, (*at, k))


def bindings(body: list[ast.stmt]) -> dict[str, list[Binding]]:
    """Whatever is assigned to a name, or put into it, in a body."""
    found: dict[str, list[Binding]] = {}
    for node in (each for statement in body for each in ast.walk(statement)):
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.For | ast.comprehension):
            # An element of what is gone through: of a tuple its parts are, and of a dict's items.
            pairs = [(node.target, node.iter)]
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in GROWING
        ):
            pairs = [(node.func.value, argument) for argument in node.args]
        for target, value in pairs:
            for name, binding in targets(target, value) if value is not None else ():
                found.setdefault(name, []).append(binding)
    return found


def is_flags(node: ast.expr) -> bool:
    """Whether an expression is called flags: a name, an attribute, a key."""
    if isinstance(node, ast.Subscript):
        return is_key(node.slice)
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name == "flags" or name.endswith("_flags")


def sinks(tree: ast.AST, positions: dict[str, int]) -> Iterator[ast.expr]:
    """The expressions that become flags in a function or at the top of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if is_flags(target) and node.value is not None:
                yield node.value
        elif isinstance(node, ast.Dict):
            yield from (value for key, value in zip(node.keys, node.values, strict=True) if is_key(key))
        elif isinstance(node, ast.Call):
            yield from passed(node, positions)
        elif isinstance(node, ast.FunctionDef) and is_flags(ast.Name(node.name)):
            returns = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
            yield from (value for value in returns if value is not None)


def is_key(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "flags"


def passed(call: ast.Call, positions: dict[str, int]) -> Iterator[ast.expr]:
    """The arguments of a call that become flags: `positions` are those of the fields of that name."""
    function = call.func
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "flags")
    if isinstance(function, ast.Attribute) and function.attr in GROWING:
        if function.attr == "add_flag" or is_flags(function.value):
            yield from call.args
    elif isinstance(function, ast.Name) and function.id in positions:
        yield from call.args[positions[function.id] : positions[function.id] + 1]


def parts(node: ast.expr) -> list[ast.expr] | None:
    """What an expression gives on as it is; None where it makes something else of it."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        return [node.elt]
    if isinstance(node, ast.Subscript):
        return [node.value]
    if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Starred | ast.BoolOp | ast.BinOp):
        return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    return None


class Follower:
    """Follows expressions of one file to the strings that they may be."""

    def __init__(self, product: dict[str, Module], module: Module, local: dict[str, list[Binding]]) -> None:
        self.product, self.module, self.local = product, module, local
        self.strings: set[str] = set()
        self.lost: set[str] = set()
        self._seen: set[tuple[int, tuple[int, ...]]] = set()

    def follow(self, node: ast.expr, at: tuple[int, ...] = ()) -> None:
        if (id(node), at) in self._seen or is_flags(node):
            return
        self._seen.add((id(node), at))
        if isinstance(node, ast.Constant):
            self.strings |= {node.value} if isinstance(node.value, str) else set()
        elif isinstance(node, ast.Name):
            self._follow_name(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            self._follow_imported(*self.module.imported.get(node.value.id, ("", "")), node)
        elif isinstance(node, ast.Call):
            self._follow_call(node, at)
        elif isinstance(node, ast.Dict):
            for value in node.values:
                self._follow_part(value, at[1:])
        else:
            given = parts(node)
            self.lost |= {ast.unparse(node)} if given is None else set()
            for part in given or []:
                self.follow(part)

    def _follow_part(self, node: ast.expr, at: tuple[int, ...]) -> None:
        if at and isinstance(node, ast.Tuple):
            node, at = node.elts[at[0]], at[1:]
        self.follow(node, at)

    def _follow_name(self, node: ast.Name) -> None:
        if node.id in self.local:
            for value, at in self.local[node.id]:
                self.follow(value, at)
        elif node.id in self.module.constants:
            for value, at in self.module.constants[node.id]:
                self._follow_part(value, at)
        elif node.id != "flag":  # the parameter of `add_flag`, whose calls are looked at
            self._follow_imported(*self.module.imported.get(node.id, ("", "")), node)

    def _follow_imported(self, module: str, name: str, node: ast.expr) -> None:
        """A constant of another file: imported by itself, or with its module."""
        whole = self.product.get(f"{module}.{name}")
        origin = whole if isinstance(node, ast.Attribute) else self.product.get(module)
        constant = node.attr if isinstance(node, ast.Attribute) else name
        if origin is None or constant not in origin.constants:
            self.lost.add(ast.unparse(node))
            return
        other = Follower(self.product, origin, {})
        for value, at in origin.constants[constant]:
            other._follow_part(value, at)
        self.strings |= other.strings
        self.lost |= other.lost

    def _follow_call(self, node: ast.Call, at: tuple[int, ...]) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        first = node.args[0] if node.args else None
        is_get = name == "get" and is_key(first)
        if is_flags(function) or is_get or name in {"field", "join"}:
            return  # followed where it is set; or nothing yet; or a text for people
        if name not in TRANSPARENT:
            self.lost.add(ast.unparse(node))
        elif isinstance(function, ast.Attribute) and name in {"items", "values"}:
            self._follow_mapping(function.value, at)
        else:
            for argument in node.args:
                self.follow(argument)

    def _follow_mapping(self, node: ast.expr, at: tuple[int, ...]) -> None:
        values = self.module.constants.get(node.id, []) if isinstance(node, ast.Name) else []
        for value, _ in values:
            self.follow(value, at)


@functools.cache
def set_in_the_code() -> tuple[dict[str, set[str]], set[tuple[str, str]]]:
    """Every flag with the distributions that may set it, and what could not be followed."""
    product = modules()
    positions = flag_fields(product)
    flags: dict[str, set[str]] = {}
    lost = set()
    for module in product.values():
        if module.name.startswith(OTHER_FLAGS):
            continue
        functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
        top = [node for node in module.tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
        for scope in (*functions, ast.Module(top, [])):
            local = bindings(scope.body) if isinstance(scope, ast.FunctionDef) else {}
            follower = Follower(product, module, local)
            for expression in sinks(scope, positions):
                follower.follow(expression)
            for name in follower.strings:
                flags.setdefault(name, set()).add(module.name.partition("/")[0])
            lost |= {(module.name, text) for text in follower.lost}
    for (place, _), names in PASSED.items():
        for name in names:
            flags.setdefault(name, set()).add(place.partition("/")[0])
    return flags, lost


def flag_fields(product: dict[str, Module]) -> dict[str, int]:
    """The classes with a field `flags`, and which field it is."""
    fields = {
        node.name: [ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)]
        for module in product.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    return {name: names.index("flags") for name, names in fields.items() if "flags" in names}


def test_all_that_becomes_a_flag_can_be_followed():
    _, lost = set_in_the_code()
    assert lost - PASSED.keys() == set(), "name it as a constant, or say in PASSED what it may be"
    assert PASSED.keys() - lost == set(), "is followed by now: take it out of PASSED"


def test_the_table_has_every_flag_that_the_code_can_set_and_no_other():
    flags, _ = set_in_the_code()
    assert flags.keys() - FLAGS.keys() == set(), "not in report/flags.py"
    assert FLAGS.keys() - flags.keys() == set(), "in report/flags.py, and nothing sets it"


def test_the_table_says_who_sets_each_flag():
    flags, _ = set_in_the_code()
    assert {name: set(flag.set_by) for name, flag in FLAGS.items()} == flags


def test_the_flags_that_set_a_run_aside_are_those_of_the_summary():
    assert {name for name, flag in FLAGS.items() if flag.sets_aside} == SETS_ASIDE | {
        "no_measured_iterations"
    }


@pytest.mark.parametrize("name", sorted(FLAGS))
def test_a_meaning_is_one_sentence(name):
    assert FLAGS[name].meaning[0].isupper() or FLAGS[name].meaning[0] == "`"
    assert FLAGS[name].meaning.endswith(".")


def test_the_flags_of_a_stored_report_are_in_the_table():
    (path,) = (ROOT / "tests" / "fixtures" / "stored_sweep").glob("*.parquet")
    rows = files.read(path).to_pylist()
    of_rows = {flag for row in rows for flag in row["flags"]}
    of_runs = {flag for row in rows for flags in row["run_flags"] for flag in flags}
    of_rails = {flag for row in rows for rail in row["energy"] or () for flag in rail["flags"]}
    assert (of_rows | of_runs | of_rails) - FLAGS.keys() == set()
