"""Guarded: the rules that users give to a primitive, held to what a rule may do.

A forward rule and a gradient rule are given arrays that can't be written to, for others still read them, and what they
return is theirs alone; a gradient rule returns an array of floating numbers, and takes what it will be given. The
library's own rules are trusted: guarding costs them nothing.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import RuleError
from .frames import is_our_module, place_of

Rule = Callable[..., Any]


def guarded_forward(forward: Rule, name: str) -> Rule:
    """A user's forward rule that can't write into its inputs; its result shares no memory with anything."""
    if is_our_module(forward.__module__):
        return forward

    @functools.wraps(forward, updated=())
    def run(*inputs: Any, **parameters: Any) -> Any:
        who = f"the forward rule of {name}"
        result = _called(forward, who, inputs, parameters)
        if result is None or isinstance(result, tuple):
            raise RuleError(
                f"{who} ({_place(forward)}) returned {_what(result)}; a primitive has one array as its result."
            )
        return result

    return run


def guarded_vjp(rule: Rule, name: str) -> Rule:
    """A user's gradient rule that can't write into what it is given, and returns an array of floating numbers."""
    if is_our_module(getattr(rule, "__module__", None)):
        return rule

    @functools.wraps(rule, updated=())
    def run(*arguments: Any, **parameters: Any) -> Any:
        who = f"the gradient rule of {name}"
        result = _called(rule, who, arguments, parameters)
        if isinstance(result, np.ndarray | np.generic):
            if result.dtype.kind == "f":
                return result
            what = f"an array of {result.dtype}"
        elif _is_tensor(result) and not any(map(_is_tensor, arguments)):
            what = "a Tensor, although it was given arrays"
        elif hasattr(result, "dtype") or type(result) in (int, float) or not _is_plain(result):
            return result
        else:
            what = _what(result)
        raise RuleError(
            f"{who} ({_place(rule)}) returned {what}; a rule returns the gradient of its input, an array of floating "
            "numbers: np.zeros_like(x) where it is 0 everywhere, .astype(g.dtype) of whole numbers."
        )

    run.guards = rule  # type: ignore[attr-defined]
    return run


def unguarded(rule: Rule) -> Rule:
    """The rule itself that a guard stands before."""
    return getattr(rule, "guards", rule)


def assert_takes(rule: Rule, name: str, index: Any, forward: inspect.Signature, inputs: int | None) -> None:
    """Raise RuleError if a user's gradient rule can't take what it will be given.

    That is, in this order, the index of the input if it is a rule `...` for any of them, the upstream gradient, the
    result, the inputs, and by keyword those parameters of the forward rule that are given.
    """
    if not callable(rule):
        raise RuleError(f"{name}.vjp was given a {type(rule).__name__}; a gradient rule is a function.")
    if inputs is not None and index is not Ellipsis and not 0 <= index < inputs:
        raise RuleError(f"{name}.vjp({index}) of {_place(rule)}: {name} takes {inputs} inputs, counted from 0.")
    if is_our_module(getattr(rule, "__module__", None)):
        return
    try:
        theirs = inspect.signature(rule)
    except (TypeError, ValueError):
        return  # Written in C: it does not tell.
    arguments = list(forward.parameters.values())
    is_any = inputs is None
    arrays = [argument.name for argument in arguments if argument.kind is argument.VAR_POSITIONAL] if is_any else []
    options = [argument for argument in arguments[inputs or 0 :] if argument.kind is not argument.VAR_POSITIONAL]
    if not is_any:
        arrays = [argument.name for argument in arguments[:inputs]]
    takes = [*(["index"] if index is Ellipsis else []), "g", "y", *arrays]
    required = {option.name: None for option in options if option.default is option.empty}
    for given in (required, {option.name: None for option in options if option.kind is not option.VAR_KEYWORD}):
        try:
            theirs.bind(*takes, *(["another", "and another"] if is_any else []), **given)
        except TypeError as error:
            shown = [f"*{taken}" if is_any and taken == arrays[0] else taken for taken in takes]
            shown += [str(option.replace(annotation=option.empty)) for option in options]
            raise RuleError(
                f"the gradient rule of {name} ({_place(rule)}) takes {theirs}, but must take ({', '.join(shown)}): "
                f"{error}."
            ) from None
    for option in options:
        default = theirs.parameters[option.name].default if option.name in theirs.parameters else option.empty
        if default is not option.empty and option.default is not option.empty and repr(default) != repr(option.default):
            raise RuleError(
                f"the gradient rule of {name} ({_place(rule)}) has {option.name}={default!r}, but the forward rule has "
                f"{option.name}={option.default!r}; a parameter that is not given must mean the same in both."
            )


def no_rule(name: str, index: int) -> Rule:
    """What stands in for a gradient rule that nobody gave: RuleError as soon as it is asked for a gradient."""

    def missing(*arguments: Any, **parameters: Any) -> Any:
        raise RuleError(
            f"{name} has no gradient rule for input {index}, and so no gradient flows through it: give it one with "
            f"@{name}.vjp({index}), a function of (g, y, the inputs) that returns the gradient, or say by "
            "@primitive(data=True) that its result is data, which carries no gradient."
        )

    return missing


def _called(rule: Rule, who: str, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """The result of a rule that can't write into its arguments, as an array that nobody else can reach."""
    try:
        give = _copied if _writes_unseen(rule) else _unwritable
        result = rule(*[give(argument) for argument in arguments], **parameters)
    except (ValueError, TypeError) as error:
        if not any(words in str(error) for words in ("read-only", "not writeable", "not writable")):
            raise
        raise RuleError(
            f"{who} ({_place(rule, error)}) tried to write into an array that it was given, which others still read; "
            "make a new one, g = g * slope in place of g *= slope, or write into a copy()."
        ) from None
    if type(result) is np.ndarray and (result.base is not None or sys.getrefcount(result) > _ALONE):
        # A view of what it was given, or an array that the rule keeps for its next call.
        return result.copy()
    return result


def _references_to_a_result() -> int:
    result = np.zeros(1)
    return sys.getrefcount(result)


_ALONE = _references_to_a_result()


def _unwritable(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.setflags(write=False)
    return view


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _writes_unseen(rule: Rule) -> bool:
    """Whether a rule may call `np.add.at`, which writes into arrays that can't be written to."""
    return "at" in getattr(getattr(rule, "__code__", None), "co_names", ())


def _is_tensor(value: Any) -> bool:
    return hasattr(type(value), "__primitive__")


def _what(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, list | tuple | dict | set | str | bytes | bool | complex)


def _place(rule: Any, error: Exception | None = None) -> str:
    """File and line of a rule, or of the line in it that raised an error."""
    code = getattr(inspect.unwrap(rule), "__code__", None)
    if code is None:
        return "not written in Python"
    line, traceback = code.co_firstlineno, error.__traceback__ if error else None
    while traceback is not None:
        if traceback.tb_frame.f_code is code:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return place_of(code.co_filename, line)
