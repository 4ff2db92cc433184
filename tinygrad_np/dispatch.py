"""NumPy's protocols: what happens when a Tensor is given to one of NumPy's own functions.

`np.tanh(t)` and `t_as_array + t` arrive at `array_ufunc`, `np.concatenate([t, u])` at `array_function`. Both look the
function up in `primitive.NUMPY`, where the primitives and the functions composed of them are. What is not there has no
gradient: it is refused with a sentence, unless its result is data that never carries one (a shape, an index, a truth).
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .advice import LEAVE_OUT, SAVING, WRITING, full_name, instead_of, instead_of_writing
from .errors import FORWARD_FAILURES, CaptureError, NoGradientError, TinygradError, described, listed
from .frames import user_place
from .primitive import NUMPY, Primitive
from .record import record
from .sentences import failure

DATA: set[Any] = {
    np.shape, np.ndim, np.size, np.argmax, np.argmin, np.argsort, np.argpartition, np.nanargmax, np.nanargmin,
    np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize, np.lexsort, np.all,
    np.any, np.allclose, np.isclose, np.array_equal, np.array_equiv, np.isin, np.result_type, np.can_cast,
    np.min_scalar_type, np.common_type, np.iscomplexobj, np.isrealobj, np.iscomplex, np.isreal, np.isposinf,
    np.isneginf, np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.array2string, np.array_repr,
    np.array_str, np.shares_memory, np.may_share_memory, np.einsum_path, np.diag_indices_from,
    np.tril_indices_from, np.triu_indices_from, np.unravel_index, np.ravel_multi_index, np.linalg.matrix_rank,
}  # fmt: skip
"""NumPy's functions whose results are data: they run on the arrays, and nothing is lost."""


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
    """Run a ufunc that was given a Tensor, by NumPy's protocol."""
    ours = NUMPY.get(ufunc)
    if ours is None or method != "__call__" or keywords:
        return _unusual_ufunc(ufunc, method, inputs, keywords, ours)
    if type(ours) is Primitive:
        return record(ours, inputs)
    return _run(ours, ufunc, inputs, {})


def _unusual_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any], ours: Any) -> Any:
    keywords = {
        name: value
        for name, value in keywords.items()
        # A reduction's axis=None says what its default does not.
        if name == "axis" or not (value is None or (name == "where" and value is True))
    }
    name = _name(ufunc, method)
    if "out" in keywords:
        if not any(tensor.requires_grad for tensor in _tensors(inputs)) and not [*_tensors(keywords["out"])]:
            return getattr(ufunc, method)(*_untensored(inputs), **keywords)
        raise NoGradientError(
            f"{name} can't write {_named(inputs)} into an array (out=, or an operator like +=), {user_place()}: the "
            f"gradient would be lost silently; {instead_of_writing()}"
        )
    if method == "outer" and ours is not None:
        first, second = inputs
        return ufunc(np.reshape(first, np.shape(first) + (1,) * np.ndim(second)), second, **keywords)
    if method != "__call__":
        ours = NUMPY.get((ufunc, method))
    elif ours is None:
        # SciPy has some of NumPy's ufuncs under the same names, and NumPy itself np.clip's.
        ours = NUMPY.get(getattr(np, ufunc.__name__, None)) if "." in name else None
    if ours is None:
        if method == "__call__" and not _need_gradients(inputs):
            return ufunc(*_untensored(inputs), **_untensored(keywords))
        advice = "write a = tg.index_add(a, index, t)." if name == "np.add.at" else instead_of(ufunc)
        raise NoGradientError(f"{name} of {_named(inputs)} has no gradient rule, {user_place()}; {advice}")
    refused = keywords.keys() - {parameter.name for parameter in _parameters(ours)}
    if refused:
        raise NoGradientError(
            f"{name} of {_named(inputs)} does not take {', '.join(sorted(refused))}, {user_place()}; "
            "use np.where for a choice and .astype for another dtype."
        )
    return _run(ours, ufunc, inputs, keywords, method)


def _run(
    ours: Callable[..., Any], function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any], method: str = ""
) -> Any:
    """Run what stands for one of NumPy's functions; what goes wrong on the way is told in a sentence."""
    try:
        return ours(*arguments, **keywords)
    except CaptureError as error:
        raise error.within(_name(function, method)) from None
    except TinygradError:
        raise
    except FORWARD_FAILURES as error:
        raise failure(error, _name(function, method), tuple(_tensors(arguments))) from None


