"""The operations as methods of a Tensor: `t.tanh()` is `np.tanh(t)`, `t.sum(0)` is `np.sum(t, 0)`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import numpy as np

from .errors import NoGradientError, describe
from .frames import user_place
from .hints import known, refuse, unknown_attribute
from .ops.arrays import shape as shapes
from .ops.elementwise import activation, arithmetic, exponential, hyperbolic, real_parts, rounding, selection
from .ops.linalg import products
from .ops.reductions import reduction, softmax
from .ops.reductions.reduction import Axis

Same = TypeVar("Same", bound="Methods")

_np: Any = np
"""NumPy's functions, which come back here by NumPy's protocols; its type hints know arrays alone."""


class Methods:
    """The methods that are operations; Tensor inherits them."""

    __slots__ = ()

    @property
    def T(self: Same) -> Same:
        """The axes in reverse."""
        return shapes.transpose(self)

    @property
    def mT(self: Same) -> Same:
        """The last two axes swapped."""
        return shapes.swapaxes(self, -1, -2)

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise unknown_attribute(describe(self.shape, self.dtype, self.name), name)

    def exp(self: Same) -> Same:
        """e to the x."""
        return exponential.exp(self)

    def log(self: Same) -> Same:
        """The natural logarithm."""
        return exponential.log(self)

    def sqrt(self: Same) -> Same:
        """The square root."""
        return arithmetic.sqrt(self)

    def tanh(self: Same) -> Same:
        """The hyperbolic tangent."""
        return hyperbolic.tanh(self)

    def abs(self: Same) -> Same:
        """The absolute value, with the slope 0 at 0."""
        return arithmetic.absolute(self)

    def relu(self: Same) -> Same:
        """max(0, x), with the slope 0 at 0."""
        return activation.relu(self)

    def sigmoid(self: Same) -> Same:
        """1 / (1 + exp(-x))."""
        return activation.sigmoid(self)

    def softplus(self: Same) -> Same:
        """log(1 + exp(x))."""
        return activation.softplus(self)

    def leaky_relu(self: Same, slope: float = 0.01) -> Same:
        """x where it is positive, slope * x elsewhere."""
        return activation.leaky_relu(self, slope=slope)

    def softmax(self: Same, axis: Axis = -1, **foreign: Any) -> Same:
        """exp(x) / sum(exp(x)) along an axis."""
        refuse("softmax", foreign)
        return softmax.softmax(self, axis=axis)

    def log_softmax(self: Same, axis: Axis = -1, **foreign: Any) -> Same:
        """The logarithm of the softmax along an axis."""
        refuse("log_softmax", foreign)
        return softmax.log_softmax(self, axis=axis)

    def logsumexp(self: Same, axis: Axis = None, keepdims: bool = False, **foreign: Any) -> Same:
        """log(sum(exp(x))), along an axis, several, or all."""
        refuse("logsumexp", foreign)
        return softmax.logsumexp(self, axis=axis, keepdims=keepdims)

    def sum(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The sum of the elements, along an axis, several, or all; `options` are np.sum's: dtype, initial, where."""
        if options:
            return _np.sum(self, axis, keepdims=keepdims, **known("sum", options))
        return reduction.sum(self, axis=axis, keepdims=keepdims)

    def mean(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The mean of the elements; `options` are np.mean's: dtype, where."""
        if options:
            return _np.mean(self, axis, keepdims=keepdims, **known("mean", options))
        return reduction.mean(self, axis=axis, keepdims=keepdims)

    def max(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The largest element; several that tie share the gradient. `options` are np.max's: initial, where."""
        if options:
            return _np.max(self, axis, keepdims=keepdims, **known("max", options))
        return reduction.max(self, axis=axis, keepdims=keepdims)

    def min(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The smallest element; several that tie share the gradient. `options` are np.min's: initial, where."""
        if options:
            return _np.min(self, axis, keepdims=keepdims, **known("min", options))
        return reduction.min(self, axis=axis, keepdims=keepdims)

    def prod(self: Same, axis: Axis = None, **options: Any) -> Same:
        """The product of the elements; `options` are np.prod's."""
        return _np.prod(self, axis, **known("prod", options))

    def var(self: Same, axis: Axis = None, **options: Any) -> Same:
        """The variance of the elements; `options` are np.var's: ddof, keepdims and more."""
        return _np.var(self, axis, **known("var", options))

    def std(self: Same, axis: Axis = None, **options: Any) -> Same:
        """The standard deviation of the elements; `options` are np.std's: ddof, keepdims and more."""
        return _np.std(self, axis, **known("std", options))

    def cumsum(self: Same, axis: int | None = None, **options: Any) -> Same:
        """The sum of all elements so far along an axis; without one, of all in a row."""
        return _np.cumsum(self, axis, **known("cumsum", options))

    def cumprod(self: Same, axis: int | None = None, **options: Any) -> Same:
        """The product of all elements so far along an axis; without one, of all in a row."""
        return _np.cumprod(self, axis, **known("cumprod", options))

    def any(self, axis: Axis = None, **options: Any) -> Any:
        """Whether any element is true: an array, or a truth."""
        return _np.any(self, axis, **known("any", options))

    def all(self, axis: Axis = None, **options: Any) -> Any:
        """Whether all elements are true: an array, or a truth."""
        return _np.all(self, axis, **known("all", options))

    def argmax(self, axis: int | None = None, **options: Any) -> Any:
        """The place of the largest element: an array of indices, or one."""
        return _np.argmax(self, axis, **known("argmax", options))

    def argmin(self, axis: int | None = None, **options: Any) -> Any:
        """The place of the smallest element: an array of indices, or one."""
        return _np.argmin(self, axis, **known("argmin", options))

    def argsort(self, axis: int | None = -1, **options: Any) -> Any:
        """The places of the elements in ascending order: an array of indices."""
        return _np.argsort(self, axis, **known("argsort", options))

    def dot(self: Same, other: Any) -> Same:
        """np.dot(t, other)."""
        return products.dot(self, other)

    def __divmod__(self: Same, other: Any) -> tuple[Same, Same]:
        return arithmetic.divmod(self, other)

    def __rdivmod__(self: Same, other: Any) -> tuple[Same, Same]:
        return arithmetic.divmod(other, self)

    @property
    def real(self: Same) -> Same:
        """The real part of a real number: itself."""
        return real_parts.real(self)

    @property
    def imag(self: Same) -> Same:
        """The imaginary part of a real number: 0."""
        return real_parts.imag(self)

    def conj(self: Same) -> Same:
        """The conjugate of a real number: itself."""
        return real_parts.real(self)

    conjugate = conj

    def round(self: Same, decimals: int = 0) -> Same:
        """The nearest numbers of so many decimals; a step, whose slope is 0."""
        return rounding.round(self, decimals=decimals)

    def choose(self: Same, choices: Any, mode: str = "raise") -> Same:
        """choices[t[i]][i] for each i."""
        return _np.choose(self, choices, mode=mode)

    def clip(self: Same, min: Any = None, max: Any = None) -> Same:
        """The elements held between two bounds."""
        return selection.clip(self, min, max)

    def reshape(self: Same, *shape: Any, order: str = "C", copy: bool | None = None) -> Same:
        """The same elements in another shape, given as one tuple or as several lengths."""
        lengths = shape[0] if len(shape) == 1 else shape
        if order == "C" and copy is None:
            return shapes.reshape(self, shape=lengths)
        keywords = {} if copy is None else {"copy": copy}  # NumPy 2.0 does not know it.
        return _np.reshape(self, lengths, order, **keywords)

    def transpose(self: Same, *axes: Any) -> Same:
        """The axes in another order, given as one tuple or one by one; without any, in reverse."""
        return shapes.transpose(self, (axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes) or None)

    def swapaxes(self: Same, axis1: int, axis2: int) -> Same:
        """Two axes change places."""
        return shapes.swapaxes(self, axis1, axis2)

    def squeeze(self: Same, axis: Axis = None, **foreign: Any) -> Same:
        """Without axes of length 1."""
        refuse("squeeze", foreign)
        return shapes.squeeze(self, axis)

    def ravel(self: Same, order: str = "C") -> Same:
        """All elements along one axis."""
        return self.reshape(-1, order=order)

    def flatten(self: Same, order: str = "C") -> Same:
        """All elements along one axis."""
        return self.reshape(-1, order=order)

    def astype(self: Same, dtype: Any, *, copy: bool = True) -> Same:
        """In another dtype; an integer one carries no gradient."""
        with suppress(TypeError):  # What is no dtype is refused by the operation, in a sentence.
            dtype = np.dtype(dtype)
        return shapes.astype(self, dtype=dtype)

    def copy(self: Same) -> Same:
        """The same values in an array of their own, recorded: the gradient flows through."""
        return shapes.copy(self)

    def take(self: Same, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Same:
        """The elements at these places along an axis, or of all."""
        return _np.take(self, indices, axis, mode=mode)

    def compress(self: Same, condition: Any, axis: int | None = None) -> Same:
        """The slices along an axis for which the condition holds."""
        return _np.compress(condition, self, axis)

    def repeat(self: Same, repeats: Any, axis: int | None = None) -> Same:
        """Each element along an axis so many times in a row."""
        return _np.repeat(self, repeats, axis)

    def diagonal(self: Same, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Same:
        """The elements whose index along the second of two axes is that along the first plus the offset."""
        return _np.diagonal(self, offset, axis1, axis2)

    def trace(self: Same, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Same:
        """The sum along a diagonal."""
        return _np.trace(self, offset, axis1, axis2, dtype)

    @property
    def _mask(self) -> NoReturn:
        """What np.ma asks for; without an answer it would go on with the values alone."""
        raise NoGradientError(
            f"a masked array met a Tensor, {user_place()}, and would have dropped its gradient silently; choose with "
            "np.where(mask, 0, t) or give where=~mask."
        )

    def nonzero(self) -> tuple[Any, ...]:
        """The indices of the elements that are not 0, an array for each axis."""
        return _np.nonzero(self)
