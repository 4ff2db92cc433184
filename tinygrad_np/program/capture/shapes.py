"""Which results have a shape that depends on values, and which arguments say so: a program has one shape for all."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...tree import flatten

_SHAPED_BY_ALL = {
    np.argwhere, np.flatnonzero, np.nonzero, np.unique, np.unique_all, np.unique_counts, np.unique_inverse,
    np.unique_values, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d, np.trim_zeros, np.roots, np.polydiv,
}  # fmt: skip
"""Functions that give as many elements as their arguments have of some kind."""

_SHAPING = {
    "axes", "axis", "axisa", "axisb", "axisc", "destination", "indices_or_sections", "keepdims", "minlength",
    "new_shape", "newshape", "num", "offset", "pad_width", "repeats", "reps", "shape", "source",
}  # fmt: skip
"""Arguments that say how many elements a result has along which axes, whatever the function."""

_SHAPING_OF: dict[Any, str] = {
    np.bincount: "x", np.compress: "condition", np.diag: "k", np.diagflat: "k", np.diff: "n", np.extract: "condition",
    np.polyfit: "deg", np.rot90: "k", np.vander: "N",
}  # fmt: skip
"""Arguments that do so for one function alone."""

_UNTOLD: dict[Any, tuple[str, ...]] = {
    np.bincount: ("x", "weights", "minlength"), np.concatenate: ("arrays", "axis", "out"), np.dot: ("a", "b", "out"),
}  # fmt: skip
"""Arguments of functions in C, which NumPy before 2.4 does not tell."""


def is_shaped_by_values(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
    """Whether the shape of the result depends on values that a program does not know."""
    if function in _SHAPED_BY_ALL or (function is np.where and len(arguments) == 1):
        return True
    named = {**dict(zip(parameters_of(function), arguments, strict=False)), **keywords}
    if function in (np.histogram, np.histogram_bin_edges):
        bins: Any = named.get("bins")
        return isinstance(bins, str) or (is_traced(bins) and not bins.ndim)
    if function is np.delete and is_traced(named["obj"]) and named["obj"].ndim:
        return True  # But a single index leaves one out, whichever it is.
    return is_shaped_by(named, _SHAPING_OF.get(function))


def is_shaped_by(named: dict[str, Any], more: str | None = None) -> bool:
    """Whether among the arguments of these names is a captured value that says what shape the result has."""
    shaping = [value for name, value in named.items() if name in _SHAPING or name == more]
    return any(is_traced(part) for part in flatten(shaping)[0])


@functools.cache
def parameters_of(function: Any) -> tuple[str, ...]:
    """The names of the arguments that a function takes by position, in order."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return _UNTOLD.get(function, ())
    any_number = next((parameter.name for parameter in parameters if parameter.kind is parameter.VAR_POSITIONAL), None)
    names = [parameter.name for parameter in parameters]
    return tuple(names[: names.index(any_number)] if any_number else names)


def is_traced(value: Any) -> bool:
    """Whether a value is captured: a Traced array, or a Tensor that holds one."""
    return hasattr(getattr(value, "_data", value), "tracer")


def parts_of(index: Any) -> Iterator[tuple[Any, bool]]:
    """The captured values in an index, and whether each is the bound of a slice."""
    if isinstance(index, tuple | list):
        for part in index:
            yield from parts_of(part)
    elif isinstance(index, slice):
        yield from ((bound, True) for bound in (index.start, index.stop, index.step) if is_traced(bound))
    elif is_traced(index):
        yield index, False
