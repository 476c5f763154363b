"""What the help of every command has in common: `-h`, and flags that name no type."""

from __future__ import annotations

from typing import Any

import typer

HELP_OPTIONS = ["-h", "--help"]


def tidy(command: Any) -> Any:
    """The Typer `command` with `-h` beside `--help`, and no `<bool>` behind its flags; so below it.

    What older releases of Typer do not show needs no mending there.
    """
    command.context_settings["help_option_names"] = HELP_OPTIONS
    options = [*command.params]
    if hasattr(command, "get_help_option"):
        options.append(command.get_help_option(typer.Context(command, help_option_names=HELP_OPTIONS)))
    for option in options:
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for below in getattr(command, "commands", {}).values():
        tidy(below)
    return command
