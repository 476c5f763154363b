"""What the help of every command has in common, and commands that are loaded once they are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, ClassVar

import typer
import typer.main
from typer.core import TyperGroup

from paretofleet_collector.cli import plain_values

HELP_OPTIONS = ["-h", "--help"]
#: Longer than any summary: it is shown whole.
_WHOLE = 1 << 16


@dataclass(frozen=True)
class LazyCommand:
    """Where a command is: a `module` of this room and its Typer app or function, the `attribute`.

    `summary` is shown in the list of commands; `example` is its epilog where the module has no EXAMPLE.
    """

    module: str
    attribute: str
    summary: str
    example: str = ""


class PlainGroup(TyperGroup):
    """A group whose help shows the summaries of its commands whole."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, as they come in the help."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands with their summaries."""
        rows = [(name, self.summary_of(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def summary_of(self, name: str) -> str:
        """What the command `name` does, in a sentence."""
        return str(self.commands[name].get_short_help_str(_WHOLE))


class LazyGroup(PlainGroup):
    """A group that loads a command once it is asked for; the list of them loads none."""

    lazy: ClassVar[Mapping[str, LazyCommand]] = {}

    def __init__(self, *positional: Any, **keywords: Any) -> None:
        super().__init__(*positional, **keywords)
        self.commands: Any = LoadedCommands(self.lazy)

    def summary_of(self, name: str) -> str:
        """As the table of commands has it."""
        return self.lazy[name].summary


class LoadedCommands(Mapping[str, Any]):
    """The commands of a group by name, each loaded at its first use."""

    def __init__(self, lazy: Mapping[str, LazyCommand]) -> None:
        self._lazy, self._loaded = lazy, dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = tidy(_load(name, self._lazy[name]))
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lazy)

    def __len__(self) -> int:
        return len(self._lazy)

    def __contains__(self, name: object) -> bool:
        return name in self._lazy


def _load(name: str, lazy: LazyCommand) -> Any:
    module = import_module(f"paretofleet_collector.cli.{lazy.module}")
    target = getattr(module, lazy.attribute)
    if isinstance(target, typer.Typer):
        target.rich_markup_mode, target.info.cls = None, PlainGroup
        command: Any = typer.main.get_group(target)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, epilog=lazy.example or module.EXAMPLE)(target)
        command = typer.main.get_command(alone)
    command.name = name
    return command


def tidy(command: Any) -> Any:
    """The Typer `command` with `-h` beside `--help`, no `<bool>` behind its flags, the name of an option as
    what it takes, and each example in a line of its own, values that need no check taken as they are; so
    below it.

    What older releases of Typer do not show needs no mending there.
    """
    command.context_settings["help_option_names"] = HELP_OPTIONS
    options = [*command.params]
    if hasattr(command, "get_help_option"):
        options.append(command.get_help_option(typer.Context(command, help_option_names=HELP_OPTIONS)))
    for option in options:
        plain_values.keep(option)
        if getattr(option, "is_flag", False):
            option.metavar = ""
        elif option.param_type_name == "argument":
            option.display_type_rich = lambda **_: ""  # its name says what it is
        else:
            option.metavar = option.metavar or _value_name(option)
    command.epilog = _examples(command.epilog or "")
    below = getattr(command, "commands", {})
    for each in () if isinstance(below, LoadedCommands) else below.values():
        tidy(each)
    return command


def _value_name(option: Any) -> str:
    """What an `option` takes: its choices, or its own name."""
    choices = type(option.default) if isinstance(option.default, StrEnum) else ()
    return "|".join(choices) or str(option.opts[-1]).lstrip("-").upper()


def _examples(epilog: str) -> str:
    """The `epilog` with a line for each of its examples; behind its first line Click leaves them alone."""
    lines = [re.sub(r"^Example: *", "", line.strip()) for line in epilog.splitlines() if line.strip()]
    if not lines or lines[0].startswith("\b"):
        return epilog
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])
