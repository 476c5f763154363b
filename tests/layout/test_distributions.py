"""The distributions: arrows between them, who may know the wire, what the agent may carry."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import ROOT

PACKAGES = {
    name: ROOT / name / f"paretofleet_{name}" for name in ("proto", "graph", "agent", "collector", "analysis")
}
WIRE_FILES = {
    "agent/paretofleet_agent/uplink/wire.py",
    "agent/paretofleet_agent/uplink/client.py",
    "agent/paretofleet_agent/uplink/joining.py",
    "collector/paretofleet_collector/rpc/control_servicer.py",
    "collector/paretofleet_collector/rpc/convert/control.py",
    "collector/paretofleet_collector/rpc/convert/fleet.py",
    "collector/paretofleet_collector/rpc/fleet_servicer.py",
    "collector/paretofleet_collector/rpc/server.py",
    "collector/paretofleet_collector/rpc/client.py",
    "collector/paretofleet_collector/rpc/access_client.py",
    "collector/paretofleet_collector/rpc/search_client.py",
    "collector/paretofleet_collector/rpc/convert/identity.py",
    "collector/paretofleet_collector/rpc/convert/models.py",
    "collector/paretofleet_collector/rpc/convert/searches.py",
    "collector/paretofleet_collector/rpc/join_servicer.py",
    "collector/paretofleet_collector/rpc/listeners.py",
    "collector/paretofleet_collector/rpc/login.py",
}
ARROWS = {
    "proto": set(),
    "graph": set(),
    "agent": {"proto", "graph"},
    "analysis": set(),
    "collector": {"proto", "graph", "analysis"},
}
#: What the daemon may import beside the standard library; everything else belongs in a runner.
#: `cryptography` where it happens to be installed: the command openssl does the same.
AGENT_LIBRARIES = {"grpc", "google", "psutil", "pynvml", "cryptography"}
RUNTIME_LIBRARIES = {"numpy", "onnxruntime", "openvino", "torch", "torchvision"}
ERROR_CLASSES_MAX = 8


def product_files(*packages: str) -> Iterator[Path]:
    for name in packages or PACKAGES:
        for path in sorted(PACKAGES[name].rglob("*.py")):
            if "_pb2" not in path.name:
                yield path


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file, the module first."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every absolute import of a file with its line."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def test_folders_of_distributions_are_not_packages() -> None:
    found = [name for name in PACKAGES if (ROOT / name / "__init__.py").exists()]
    assert found == []


@pytest.mark.parametrize("package", list(ARROWS))
def test_arrows(package: str) -> None:
    allowed = {f"paretofleet_{name}" for name in (*ARROWS[package], package)}
    wrong = [
        f"{relative(path)}:{line} imports {name}"
        for path in product_files(package)
        for name, line in imports(path)
        if top(name).startswith("paretofleet_") and top(name) not in allowed
    ]
    assert wrong == []


def test_only_the_wire_knows_generated_code() -> None:
    found = {
        relative(path)
        for path in product_files("agent", "collector", "analysis")
        for name, _ in imports(path)
        if top(name) == "paretofleet_proto"
    }
    assert found <= WIRE_FILES


def test_analysis_knows_no_wire() -> None:
    wrong = [
        relative(path)
        for path in product_files("analysis")
        for name, _ in imports(path)
        if top(name) in {"grpc", "google"}
    ]
    assert wrong == []


def test_the_agent_stays_light() -> None:
    wrong = []
    for path in product_files("agent"):
        in_runner = "runner" in path.relative_to(PACKAGES["agent"]).parts
        allowed = set(sys.stdlib_module_names) | {
            "paretofleet_agent",
            "paretofleet_graph",
            "paretofleet_proto",
        }
        allowed |= RUNTIME_LIBRARIES if in_runner else AGENT_LIBRARIES
        siblings = {p.stem for p in path.parent.glob("*.py")} if in_runner else set()
        wrong += [
            f"{relative(path)}:{line} imports {name}"
            for name, line in imports(path)
            if top(name) not in allowed | siblings
        ]
    assert wrong == []


def test_the_runner_keeps_to_python_3_6() -> None:
    files = [*(PACKAGES["agent"] / "runner").rglob("*.py"), *PACKAGES["graph"].rglob("*.py")]
    assert files
    for path in files:
        source = path.read_text()
        ast.parse(source, filename=str(path), feature_version=(3, 6))
        assert "from __future__ import annotations" not in source, f"{relative(path)}: 3.7 and later"
        names = {name for name, _ in imports(path)}
        assert not names & {"dataclasses", "importlib.metadata"}, f"{relative(path)}: 3.7 and later"


def test_the_graph_reader_needs_only_the_standard_library() -> None:
    allowed = {*sys.stdlib_module_names, "paretofleet_graph"}
    wrong = [
        f"{relative(path)}:{line} imports {name}"
        for path in product_files("graph")
        for name, line in imports(path)
        if top(name) not in allowed
    ]
    assert wrong == []


def test_the_agent_keeps_to_python_3_8() -> None:
    newer = []
    for path in product_files("agent", "proto"):
        try:
            ast.parse(path.read_text(), filename=str(path), feature_version=(3, 8))
        except SyntaxError as error:
            newer.append(f"{relative(path)}:{error.lineno} {error.msg}")
    assert newer == []


def test_product_code_does_not_validate_with_assert_nor_load_pickles() -> None:
    wrong = []
    for path in product_files():
        text = path.read_text()
        wrong += [
            f"{relative(path)}:{node.lineno} assert" for node in nodes(path) if isinstance(node, ast.Assert)
        ]
        if re.search(r"\bpickle\.loads?\(|\beval\(|shell=True|allow_pickle=True", text):
            wrong.append(f"{relative(path)}: pickle, eval or a shell")
    assert wrong == []


@pytest.mark.parametrize("package", ["graph", "agent", "collector", "analysis"])
def test_exception_classes_are_few(package: str) -> None:
    classes = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in product_files(package)
        for node in nodes(path)
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(base, ast.Name) and re.search(r"(Error|Exception|Refused)$", base.id)
            for base in node.bases
        )
    ]
    assert len(classes) <= ERROR_CLASSES_MAX, classes


def test_modules_and_public_functions_say_what_they_are() -> None:
    wrong = []
    for path in product_files("graph", "agent", "collector", "analysis"):
        tree = nodes(path)[0]
        assert isinstance(tree, ast.Module)
        if tree.body and not ast.get_docstring(tree):
            wrong.append(f"{relative(path)}: no module docstring")
        wrong += [
            f"{relative(path)}:{node.lineno} {node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert wrong == []


def test_every_sensor_has_a_fixture_and_a_row_in_the_documentation() -> None:
    documented = (ROOT / "CONTRIBUTING.md").read_text()
    fixtures = {path.name for path in (ROOT / "tests" / "fixtures").iterdir()}
    for path in (PACKAGES["agent"] / "sensors").glob("*.py"):
        if path.stem.startswith("_") or path.stem == "protocol":
            continue
        assert any(name.startswith(path.stem) for name in fixtures), f"no fixture tests/fixtures/{path.stem}*"
        assert f"`{path.stem}`" in documented, f"CONTRIBUTING.md does not list the sensor {path.stem}"


def test_phases_and_schemas_are_the_same_on_both_sides() -> None:
    from paretofleet_agent import model
    from paretofleet_analysis.runs import sample_schemas

    assert sample_schemas.PHASES == model.PHASES
    assert dict(sample_schemas.SCHEMAS) == dict(model.SCHEMAS)
