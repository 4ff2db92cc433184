"""The derivatives that are taken for one another when a backward pass is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..ops.elementwise import activation, exponential, hyperbolic
from ..primitive import Primitive

_ACTIVATIONS = [
    member
    for family in (activation, exponential, hyperbolic)
    for member in vars(family).values()
    if isinstance(member, Primitive)
    and member.inputs == 1
    and member.elementwise
    and not member.parameters
    and member.rule(0) is not None
]

_INVERSES: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda y: np.log(y / (1 - y)),
    "tanh": np.arctanh,
    "exp": np.log,
}
"""What activations were computed from, told by their result."""


def derivatives(operation: str, y: Any, x: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """What is taken for the derivative of this operation, in words, and what it makes of the upstream gradient.

    x is the operation's input and y its result, None if they are not known.
    """
    if x is None and y is not None and operation in _INVERSES:
        x = _INVERSES[operation](np.asarray(y, np.float64))
    for primitive in _ACTIVATIONS:
        name = f"the derivative of {primitive.name}"
        if primitive.name != operation:
            yield from _checked(name, primitive, y, x)
            continue
        if x is not None:
            yield from _checked(f"{name}, taken at its input,", primitive, x, x)
        if y is not None:
            yield from _checked(f"{name}, taken at its result,", primitive, primitive.forward(y), y)
            yield f"{primitive.name} of its result", _times(primitive.forward(y))
    for name, value in (("the result", y), ("the input", x)):
        if value is not None:
            yield f"1 minus {name}", _times(1 - value)
            yield name, _times(value)


def _checked(words: str, primitive: Primitive, y: Any, x: Any) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The gradient rule with this result and input, unless it reads a value that nobody saved."""
    rule = primitive.rule(0)
    assert rule is not None
    try:
        rule(np.float64(1), y, x)
    except (TypeError, AttributeError):
        return
    yield words, lambda g: rule(g, y, x)


def _times(value: Any) -> Callable[[Any], Any]:
    return lambda g: g * value
