"""The operations as methods of a Tensor: `t.tanh()` is `np.tanh(t)`, `t.sum(0)` is `np.sum(t, 0)`."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from . import ops
from .ops.reduction import Axis

T = TypeVar("T", bound="Methods")


class Methods:
    """The methods that are operations; Tensor inherits them."""

    __slots__ = ()

    @property
    def T(self: T) -> T:
        """The axes in reverse."""
        return ops.shape.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self: T) -> T:
        """The last two axes swapped."""
        return ops.shape.swapaxes(self, -1, -2)  # type: ignore[no-any-return]

    def exp(self: T) -> T:
        """e to the x."""
        return ops.exponential.exp(self)  # type: ignore[no-any-return]

    def log(self: T) -> T:
        """The natural logarithm."""
        return ops.exponential.log(self)  # type: ignore[no-any-return]

    def sqrt(self: T) -> T:
        """The square root."""
        return ops.arithmetic.sqrt(self)  # type: ignore[no-any-return]

    def tanh(self: T) -> T:
        """The hyperbolic tangent."""
        return ops.exponential.tanh(self)  # type: ignore[no-any-return]

    def abs(self: T) -> T:
        """The absolute value, with the slope 0 at 0."""
        return ops.arithmetic.absolute(self)  # type: ignore[no-any-return]

    def relu(self: T) -> T:
        """max(0, x), with the slope 0 at 0."""
        return ops.activation.relu(self)  # type: ignore[no-any-return]

    def sigmoid(self: T) -> T:
        """1 / (1 + exp(-x))."""
        return ops.activation.sigmoid(self)  # type: ignore[no-any-return]

    def softplus(self: T) -> T:
        """log(1 + exp(x))."""
        return ops.activation.softplus(self)  # type: ignore[no-any-return]

    def leaky_relu(self: T, slope: float = 0.01) -> T:
        """x where it is positive, slope * x elsewhere."""
        return ops.activation.leaky_relu(self, slope=slope)  # type: ignore[no-any-return]

    def sum(self: T, axis: Axis = None, keepdims: bool = False) -> T:
        """The sum of the elements, along an axis, several, or all."""
        return ops.reduction.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self: T, axis: Axis = None, keepdims: bool = False) -> T:
        """The mean of the elements."""
        return ops.reduction.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self: T, axis: Axis = None, keepdims: bool = False) -> T:
        """The largest element; several that tie share the gradient."""
        return ops.reduction.max(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def min(self: T, axis: Axis = None, keepdims: bool = False) -> T:
        """The smallest element; several that tie share the gradient."""
        return ops.reduction.min(self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def dot(self: T, other: Any) -> T:
        """np.dot(t, other)."""
        return ops.linear_algebra.dot(self, other)  # type: ignore[no-any-return]

    def clip(self: T, min: Any = None, max: Any = None) -> T:
        """The elements held between two bounds."""
        return ops.selection.clip(self, min, max)  # type: ignore[no-any-return]

    def reshape(self: T, *shape: Any) -> T:
        """The same elements in another shape, given as one tuple or as several lengths."""
        return ops.shape.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[no-any-return]

    def transpose(self: T, *axes: Any) -> T:
        """The axes in another order, given as one tuple or one by one; without any, in reverse."""
        return ops.shape.transpose(self, (axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes) or None)  # type: ignore[no-any-return]

    def swapaxes(self: T, axis1: int, axis2: int) -> T:
        """Two axes change places."""
        return ops.shape.swapaxes(self, axis1, axis2)  # type: ignore[no-any-return]

    def squeeze(self: T, axis: Axis = None) -> T:
        """Without axes of length 1."""
        return ops.shape.squeeze(self, axis)  # type: ignore[no-any-return]

    def ravel(self: T) -> T:
        """All elements along one axis."""
        return ops.shape.reshape(self, -1)  # type: ignore[no-any-return]

    def flatten(self: T) -> T:
        """All elements along one axis."""
        return ops.shape.reshape(self, -1)  # type: ignore[no-any-return]

    def astype(self: T, dtype: Any) -> T:
        """In another dtype; an integer one carries no gradient."""
        return ops.shape.astype(self, np.dtype(dtype))  # type: ignore[no-any-return]
