"""What Python or NumPy refused, told in a sentence: what was tried, with what, at which line of the user's code.

@in_a_sentence
def load(path): ...

load(None)     DTypeError: load of None failed, train.py line 3: expected str, bytes or os.PathLike object, ...
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from .errors import FORWARD_FAILURES, ParameterError, TinygradError, described, forward_failure
from .frames import arose_in_ours, user_place

Function = TypeVar("Function", bound=Callable[..., Any])
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def failure(
    error: Exception, operation: str, arguments: tuple[Any, ...], options: Mapping[str, Any] = _NOTHING
) -> TinygradError:
    """The error a user reads where an operation was refused; what is a sentence of its own stays as it is."""
    if isinstance(error, TinygradError) and not hasattr(error, "reason"):
        return error
    given = [*map(described, arguments), *(f"{name}={described(value)}" for name, value in options.items())]
    return forward_failure(error, operation, given, user_place())


def in_a_sentence(function: Function) -> Function:
    """A function, or a method, whose refusals are told in sentences; what a user's code raises in it stays as it is."""
    is_method = function.__code__.co_varnames[:1] == ("self",)

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except FORWARD_FAILURES as error:
            if isinstance(error, TinygradError) or not arose_in_ours(error):
                raise
            name = function.__name__
            if is_method:
                kind, arguments = type(arguments[0]).__name__, arguments[1:]
                name = kind if name == "__init__" else f"{kind}.{name}"
            raise failure(error, name, arguments, options) from None

    return cast(Function, run)


def whole_number(name: str, value: Any, least: int = 1, most: float = math.inf) -> int:
    """The value of an argument that counts something. Raises ParameterError for anything else."""
    try:
        number = int(value)
        if number == value and least <= number <= most:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
    raise ParameterError(f"{name}={value!r}, {user_place()}: it must be a whole number {bounds}.")
