"""The page of the commands, from the Typer app and the agent's parser."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import typer.main
from paretofleet_agent.main.command_line import parser as agent_parser
from paretofleet_collector.cli import app

from reference.markdown import origin, page, paragraph, table

#: What every command has, and what only sets a shell up.
NO_OPTIONS = {"help", "show_completion"}


def commands() -> str:
    """The page of every command with its options, defaults and an example."""
    return page(
        "# Commands",
        paragraph(
            "`paretofleet` works on the collector's side, `paretofleet-agent` on a device. Data goes to "
            "standard output, messages to standard error. Exit codes: 0 all well, 1 error, 2 usage or a "
            "mistake in a specification, 3 finished but some configurations failed, 4 a comparison found "
            "something worse."
        ),
        origin("collector/paretofleet_collector/cli/", "agent/paretofleet_agent/main/command_line.py"),
        *_typer_sections(typer.main.get_command(app), ["paretofleet"]),
        *_argparse_sections(agent_parser()),
    )


def _typer_sections(command: Any, path: list[str]) -> Iterator[str]:
    """The sections of a command and, behind it, of the commands below it."""
    yield f"## {' '.join(path)}"
    yield paragraph(command.help)
    parameters = [each for each in command.params if each.name not in NO_OPTIONS and not each.hidden]
    if parameters:
        rows = [(_typer_name(each), each.help or "", _typer_default(each)) for each in parameters]
        yield table(("option", "meaning", "default"), rows)
    if command.epilog:
        yield _example(command.epilog)
    for name, below in getattr(command, "commands", {}).items():
        yield from _typer_sections(below, [*path, name])


def _typer_name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.is_flag:
        return names
    choices = "|".join(type(parameter.default)) if isinstance(parameter.default, StrEnum) else ""
    return f"{names} `{parameter.metavar or choices or parameter.opts[-1].lstrip('-').upper()}`"


def _typer_default(parameter: Any) -> str:
    """The default as the help shows it; a flag is off, and "needed" is what has to be given."""
    if isinstance(parameter.show_default, str):
        return f"`{parameter.show_default}`"
    if parameter.required:
        return "needed"
    value = parameter.default.value if isinstance(parameter.default, StrEnum) else parameter.default
    return "" if value in (None, False, "") or callable(value) else f"`{value}`"


def _argparse_sections(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {parser.prog}"
    yield paragraph(parser.description or "")
    actions = parser._actions  # noqa: SLF001 - argparse lists its arguments nowhere else
    subparsers = [each for each in actions if each.nargs == argparse.PARSER]
    rows = [_argparse_row(each) for each in actions if each not in subparsers and not _is_hidden(each)]
    yield table(("option", "meaning", "default"), rows)
    if parser.epilog:
        yield _example(parser.epilog)
    for each in subparsers:
        for below in dict(each.choices or {}).values():
            yield from _argparse_sections(below)


def _is_hidden(action: argparse.Action) -> bool:
    return action.dest == "help" or action.help == argparse.SUPPRESS


def _argparse_row(action: argparse.Action) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    value = action.metavar or ("|".join(action.choices) if action.choices else (action.dest or "").upper())
    takes_value = action.nargs != 0
    name = f"{names} `{value}`" if names and takes_value else names or f"`{value}`"
    text, default = _without_default((action.help or "").replace("%(default)s", str(action.default)))
    if action.required and action.nargs != "?":
        return name, text, "needed"
    if not default and takes_value and action.default not in (None, [], argparse.SUPPRESS):
        default = str(action.default)
    return name, text, f"`{default}`" if default and " " not in default else default


def _without_default(text: str) -> tuple[str, str]:
    """The help of an argument and the default that it names at its end, which have columns of their own."""
    match = re.fullmatch(r"(.*?)\s*\(?default: ([^()]*)\)?", text)
    return (match[1], match[2]) if match else (text, "")


def _example(epilog: str) -> str:
    """The examples of a command as a block that the tests of the documentation parse."""
    lines = (re.sub(r"^[Ee]xamples?:\s*", "", line.strip()) for line in epilog.splitlines())
    return "\n".join(["```sh", *(line for line in lines if line.startswith("paretofleet")), "```"])
