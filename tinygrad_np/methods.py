"""The operations as methods of a Tensor: `t.tanh()` is `np.tanh(t)`, `t.sum(0)` is `np.sum(t, 0)`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NoReturn, TypeVar

import numpy as np

from . import ops
from .errors import NoGradientError, user_place
from .ops.reduction import Axis

Same = TypeVar("Same", bound="Methods")

_np: Any = np
"""NumPy's functions, which come back here by NumPy's protocols; its type hints know arrays alone."""


class Methods:
    """The methods that are operations; Tensor inherits them."""

    __slots__ = ()

    @property
    def T(self: Same) -> Same:
        """The axes in reverse."""
        return ops.shape.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self: Same) -> Same:
        """The last two axes swapped."""
        return ops.shape.swapaxes(self, -1, -2)  # type: ignore[no-any-return]

    def exp(self: Same) -> Same:
        """e to the x."""
        return ops.exponential.exp(self)  # type: ignore[no-any-return]

    def log(self: Same) -> Same:
        """The natural logarithm."""
        return ops.exponential.log(self)  # type: ignore[no-any-return]

    def sqrt(self: Same) -> Same:
        """The square root."""
        return ops.arithmetic.sqrt(self)  # type: ignore[no-any-return]

    def tanh(self: Same) -> Same:
        """The hyperbolic tangent."""
        return ops.hyperbolic.tanh(self)  # type: ignore[no-any-return]

    def abs(self: Same) -> Same:
        """The absolute value, with the slope 0 at 0."""
        return ops.arithmetic.absolute(self)  # type: ignore[no-any-return]

    def relu(self: Same) -> Same:
        """max(0, x), with the slope 0 at 0."""
        return ops.activation.relu(self)  # type: ignore[no-any-return]

    def sigmoid(self: Same) -> Same:
        """1 / (1 + exp(-x))."""
        return ops.activation.sigmoid(self)  # type: ignore[no-any-return]

    def softplus(self: Same) -> Same:
        """log(1 + exp(x))."""
        return ops.activation.softplus(self)  # type: ignore[no-any-return]

    def leaky_relu(self: Same, slope: float = 0.01) -> Same:
        """x where it is positive, slope * x elsewhere."""
        return ops.activation.leaky_relu(self, slope=slope)  # type: ignore[no-any-return]

    def softmax(self: Same, axis: Axis = -1) -> Same:
        """exp(x) / sum(exp(x)) along an axis."""
        return ops.softmax.softmax(self, axis=axis)  # type: ignore[no-any-return]

    def log_softmax(self: Same, axis: Axis = -1) -> Same:
        """The logarithm of the softmax along an axis."""
        return ops.softmax.log_softmax(self, axis=axis)  # type: ignore[no-any-return]

    def logsumexp(self: Same, axis: Axis = None, keepdims: bool = False) -> Same:
        """log(sum(exp(x))), along an axis, several, or all."""
        return ops.softmax.logsumexp(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def sum(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The sum of the elements, along an axis, several, or all; `options` are np.sum's: dtype, initial, where."""
        if options:
            return _np.sum(self, axis, keepdims=keepdims, **options)  # type: ignore[no-any-return]
        return ops.reduction.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The mean of the elements; `options` are np.mean's: dtype, where."""
        if options:
            return _np.mean(self, axis, keepdims=keepdims, **options)  # type: ignore[no-any-return]
        return ops.reduction.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The largest element; several that tie share the gradient. `options` are np.max's: initial, where."""
        if options:
            return _np.max(self, axis, keepdims=keepdims, **options)  # type: ignore[no-any-return]
        return ops.reduction.max(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def min(self: Same, axis: Axis = None, *, keepdims: bool = False, **options: Any) -> Same:
        """The smallest element; several that tie share the gradient. `options` are np.min's: initial, where."""
        if options:
            return _np.min(self, axis, keepdims=keepdims, **options)  # type: ignore[no-any-return]
        return ops.reduction.min(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def prod(self: Same, axis: Axis = None, **options: Any) -> Same:
        """The product of the elements; `options` are np.prod's."""
        return _np.prod(self, axis, **options)  # type: ignore[no-any-return]

    def var(self: Same, axis: Axis = None, **options: Any) -> Same:
        """The variance of the elements; `options` are np.var's: ddof, keepdims and more."""
        return _np.var(self, axis, **options)  # type: ignore[no-any-return]

    def std(self: Same, axis: Axis = None, **options: Any) -> Same:
        """The standard deviation of the elements; `options` are np.std's: ddof, keepdims and more."""
        return _np.std(self, axis, **options)  # type: ignore[no-any-return]

    def cumsum(self: Same, axis: int | None = None, **options: Any) -> Same:
        """The sum of all elements so far along an axis; without one, of all in a row."""
        return _np.cumsum(self, axis, **options)  # type: ignore[no-any-return]

    def cumprod(self: Same, axis: int | None = None, **options: Any) -> Same:
        """The product of all elements so far along an axis; without one, of all in a row."""
        return _np.cumprod(self, axis, **options)  # type: ignore[no-any-return]

    def any(self, axis: Axis = None, **options: Any) -> Any:
        """Whether any element is true: an array, or a truth."""
        return _np.any(self, axis, **options)

    def all(self, axis: Axis = None, **options: Any) -> Any:
        """Whether all elements are true: an array, or a truth."""
        return _np.all(self, axis, **options)

    def argmax(self, axis: int | None = None, **options: Any) -> Any:
        """The place of the largest element: an array of indices, or one."""
        return _np.argmax(self, axis, **options)

    def argmin(self, axis: int | None = None, **options: Any) -> Any:
        """The place of the smallest element: an array of indices, or one."""
        return _np.argmin(self, axis, **options)

    def argsort(self, axis: int | None = -1, **options: Any) -> Any:
        """The places of the elements in ascending order: an array of indices."""
        return _np.argsort(self, axis, **options)

    def dot(self: Same, other: Any) -> Same:
        """np.dot(t, other)."""
        return ops.linear_algebra.dot(self, other)  # type: ignore[no-any-return]

    def __divmod__(self: Same, other: Any) -> tuple[Same, Same]:
        return ops.arithmetic.divmod(self, other)

    def __rdivmod__(self: Same, other: Any) -> tuple[Same, Same]:
        return ops.arithmetic.divmod(other, self)

    @property
    def real(self: Same) -> Same:
        """The real part of a real number: itself."""
        return ops.real_parts.real(self)  # type: ignore[no-any-return]

    @property
    def imag(self: Same) -> Same:
        """The imaginary part of a real number: 0."""
        return ops.real_parts.imag(self)  # type: ignore[no-any-return]

    def conj(self: Same) -> Same:
        """The conjugate of a real number: itself."""
        return ops.real_parts.real(self)  # type: ignore[no-any-return]

    conjugate = conj

    def round(self: Same, decimals: int = 0) -> Same:
        """The nearest numbers of so many decimals; a step, whose slope is 0."""
        return ops.rounding.round(self, decimals=decimals)  # type: ignore[no-any-return]

    def choose(self: Same, choices: Any, mode: str = "raise") -> Same:
        """choices[t[i]][i] for each i."""
        return _np.choose(self, choices, mode=mode)  # type: ignore[no-any-return]

    def clip(self: Same, min: Any = None, max: Any = None) -> Same:
        """The elements held between two bounds."""
        return ops.selection.clip(self, min, max)  # type: ignore[no-any-return]

    def reshape(self: Same, *shape: Any, order: str = "C", copy: bool | None = None) -> Same:
        """The same elements in another shape, given as one tuple or as several lengths."""
        lengths = shape[0] if len(shape) == 1 else shape
        if order == "C" and copy is None:
            return ops.shape.reshape(self, shape=lengths)  # type: ignore[no-any-return]
        keywords = {} if copy is None else {"copy": copy}  # NumPy 2.0 does not know it.
        return _np.reshape(self, lengths, order, **keywords)  # type: ignore[no-any-return]

    def transpose(self: Same, *axes: Any) -> Same:
        """The axes in another order, given as one tuple or one by one; without any, in reverse."""
        return ops.shape.transpose(self, (axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes) or None)  # type: ignore[no-any-return]

    def swapaxes(self: Same, axis1: int, axis2: int) -> Same:
        """Two axes change places."""
        return ops.shape.swapaxes(self, axis1, axis2)  # type: ignore[no-any-return]

    def squeeze(self: Same, axis: Axis = None) -> Same:
        """Without axes of length 1."""
        return ops.shape.squeeze(self, axis)  # type: ignore[no-any-return]

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
        return ops.shape.astype(self, dtype=dtype)  # type: ignore[no-any-return]

    def copy(self: Same) -> Same:
        """The same values in an array of their own, recorded: the gradient flows through."""
        return ops.shape.copy(self)  # type: ignore[no-any-return]

    def take(self: Same, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Same:
        """The elements at these places along an axis, or of all."""
        return _np.take(self, indices, axis, mode=mode)  # type: ignore[no-any-return]

    def compress(self: Same, condition: Any, axis: int | None = None) -> Same:
        """The slices along an axis for which the condition holds."""
        return _np.compress(condition, self, axis)  # type: ignore[no-any-return]

    def repeat(self: Same, repeats: Any, axis: int | None = None) -> Same:
        """Each element along an axis so many times in a row."""
        return _np.repeat(self, repeats, axis)  # type: ignore[no-any-return]

    def diagonal(self: Same, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Same:
        """The elements whose index along the second of two axes is that along the first plus the offset."""
        return _np.diagonal(self, offset, axis1, axis2)  # type: ignore[no-any-return]

    def trace(self: Same, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Same:
        """The sum along a diagonal."""
        return _np.trace(self, offset, axis1, axis2, dtype)  # type: ignore[no-any-return]

    @property
    def _mask(self) -> NoReturn:
        """What np.ma asks for; without an answer it would go on with the values alone."""
        raise NoGradientError(
            f"a masked array met a Tensor, {user_place()}, and would have dropped its gradient silently; choose with "
            "np.where(mask, 0, t) or give where=~mask."
        )

    def nonzero(self) -> tuple[Any, ...]:
        """The indices of the elements that are not 0, an array for each axis."""
        return _np.nonzero(self)  # type: ignore[no-any-return]
