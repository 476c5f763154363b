"""Values that a command takes as they are. Typer checks each by a model of pydantic, and loading that takes
longer than most commands.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

_PLAIN = (str, bool, int, float, Enum)


def keep(option: Any) -> None:
    """Has `option`, of Typer, take what is absent or of its type already as it is, without a model.

    Releases of Typer that have no models are left alone.
    """
    descriptor = getattr(option, "type_descriptor", None)
    if descriptor is None or descriptor.parameter_info.parser is not None:
        return
    checked = option.process_value

    def processed(context: Any, value: Any) -> Any:
        is_many = option.multiple or option.nargs == -1
        if value is None and not option.required:
            value = () if is_many else None
        elif is_many and value and descriptor.annotation == list[str] and _is_texts(value):
            value = list(value)
        elif is_many or type(value) is not descriptor.annotation or not isinstance(value, _PLAIN):
            return checked(context, value)
        return value if option.callback is None else option.callback(context, option, value)

    option.process_value = processed


def _is_texts(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(type(value) is str for value in values)
