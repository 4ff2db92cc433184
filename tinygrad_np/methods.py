"""The operations as methods of a Tensor: `t.tanh()` is `np.tanh(t)`, `t.sum(0)` is `np.sum(t, 0)`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import getattr_static
from typing import Any, TypeVar

import numpy as np

from .advice import ATTRIBUTES, function_named
from .errors import DTypeError, MissingAttributeError, NoGradientError, described
from .frames import user_place
from .hints import IN_PLACE, OF_A_TENSOR, known, of_attribute, refuse
from .ops.arrays import shape as shapes
from .ops.elementwise import activation, arithmetic, exponential, hyperbolic, real_parts, rounding, selection
from .ops.linalg import products
from .ops.reductions import reduction, softmax
from .ops.reductions.reduction import Axis
from .primitive import Primitive
from .record import record

Same = TypeVar("Same", bound="Methods")

_np: Any = np
"""NumPy's functions, which come back here by NumPy's protocols; its type hints know arrays alone."""


def unary(primitive: Primitive) -> Callable[[Same], Same]:
    """A primitive of one input as a method."""

    def method(self: Same) -> Same:
        return record(primitive, (self,))

    method.__doc__ = primitive.__doc__
    return method


def _reduction(name: str) -> Callable[..., Any]:
    """One of NumPy's functions of an axis whose result is data, an array or a single value, as a method."""

    def method(self: Any, axis: Axis = None, *more: Any, **options: Any) -> Any:
        return getattr(np, name)(self, axis, *more, **known(name, options))

    method.__doc__ = f"np.{name}(t), with its options."
    return method


class _Missing:
    """An attribute that a Tensor does not have: AttributeError, with what to write instead.

    With a `__getattr__` in its place, each attribute of a Tensor would take ten times as long to read.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Any, _: type) -> Any:
        name, function = self.name, function_named(self.name)
        if tensor is None:
            raise AttributeError(name)
        advice = of_attribute(name) or ATTRIBUTES.get(name) or f"write {function}(t)"
        raise MissingAttributeError(
            f"{described(tensor)} has no .{name}, {user_place()}; {advice}.", name=name, obj=tensor
        )


class _Elsewhere:
    """What arrays, other libraries' tensors and NumPy have, where a Tensor has nothing of that name."""

    __slots__ = ()


_functions = {name for module in (np, np.linalg, np.fft) for name in module.__all__ if function_named(name)}
for _name in {*ATTRIBUTES, *OF_A_TENSOR, *_functions, *(f"{name}_" for name in (*_functions, *IN_PLACE))}:
    setattr(_Elsewhere, _name, _Missing(_name))


