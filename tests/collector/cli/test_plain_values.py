"""What is taken as it is, without a model of Typer's, is what the model would give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from paretofleet_collector import cli
from paretofleet_collector.cli.help import tidy
from paretofleet_collector.cli.output import Format


def parameters(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for parameter in command.params:
        yield f"{path} {parameter.name}", parameter
    for name in getattr(command, "commands", {}):
        yield from parameters(command.commands[name], f"{path} {name}")


COMMAND = tidy(typer.main.get_command(cli.app))
ALL = dict(parameters(COMMAND, "paretofleet"))
#: Texts from the line: numbers however written, folders, files, what is neither, a member's value.
TEXTS = [
    *("some text", "", " ", "7", "-7", "007", "+7", "1_000", "0.5", "-0.25", ".5", "1e3", "inf"),
    *("99999999999999999999", "1.", "-0", "-1.0", "0", "true", "JSON", "json", "table", "csv"),
    *("/", "/dev/null", "/nowhere/at/all", "-", "a\0b", "~", "./x", "/etc//passwd/", __file__),
]
#: What may come: nothing, the default, texts, many of them, a number that a default might be.
VALUES: list[Any] = [
    None, *TEXTS, ["first", "second"], ("first",), [], ("7", "8"), ("/", __file__), ("json",), True, 3, 0.5
]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_a_value_is_what_the_model_would_make_of_it(name: str) -> None:
    parameter = ALL[name]
    if parameter.callback is not None:
        pytest.skip("it acts at once")
    context = typer.Context(COMMAND, info_name="paretofleet")
    for value in (*VALUES, parameter.default):
        assert outcome(parameter.process_value, context, value) == outcome(
            lambda *given: type(parameter).process_value(parameter, *given), context, value
        ), value


def test_texts_of_the_line_need_no_model_and_each_kind_is_among_the_commands() -> None:
    kinds = {str: "a", int: "7", float: "0.5", Path: "/nowhere", Format: "json"}
    for kind, text in kinds.items():
        name = next(
            name
            for name, each in ALL.items()
            if each.type_descriptor.annotation is kind and not each.type_descriptor.parameter_info.exists
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(ALL[name]), "get_runtime_param", lambda *_: pytest.fail("a model was made"))
            made = ALL[name].process_value(typer.Context(COMMAND, info_name="paretofleet"), text)
        assert isinstance(made, kind), name


def outcome(process: Any, context: Any, value: Any) -> Any:
    try:
        made = process(context, value)
    except typer.BadParameter.__mro__[1] as error:
        return type(error), str(error)
    return type(made), made
