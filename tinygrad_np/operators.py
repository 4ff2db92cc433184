"""The operators of a Tensor, each a primitive: `t + u`, `2 * t`, `t @ W`, `-t`, `t < 0`.

An update such as `t -= u` changes t itself inside `no_grad()` (updates.py). Comparisons are element by element; tensors
are keys of a dict by identity all the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeVar

from .methods import Methods, unary
from .ops.elementwise import arithmetic, comparison
from .ops.linalg import products
from .primitive import Primitive
from .record import record
from .updates import updated

Same = TypeVar("Same", bound="Operators")


def _binary(primitive: Primitive) -> Callable[[Same, Any], Same]:
    return lambda self, other: record(primitive, (self, other))


def _reflected(primitive: Primitive) -> Callable[[Same, Any], Same]:
    return lambda self, other: record(primitive, (other, self))


def _update(sign: str, operate: Callable[[Any, Any], Any]) -> Callable[[Same, Any], Same]:
    return lambda self, other: updated(self, sign, operate, other)


class Operators(Methods):
    """The operators; Tensor inherits them."""

    __slots__ = ()

    __add__ = _binary(arithmetic.add)
    __sub__ = _binary(arithmetic.subtract)
    __mul__ = _binary(arithmetic.multiply)
    __truediv__ = _binary(arithmetic.divide)
    __floordiv__ = _binary(arithmetic.floor_divide)
    __mod__ = _binary(arithmetic.remainder)
    __pow__ = _binary(arithmetic.power)
    __matmul__ = _binary(products.matmul)
    __and__ = _binary(comparison.bitwise_and)
    __or__ = _binary(comparison.bitwise_or)
    __xor__ = _binary(comparison.bitwise_xor)

    __radd__ = _reflected(arithmetic.add)
    __rsub__ = _reflected(arithmetic.subtract)
    __rmul__ = _reflected(arithmetic.multiply)
    __rtruediv__ = _reflected(arithmetic.divide)
    __rfloordiv__ = _reflected(arithmetic.floor_divide)
    __rmod__ = _reflected(arithmetic.remainder)
    __rpow__ = _reflected(arithmetic.power)
    __rmatmul__ = _reflected(products.matmul)
    __rand__ = _reflected(comparison.bitwise_and)
    __ror__ = _reflected(comparison.bitwise_or)
    __rxor__ = _reflected(comparison.bitwise_xor)

    __iadd__ = _update("+=", operator.iadd)
    __isub__ = _update("-=", operator.isub)
    __imul__ = _update("*=", operator.imul)
    __itruediv__ = _update("/=", operator.itruediv)
    __ifloordiv__ = _update("//=", operator.ifloordiv)
    __imod__ = _update("%=", operator.imod)
    __ipow__ = _update("**=", operator.ipow)
    __imatmul__ = _update("@=", operator.imatmul)
    __iand__ = _update("&=", operator.iand)
    __ior__ = _update("|=", operator.ior)
    __ixor__ = _update("^=", operator.ixor)

    __neg__ = unary(arithmetic.negative)
    __pos__ = unary(arithmetic.positive)
    __abs__ = unary(arithmetic.absolute)
    __invert__ = unary(comparison.invert)

    __eq__ = _binary(comparison.equal)  # type: ignore[assignment]
    __ne__ = _binary(comparison.not_equal)  # type: ignore[assignment]
    __lt__ = _binary(comparison.less)
    __le__ = _binary(comparison.less_equal)
    __gt__ = _binary(comparison.greater)
    __ge__ = _binary(comparison.greater_equal)

    __hash__ = object.__hash__
