"""What the documentation shows is there: commands parse, specifications are read, links lead to files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from paretofleet_agent.main import _parser
from paretofleet_collector.cli import app
from paretofleet_collector.planning import specification

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "deploy" / "README.md"])
EXAMPLES = re.compile(r"^(?:\S+/)?(paretofleet|paretofleet-agent) ([a-z-].*)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [
        f"{name} {rest}"
        for page in PAGES
        for text in blocks(page, "sh")
        for name, rest in EXAMPLES.findall(text)
    ]
    return list(dict.fromkeys(lines))


def documents() -> list[str]:
    here = re.compile(r"<<'YAML'\n(.*?)^YAML", re.MULTILINE | re.DOTALL)
    return [text for page in PAGES for text in (*blocks(page, "yaml"), *here.findall(page.read_text()))]


def test_there_is_something_to_look_at() -> None:
    assert len(commands()) > 15
    assert len(documents()) > 1


@pytest.mark.parametrize("line", commands())
def test_commands_parse(line: str) -> None:
    program, *words = [word for word in shlex.split(line, comments=True) if word != "&"]
    if program == "paretofleet-agent":
        _parser().parse_args(words)
        return
    command = typer.main.get_command(app)
    context = None
    while True:
        context = command.make_context(words[0] if words else program, words, parent=context)
        rest = [*context._protected_args, *context.args]
        if not hasattr(command, "resolve_command"):
            assert rest == [], "words that nothing takes"
            return
        _, found, words = command.resolve_command(context, rest)
        assert found is not None
        command = found


@pytest.mark.parametrize("text", documents())
def test_specifications_are_read(text: str) -> None:
    assert specification.parse_yaml(text, ROOT).models


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