class Methods(_Elsewhere):
    """The methods that are operations; Tensor inherits them."""

    __slots__ = ()

    __pandas_priority__ = 5000
    """Above a Series (3000) and a DataFrame (4000), which then leave `s * t` to the Tensor."""

    @property
    def T(self: Same) -> Same:
        """The axes in reverse."""
        return record(shapes.transpose, (self,))

    @property
    def mT(self: Same) -> Same:
        """The last two axes swapped."""
        return shapes.swapaxes(self, -1, -2)

    exp = unary(exponential.exp)
    log = unary(exponential.log)
    sqrt = unary(arithmetic.sqrt)
    tanh = unary(hyperbolic.tanh)
    abs = unary(arithmetic.absolute)
    relu = unary(activation.relu)
    sigmoid = unary(activation.sigmoid)
    softplus = unary(activation.softplus)

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

    def sum(
        self: Same,
        axis: Axis = None,
        dtype: Any = None,
        out: None = None,
        keepdims: bool = False,
        *more: Any,
        **options: Any,
    ) -> Same:
        """The sum of the elements, along an axis, several, or all; `options` are np.sum's: initial, where."""
        if more or options or dtype is not None or out is not None:
            return _np.sum(self, axis, dtype, out, keepdims, *more, **known("sum", options))
        return record(reduction.sum, (self,), {"axis": axis, "keepdims": keepdims})

    def mean(
        self: Same,
        axis: Axis = None,
        dtype: Any = None,
        out: None = None,
        keepdims: bool = False,
        *more: Any,
        **options: Any,
    ) -> Same:
        """The mean of the elements; `options` are np.mean's: where."""
        if more or options or dtype is not None or out is not None:
            return _np.mean(self, axis, dtype, out, keepdims, *more, **known("mean", options))
        return record(reduction.mean, (self,), {"axis": axis, "keepdims": keepdims})

    def max(
        self: Same, axis: Axis = None, out: None = None, keepdims: bool = False, *more: Any, **options: Any
    ) -> Same:
        """The largest element; several that tie share the gradient. `options` are np.max's: initial, where."""
        if more or options or out is not None:
            return _np.max(self, axis, out, keepdims, *more, **known("max", options))
        return record(reduction.max, (self,), {"axis": axis, "keepdims": keepdims})

    def min(
        self: Same, axis: Axis = None, out: None = None, keepdims: bool = False, *more: Any, **options: Any
    ) -> Same:
        """The smallest element; several that tie share the gradient. `options` are np.min's: initial, where."""
        if more or options or out is not None:
            return _np.min(self, axis, out, keepdims, *more, **known("min", options))
        return record(reduction.min, (self,), {"axis": axis, "keepdims": keepdims})

    def prod(self: Same, axis: Axis = None, *more: Any, **options: Any) -> Same:
        """The product of the elements; `options` are np.prod's."""
        return _np.prod(self, axis, *more, **known("prod", options))

    def var(self: Same, axis: Axis = None, *more: Any, **options: Any) -> Same:
        """The variance of the elements; `options` are np.var's: ddof, keepdims and more."""
        return _np.var(self, axis, *more, **known("var", options))

    def std(self: Same, axis: Axis = None, *more: Any, **options: Any) -> Same:
        """The standard deviation of the elements; `options` are np.std's: ddof, keepdims and more."""
        return _np.std(self, axis, *more, **known("std", options))

    def cumsum(self: Same, axis: int | None = None, *more: Any, **options: Any) -> Same:
        """The sum of all elements so far along an axis; without one, of all in a row."""
        return _np.cumsum(self, axis, *more, **known("cumsum", options))

    def cumprod(self: Same, axis: int | None = None, *more: Any, **options: Any) -> Same:
        """The product of all elements so far along an axis; without one, of all in a row."""
        return _np.cumprod(self, axis, *more, **known("cumprod", options))

    any = _reduction("any")
    all = _reduction("all")
    argmax = _reduction("argmax")
    argmin = _reduction("argmin")

    def argsort(self, axis: int | None = -1, *more: Any, **options: Any) -> Any:
        """The places of the elements in ascending order: an array of indices."""
        return _np.argsort(self, axis, *more, **known("argsort", options))

    def argpartition(self, kth: Any, axis: int | None = -1, *more: Any, **options: Any) -> Any:
        """The places of the elements, those of the smallest before the kth: an array of indices."""
        return _np.argpartition(self, kth, axis, *more, **options)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        """Where in these sorted elements others belong: an array of indices, or one."""
        return _np.searchsorted(self, v, side, sorter)

    def dot(self: Same, b: Any, out: None = None) -> Same:
        """np.dot(t, b)."""
        return products.dot(self, b) if out is None else _np.dot(self, b, out)

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
        return record(real_parts.imag, (self,))

    def conj(self: Same) -> Same:
        """The conjugate of a real number: itself."""
        return real_parts.real(self)

    conjugate = conj

    def round(self: Same, decimals: int = 0, out: None = None) -> Same:
        """The nearest numbers of so many decimals; a step, whose slope is 0."""
        return rounding.round(self, decimals=decimals) if out is None else _np.round(self, decimals, out)

    def __round__(self: Same, decimals: int | None = None) -> Same:
        return self.round(decimals or 0)

    __trunc__ = unary(rounding.trunc)
    __floor__ = unary(rounding.floor)
    __ceil__ = unary(rounding.ceil)

    def choose(self: Same, choices: Any, out: None = None, mode: str = "raise") -> Same:
        """choices[t[i]][i] for each i."""
        return _np.choose(self, choices, out, mode)

    def clip(self: Same, min: Any = None, max: Any = None, out: None = None, **options: Any) -> Same:
        """The elements held between two bounds; `options` are np.clip's."""
        if options or out is not None:
            return _np.clip(self, min, max, out, **options)
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
        order = tuple(axes[0]) if len(axes) == 1 and np.ndim(axes[0]) else axes
        return shapes.transpose(self, None if order in ((), (None,)) else order)

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

    def astype(
        self: Same, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
    ) -> Same:
        """In another dtype; an integer one carries no gradient. `casting` says which conversions are refused."""
        _in_memory("astype", order)
        with suppress(TypeError):  # What is not a dtype is refused by the operation, in a sentence.
            dtype = np.dtype(dtype)
        if casting != "unsafe" and not np.can_cast(_np.result_type(self), dtype, casting):
            raise DTypeError(f"{described(self)} can't become {dtype} by casting={casting!r}, {user_place()}.")
        return shapes.astype(self, dtype=dtype)

    def copy(self: Same, order: str = "C") -> Same:
        """The same values in an array of their own, recorded: the gradient flows through."""
        _in_memory("copy", order)
        return record(shapes.copy, (self,))

    def take(self: Same, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Same:
        """The elements at these places along an axis, or of all."""
        return _np.take(self, indices, axis, out, mode)

    def compress(self: Same, condition: Any, axis: int | None = None, out: None = None) -> Same:
        """The slices along an axis for which the condition holds."""
        return _np.compress(condition, self, axis, out)

    def repeat(self: Same, repeats: Any, axis: int | None = None) -> Same:
        """Each element along an axis so many times in a row."""
        return _np.repeat(self, repeats, axis)

    def diagonal(self: Same, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Same:
        """The elements whose index along the second of two axes is that along the first plus the offset."""
        return _np.diagonal(self, offset, axis1, axis2)

    def trace(self: Same, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Same:
        """The sum along a diagonal."""
        return _np.trace(self, offset, axis1, axis2, dtype, out)

    @property
    def itemsize(self: Any) -> int:
        """The bytes of an element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self: Any) -> int:
        """The bytes of all elements."""
        return int(self.size * self.dtype.itemsize)

    @property
    def _mask(self: Any) -> Any:
        """What np.ma asks for; of what needs a gradient it would go on with the values alone."""
        if not self.requires_grad:
            raise AttributeError("a Tensor has no mask")
        raise NoGradientError(
            f"a masked array met a Tensor, {user_place()}, and would have dropped its gradient silently; choose with "
            "np.where(mask, 0, t) or give where=~mask."
        )

    def nonzero(self) -> tuple[Any, ...]:
        """The indices of the elements that are not 0, an array for each axis."""
        return _np.nonzero(self)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not isinstance(getattr_static(self, name), _Missing)]


def _in_memory(method: str, order: str) -> None:
    """Refuse an order in memory that NumPy would make: what a Tensor's array is like there is its own affair."""
    if order not in ("C", "K", "A"):
        raise NoGradientError(
            f".{method}() of a Tensor does not take order={order!r}, {user_place()}: its values are the same in any "
            "order in memory; leave it out, or write np.asfortranarray(t.numpy())."
        )
