"""Values that a command takes without Typer's models of pydantic, whose loading takes longer than most
commands: what is of its type already, and texts that can only be read in one way.
"""

from __future__ import annotations

import os
import re
import stat
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

_PLAIN = (str, bool, int, float, Enum)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,15})?")


def keep(option: Any) -> None:
    """Has `option`, of Typer, take what is absent, of its type or plain already, without a model.

    Releases of Typer that have no models are left alone.
    """
    descriptor = getattr(option, "type_descriptor", None)
    if descriptor is None or descriptor.parameter_info.parser is not None:
        return
    checked = option.process_value

    def processed(context: Any, value: Any) -> Any:
        is_many = option.multiple or option.nargs == -1
        try:
            if value is None and not option.required:
                value = () if is_many else None
            elif is_many:
                value = _read_all(value, descriptor)
            else:
                value = _read(value, descriptor.annotation, descriptor.parameter_info)
        except ValueError:
            return checked(context, value)
        return value if option.callback is None else option.callback(context, option, value)

    option.process_value = processed


def _read_all(values: Any, descriptor: Any) -> list[Any]:
    """The values of a list; raises ValueError where one of them needs the model."""
    if get_origin(descriptor.annotation) is not list or not isinstance(values, list | tuple) or not values:
        raise ValueError
    kind = get_args(descriptor.annotation)[0]
    return [_read(value, kind, descriptor.parameter_info) for value in values]


def _read(value: Any, kind: Any, info: Any) -> Any:
    """A value as one of its `kind`; raises ValueError where that needs the model."""
    is_type = isinstance(kind, type)
    if is_type and type(value) is kind and isinstance(value, _PLAIN):
        return value
    if not is_type or type(value) is not str:
        raise ValueError
    if issubclass(kind, Enum):
        return _member(value, kind)
    if kind is Path:
        return _path(value, info)
    if kind in (int, float):
        return _number(value, kind, info)
    raise ValueError


def _member(text: str, kind: type[Enum]) -> Enum:
    """The member that is written so, to the letter."""
    for member in kind:
        if member.value == text:
            return member
    raise ValueError


def _number(text: str, kind: type[int | float], info: Any) -> int | float:
    """A number in plain digits, between the bounds that `info` may have."""
    if info.clamp or not (_INTEGER if kind is int else _DECIMAL).fullmatch(text):
        raise ValueError
    number = kind(text)
    if (info.min is not None and number < info.min) or (info.max is not None and number > info.max):
        raise ValueError
    return number


def _path(text: str, info: Any) -> Path:
    """A path that is what `info` asks for, as it is written."""
    if info.resolve_path or info.allow_dash or info.path_type is not None:
        raise ValueError
    try:
        mode = os.stat(text).st_mode
    except OSError:
        if info.exists:
            raise ValueError from None
        return Path(text)
    if not _is_of_kind(mode, info) or not _is_allowed(text, info):
        raise ValueError
    return Path(text)


def _is_of_kind(mode: int, info: Any) -> bool:
    return not ((stat.S_ISREG(mode) and not info.file_okay) or (stat.S_ISDIR(mode) and not info.dir_okay))


def _is_allowed(text: str, info: Any) -> bool:
    rights = ((info.readable, os.R_OK), (info.writable, os.W_OK))
    return all(os.access(text, right) for is_asked, right in rights if is_asked)
