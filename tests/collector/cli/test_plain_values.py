"""What is taken as it is, without a model of Typer's, is what the model would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from paretofleet_collector import cli
from paretofleet_collector.cli.help import tidy


def parameters(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for parameter in command.params:
        yield f"{path} {parameter.name}", parameter
    for name in getattr(command, "commands", {}):
        yield from parameters(command.commands[name], f"{path} {name}")


COMMAND = tidy(typer.main.get_command(cli.app))
ALL = dict(parameters(COMMAND, "paretofleet"))
#: What may come: nothing, the default, text from the line, a number that a default might be.
VALUES: list[Any] = [None, "some text", ["first", "second"], ("first",), [], True, 3, 0.5]


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


def outcome(process: Any, context: Any, value: Any) -> Any:
    try:
        made = process(context, value)
    except typer.BadParameter.__mro__[1] as error:
        return type(error), str(error)
    return type(made), made
