"""The operators of a Tensor, each a primitive: `t + u`, `2 * t`, `t @ W`, `-t`, `t < 0`.

An update such as `t -= u` changes t itself inside `no_grad()` (updates.py). Comparisons are element by element; tensors
are keys of a dict by identity all the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .methods import Methods
from .ops.elementwise import arithmetic, comparison
from .ops.linalg import products

if TYPE_CHECKING:
    from typing_extensions import Self


class Operators(Methods):
    """The operators; Tensor inherits them."""

    __slots__ = ()

    __primitive__: Callable[..., Self]
    """Runs a primitive and records it; Tensor has it."""

    def __add__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.add, (self, other))

    def __radd__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.add, (other, self))

    def __sub__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.subtract, (self, other))

    def __rsub__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.subtract, (other, self))

    def __mul__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.multiply, (self, other))

    def __rmul__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.multiply, (other, self))

    def __truediv__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.divide, (self, other))

    def __rtruediv__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.divide, (other, self))

    def __floordiv__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.floor_divide, (self, other))

    def __rfloordiv__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.floor_divide, (other, self))

    def __mod__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.remainder, (self, other))

    def __rmod__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.remainder, (other, self))

    def __pow__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.power, (self, other))

    def __rpow__(self, other: Any) -> Self:
        return self.__primitive__(arithmetic.power, (other, self))

    def __matmul__(self, other: Any) -> Self:
        return self.__primitive__(products.matmul, (self, other))

    def __rmatmul__(self, other: Any) -> Self:
        return self.__primitive__(products.matmul, (other, self))

    __update__: Callable[[str, Callable[..., Any], Any], Self]
    """Changes the tensor in place, or asks for a new one; Tensor has it."""

    def __iadd__(self, other: Any) -> Self:
        return self.__update__("+=", operator.iadd, other)

    def __isub__(self, other: Any) -> Self:
        return self.__update__("-=", operator.isub, other)

    def __imul__(self, other: Any) -> Self:
        return self.__update__("*=", operator.imul, other)

    def __itruediv__(self, other: Any) -> Self:
        return self.__update__("/=", operator.itruediv, other)

    def __ifloordiv__(self, other: Any) -> Self:
        return self.__update__("//=", operator.ifloordiv, other)

    def __imod__(self, other: Any) -> Self:
        return self.__update__("%=", operator.imod, other)

    def __ipow__(self, other: Any) -> Self:
        return self.__update__("**=", operator.ipow, other)

    def __imatmul__(self, other: Any) -> Self:
        return self.__update__("@=", operator.imatmul, other)

    def __iand__(self, other: Any) -> Self:
        return self.__update__("&=", operator.iand, other)

    def __ior__(self, other: Any) -> Self:
        return self.__update__("|=", operator.ior, other)

    def __ixor__(self, other: Any) -> Self:
        return self.__update__("^=", operator.ixor, other)

    def __neg__(self) -> Self:
        return self.__primitive__(arithmetic.negative, (self,))

    def __pos__(self) -> Self:
        return self.__primitive__(arithmetic.positive, (self,))

    def __abs__(self) -> Self:
        return self.__primitive__(arithmetic.absolute, (self,))

    def __invert__(self) -> Self:
        return self.__primitive__(comparison.invert, (self,))

    def __and__(self, other: Any) -> Self:
        return self.__primitive__(comparison.bitwise_and, (self, other))

    def __rand__(self, other: Any) -> Self:
        return self.__primitive__(comparison.bitwise_and, (other, self))

    def __or__(self, other: Any) -> Self:
        return self.__primitive__(comparison.bitwise_or, (self, other))

    def __ror__(self, other: Any) -> Self:
        return self.__primitive__(comparison.bitwise_or, (other, self))

    def __xor__(self, other: Any) -> Self:
        return self.__primitive__(comparison.bitwise_xor, (self, other))

    def __rxor__(self, other: Any) -> Self:
        return self.__primitive__(comparison.bitwise_xor, (other, self))

    def __eq__(self, other: Any) -> Self:  # type: ignore[override]
        return self.__primitive__(comparison.equal, (self, other))

    def __ne__(self, other: Any) -> Self:  # type: ignore[override]
        return self.__primitive__(comparison.not_equal, (self, other))

    def __lt__(self, other: Any) -> Self:
        return self.__primitive__(comparison.less, (self, other))

    def __le__(self, other: Any) -> Self:
        return self.__primitive__(comparison.less_equal, (self, other))

    def __gt__(self, other: Any) -> Self:
        return self.__primitive__(comparison.greater, (self, other))

    def __ge__(self, other: Any) -> Self:
        return self.__primitive__(comparison.greater_equal, (self, other))

    __hash__ = object.__hash__