def _name(function: Any, method: str) -> str:
    """What a user calls a function, or a method of a ufunc."""
    return f"{full_name(function)}.{method}" if method not in ("", "__call__") else full_name(function)


def _named(arguments: Any) -> str:
    """The Tensors among the arguments, in a sentence."""
    return listed([*map(described, _tensors([*arguments]))]) or "its arguments"


def _tensors(value: Any) -> Iterator[Any]:
    if hasattr(value, "__primitive__"):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


def _need_gradients(arguments: Any) -> bool:
    return any(tensor.requires_grad for tensor in _tensors(arguments))


def array_function(self: Any, function: Any, types: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Run one of NumPy's functions that was given a Tensor, by NumPy's protocol."""
    ours = NUMPY.get(function)
    if ours is None:
        given = [*arguments, *keywords.values()]
        if (
            function in DATA
            or (function in SAVING and all(tensor.is_leaf for tensor in _tensors(given)))
            or not (function in WRITING or _need_gradients(given))
        ):
            return _on_arrays(function, arguments, keywords)
        what = f"{full_name(function)} of {_named(given)}"
        raise NoGradientError(f"{what} has no gradient rule, {user_place()}; {instead_of(function)}")
    if not keywords and type(ours) is Primitive and len(arguments) == ours.inputs:
        return record(ours, arguments)
    if not (keywords.keys() <= _same_names(function) and len(arguments) <= _same_positions(function)):
        arguments, keywords = _translated(function, arguments, keywords)
    return _run(ours, function, arguments, keywords)


def _on_arrays(function: Any, arguments: Any, keywords: Any) -> Any:
    """Run a function on the arrays of the Tensors among its arguments."""
    named = dict(zip((parameter.name for parameter in _parameters(function)), arguments, strict=False))
    if next(_tensors(keywords.get("out", named.get("out"))), None) is not None:
        raise NoGradientError(
            f"{full_name(function)} can't write into a Tensor (out=), {user_place()}, which the graph may still "
            "read; drop out=."
        )
    try:
        return function(*_untensored(arguments), **_untensored(keywords))
    except FORWARD_FAILURES as error:
        raise failure(error, full_name(function), tuple(_tensors(arguments))) from None


def _untensored(value: Any) -> Any:
    if hasattr(type(value), "__primitive__"):
        return getattr(value, "_data", value)
    if isinstance(value, list | tuple):
        return type(value)(_untensored(part) for part in value)
    if isinstance(value, dict):
        return {key: _untensored(part) for key, part in value.items()}
    return value


@functools.cache
def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(inspect.signature(function).parameters.values())
    except ValueError:
        return ()


@functools.cache
def _same_positions(function: Any) -> int:
    """How many leading arguments mean the same to NumPy's function and to ours: those may be given by position."""
    if not _parameters(function):
        return sys.maxsize  # Older NumPys do not tell the arguments of all their functions.
    count = 0
    for theirs, ours in zip(_parameters(function), _parameters(NUMPY[function]), strict=False):
        if ours.kind is ours.KEYWORD_ONLY or (ours.default is not ours.empty and theirs.name != ours.name):
            break
        if ours.kind is ours.VAR_POSITIONAL:
            return sys.maxsize
        count += 1
    return count


@functools.cache
def _same_names(function: Any) -> frozenset[str]:
    """The keywords that mean the same to NumPy's function and to ours: the names of our options."""
    return frozenset(ours.name for ours in _parameters(NUMPY[function]) if ours.default is not ours.empty)


def _translated(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any]:
    """The arguments as ours takes them; what it does not take is left out if it is NumPy's default, else refused."""
    theirs = _parameters(function)
    same = _same_positions(function)
    named = dict(keywords)
    named.update((parameter.name, value) for parameter, value in zip(theirs[same:], arguments[same:], strict=False))
    arguments = arguments[:same]
    for parameter in theirs[len(arguments) : same]:
        if parameter.kind is parameter.KEYWORD_ONLY or parameter.name not in named:
            break
        arguments += (named.pop(parameter.name),)
    ours = _parameters(NUMPY[function])
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in ours):
        return arguments, named
    taken = {parameter.name for parameter in ours}
    defaults = {parameter.name: parameter.default for parameter in theirs}
    for name in [name for name in named if name not in taken]:
        value = named.pop(name)
        if value is not None and value is not np._NoValue and value is not defaults.get(name, np._NoValue):
            raise NoGradientError(
                f"{full_name(function)} of {_named(arguments)} does not take {name}=, {user_place()}; {LEAVE_OUT}"
            )
    return arguments, {name: value for name, value in named.items() if value is not np._NoValue}
