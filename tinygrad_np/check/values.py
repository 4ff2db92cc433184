"""What the variables of a user's function hold, looked into: containers, and objects of the user's own classes.

>>> [name for name, _ in entries({"cache": {"Z1": 1.0, "layers": [2.0]}})]
['cache', "cache['Z1']", "cache['layers']", "cache['layers'][0]"]
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..frames import is_users_module
from ..tensor import Tensor

MOST_ENTRIES = 200
"""A container of more entries is not looked into."""

DEPTH = 3
"""So many containers within each other are looked into."""

_PLAIN = (np.ndarray, np.generic, Tensor, float, int, str)
_NO_OBJECTS = (*_PLAIN, type, ModuleType, FunctionType, MethodType, BaseException)
_FIRST = re.compile(r"\w*")


def base(name: str) -> str:
    """The variable of which a name is an entry: `grads['W1']` is one of grads, `self.dW` of self."""
    match = _FIRST.match(name)
    return match[0] if match else name


def parts(value: Any) -> dict[str, Any]:
    """The entries of a container or the attributes of an object of the user's, as they are written after its name."""
    if isinstance(value, dict):
        found = {f"[{key!r}]": entry for key, entry in value.items()} if len(value) <= MOST_ENTRIES else {}
    elif isinstance(value, list | tuple) and len(value) <= MOST_ENTRIES:
        keys = getattr(value, "_fields", None)
        found = {f"[{n}]" if keys is None else f".{keys[n]}": entry for n, entry in enumerate(value)}
    else:
        found = {f".{key}": entry for key, entry in vars(value).items()} if is_object(value) else {}
    return found


def is_object(value: Any) -> bool:
    """Whether this is an object of a class of the user's, with attributes."""
    if not hasattr(value, "__dict__") or isinstance(value, _NO_OBJECTS):
        return False
    module = type(value).__module__
    # A class that was made by exec() may call itself one of Python's own.
    return module == "builtins" or is_users_module(module)


def entries(variables: dict[str, Any], depth: int = DEPTH) -> Iterator[tuple[str, Any]]:
    """The variables, and the entries of what they hold."""
    for name, value in variables.items():
        yield name, value
        if depth and not isinstance(value, _PLAIN):
            yield from entries({name + key: entry for key, entry in parts(value).items()}, depth - 1)


def mapped(change: Callable[[Any], Any], value: Any, memo: dict[int, Any] | None = None) -> Any:
    """The same containers and objects, with `change` of each array, number and Tensor in its place.

    What is in several places is in as many of the copy; with the same memo, in several values too.
    """
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][0]
    made = value
    if isinstance(value, np.ndarray | np.generic | float | Tensor):
        made = change(value)
    elif isinstance(value, tuple):
        made = [mapped(change, entry, memo) for entry in value]
        made = type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    elif isinstance(value, dict | list) or is_object(value):
        made = copy.copy(value)
    memo[id(value)] = made, value  # Kept too, so that nothing else gets its id.
    if made is not value and not isinstance(value, tuple | np.ndarray | Tensor):
        if isinstance(value, dict):
            made.update((key, mapped(change, entry, memo)) for key, entry in value.items())
        elif isinstance(value, list):
            made[:] = [mapped(change, entry, memo) for entry in value]
        elif is_object(value):
            vars(made).update({key: mapped(change, entry, memo) for key, entry in vars(value).items()})
    return made


def kept(value: Any) -> Any:
    """A copy of an array, and of a container or an object with all that is in it."""
    return mapped(lambda one: one.copy() if isinstance(one, np.ndarray) else one, value)


def is_as_before(value: Any, copied: Any, depth: int = DEPTH) -> bool:
    """Whether what may have changed in place is as it was when it was copied."""
    if isinstance(value, np.ndarray):
        return bool(np.array_equal(value, copied, equal_nan=value.dtype.kind == "f"))
    if value is copied or not depth:
        return True
    now, then = parts(value), parts(copied)
    return (isinstance(value, dict | list | tuple) or is_object(value)) and (
        now.keys() == then.keys() and all(is_as_before(now[key], then[key], depth - 1) for key in now)
    )


def moved(
    inputs: Mapping[str, Any], random: np.random.Generator, names: Collection[str] | None = None
) -> dict[str, Any]:
    """Inputs with other values near these, each moved by up to a tenth: those of these names, or those that may be.

    Whole numbers, as of labels, and what sums to 1, as probabilities do, stay as they are unless they are named.
    """

    def near(value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.kind != "f" or (names is None and _is_made(array)):
            return value
        return (array * random.uniform(0.9, 1.0, array.shape)).astype(array.dtype)[()]

    def is_chosen(name: str, value: Any) -> bool:
        of_it = [one for one, _ in entries({name: value})]
        return names is None or any(one in names or re.split(r"\W+", one.rstrip("']"))[-1] in names for one in of_it)

    return {name: mapped(near, value) if is_chosen(name, value) else value for name, value in inputs.items()}


def _is_made(array: Any) -> bool:
    is_share = array.ndim > 0 and np.allclose(array.sum(axis=-1), 1)
    return bool(is_share or (array == np.round(array)).all())
