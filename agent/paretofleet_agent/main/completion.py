"""Completion of the command in bash and zsh: a script that follows from the parser."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from paretofleet_agent.errors import ConfigError

#: Shell to where it looks for completions of a user, below the home.
PLACES: Mapping[str, str] = {
    "bash": ".local/share/bash-completion/completions/paretofleet-agent",
    "zsh": ".zfunc/_paretofleet-agent",
}
_SCRIPT = """\
{head}
_paretofleet_agent() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) words="{commands}" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _paretofleet_agent paretofleet-agent
"""
_HEADS: Mapping[str, str] = {
    "bash": "# paretofleet-agent",
    "zsh": "#compdef paretofleet-agent\nautoload -U +X bashcompinit && bashcompinit",
}


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """What a `shell`, bash or zsh, reads to complete the commands and flags of the `parser`."""
    below = _commands(parser)
    cases = [f'        {name}) words="{" ".join(_flags(each))}" ;;' for name, each in below.items()]
    commands = " ".join([*below, *_flags(parser)])
    return _SCRIPT.format(head=_HEADS[shell], cases="\n".join(cases), commands=commands)


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    actions = parser._actions  # noqa: SLF001 - argparse lists its arguments nowhere else
    return {
        name: below
        for action in actions
        if action.nargs == argparse.PARSER
        for name, below in dict(action.choices or {}).items()
    }


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    actions = parser._actions  # noqa: SLF001
    return [name for action in actions if action.help != argparse.SUPPRESS for name in action.option_strings]


def _shell() -> str:
    """The user's shell; raises ConfigError where it is none of PLACES."""
    shell = Path(os.environ.get("SHELL") or "bash").name
    if shell not in PLACES:
        raise ConfigError(f"The command is completed in {' and '.join(PLACES)}, and this shell is {shell}.")
    return shell


class _Action(argparse.Action):
    """A flag that does its work and ends the command."""

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **more)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        try:
            self.act(parser)
        except ConfigError as error:
            parser.error(str(error))
        parser.exit()

    def act(self, parser: argparse.ArgumentParser) -> None:
        """What the flag is for."""
        raise NotImplementedError


class Show(_Action):
    """Prints the script."""

    def act(self, parser: argparse.ArgumentParser) -> None:
        """To standard output, of the `parser`."""
        sys.stdout.write(script(parser, _shell()))


class Install(_Action):
    """Writes the script where the user's shell looks for it."""

    def act(self, parser: argparse.ArgumentParser) -> None:
        """Of the `parser`; says where it is."""
        shell = _shell()
        path = Path(os.environ.get("HOME") or "/root") / PLACES[shell]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(script(parser, shell), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path} cannot be written ({error.strerror}): mend its rights.") from error
        sys.stderr.write(f"wrote {path}; it works in the next shell{_ZSH if shell == 'zsh' else ''}\n")


_ZSH = ", where ~/.zfunc is in fpath before compinit"
