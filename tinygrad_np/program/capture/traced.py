"""Traced: an array that writes down every NumPy function that it is given to.

A Tensor may hold an array of another library that speaks NumPy's protocols, and the forward and gradient rules then
run there. This is such an array: whatever a rule, or the user, does with it becomes an equation of a program. It
knows its value, so that shapes and dtypes are NumPy's own, and refuses to tell it: `float(t)`, a branch, printing
would bake one call's value into the program.
"""

from __future__ import annotations

import sys
import types
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ...advice import SAVING, WRITING
from ...errors import CaptureError, ShapeError, describe
from ...frames import is_others, user_place
from ...ops.elementwise.selection import where
from ...primitive import NUMPY, Primitive, handed_over
from ...tensor import Tensor
from ..ir import Variable, astype
from . import refusals
from .refusals import of_the_running_line, refusal
from .shapes import is_shaped_by_values, parameters_of


class Memory:
    """What an array and its views share: how often it was changed in place, `line` says where last.

    `settled` is the count at which the Tensor whose array this is was told so.
    """

    __slots__ = ("changes", "line", "settled")

    def __init__(self) -> None:
        self.changes = self.settled = 0
        self.line = ""


def _refusing(refused: tuple[str, str], looks: bool = False) -> Any:
    """A method that does not tell the value, but what was done with it, as `looks` sees in the line that runs."""

    def method(self: Traced, *_: Any, **__: Any) -> NoReturn:
        self._refuse(*(of_the_running_line(refused) if looks else refused))

    return method


class Traced(NDArrayOperatorsMixin):
    """A value of the captured program.

    `tracer` writes down what is done with it; `memory` is shared with its views, `changes` the count at which this
    value stood there; `handed_out` is the memory of the Tensor that it was read from, which is the user's as soon as
    t.data gives it away; `is_weak` says that it is one of Python's numbers, whose dtype gives way to that of arrays.
    """

    __slots__ = ("_variable", "changes", "handed_out", "is_weak", "memory", "tracer", "value")

    def __init__(
        self, tracer: Any, variable: Variable, value: Any, memory: Memory | None = None, is_weak: bool = False
    ) -> None:
        self.tracer = tracer
        self._variable = variable
        self.value = value
        self.memory = memory or Memory()
        self.changes = self.memory.changes
        self.handed_out: Memory | None = None
        self.is_weak = is_weak

    @property
    def variable(self) -> Variable:
        """The program's variable; an array that was changed in place since can't be read."""
        if self.changes != self.memory.changes:
            raise refusal(refusals.OLD_NAME, changed=self.memory.line, line=user_place())
        return self._variable

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    itemsize = property(lambda self: self.value.itemsize)
    nbytes = property(lambda self: self.value.nbytes)

    @property
    def base(self) -> Any:
        """Whose memory this is: not its own, for all that others know."""
        if _is_asked_by_others(sys._getframe(1).f_code):
            self._refuse("was asked for its base")
        return self

    @property
    def __class__(self) -> Any:
        """What isinstance() goes by besides the type: to the user this is what it stands for."""
        return type(self.value) if _is_asked_by_others(sys._getframe(1).f_code) else Traced

    @__class__.setter
    def __class__(self, kind: Any) -> NoReturn:
        self._refuse("was to be of another class")

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(issubclass(type(value), Tensor) for value in inputs):
            return NotImplemented  # The Tensor records, and comes back here with arrays.
        out, *more = keywords.pop("out", (None,))
        if more or (out is not None and not isinstance(out, Traced)):
            self._refuse(*refusals.INTO_ARRAY)
        inputs = tuple(np.asarray(value) if issubclass(type(value), list | tuple) else value for value in inputs)
        called: str = ufunc.__name__
        if getattr(np, called, None) is not ufunc or method == "at":
            self._refuse(f"was given to {called}, which is not NumPy's or writes into an array")
        function: Any = ufunc if method == "__call__" else getattr(ufunc, method)
        name = called if method == "__call__" else f"{called}.{method}"
        result = self.tracer.apply(name, function, inputs, keywords)
        return result if out is None else out._changed_to(result)

    def _changed_to(self, result: Traced) -> Traced:
        """The array after it was changed in place to this; all other names of it, and its views, are old then."""
        if not isinstance(self.value, np.ndarray):
            return result  # A number does not change: the name stands for another.
        fits = np.broadcast_shapes(result.shape, self.shape) == self.shape
        if not fits or not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise ShapeError(
                f"an array {self.shape} {self.dtype} can't be changed in place to {result.shape} {result.dtype}, "
                f"{user_place()}; write a = a + b."
            )
        if result.dtype != self.dtype:
            result = result.astype(self.dtype)
        if result.shape != self.shape:
            result = self.tracer.apply("broadcast_to", np.broadcast_to, (result, self.shape), {})
        if not self.ndim:
            result = self.tracer.apply("copy", np.copy, (result,), {})
        self.memory.changes += 1
        self.memory.line = user_place()
        return Traced(self.tracer, result._variable, result.value, self.memory)

    def __array_function__(self, function: Any, kinds: Any, arguments: Any, keywords: Any) -> Any:
        if Tensor in kinds:
            return NotImplemented
        if {**dict(zip(parameters_of(function), arguments, strict=False)), **keywords}.get("out") is not None:
            self._refuse(*refusals.INTO_ARRAY)
        if function in WRITING:
            self._refuse(*refusals.INTO_ARRAY)
        if function in SAVING:
            self._refuse(*refusals.INTO_FILE)
        if function in _JOINING and isinstance(arguments[0], Traced):
            arguments = [*arguments[0]], *arguments[1:]
        if function in _OF_FUNCTIONS:
            return NUMPY[function](*arguments, **keywords)
        if function in _PRODUCTS:
            arguments = tuple(np.asarray(value) if isinstance(value, list | tuple) else value for value in arguments)
        module = function.__module__.removeprefix("numpy").removeprefix(".")
        name = f"{module}.{function.__name__}" if module else function.__name__
        if is_shaped_by_values(function, arguments, keywords):
            self._refuse(refusals.LENGTH[0].format(f"np.{name}"), refusals.LENGTH[1])
        if function in (np.shape, np.ndim, np.size):
            return function(self.value, *arguments[1:], **keywords)
        # A user's np.where is the primitive of that name; what other rules choose with it may be left out.
        is_rules = function is np.where and sys._getframe(1).f_code is not where.forward.__code__
        if is_rules and len(arguments) == 3 and isinstance(arguments[0], Traced):
            shortcut = self.tracer.choose(*arguments)
            if shortcut is not None:
                return shortcut
        if function in _REDUCTIONS and len(arguments) == 2:
            arguments, keywords = arguments[:1], {"axis": arguments[1], **keywords}
        if function in _METHODS and arguments and arguments[0] is self:
            return _METHODS[function](self, *arguments[1:], **keywords)
        return self.tracer.apply(name, function, arguments, keywords)

    def __primitive__(self, primitive: Primitive, arguments: Any, parameters: dict[str, Any]) -> Any:
        for argument in arguments:
            if isinstance(argument, Tensor):
                return argument.__primitive__(primitive, arguments, parameters)
        try:
            return primitive.forward(*arguments, **parameters)
        except (CaptureError, ValueError, TypeError) as error:
            return handed_over(error, primitive.forward, arguments, parameters)

    # What NumPy's arrays have as methods.

    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))
    real = property(lambda self: self if self.is_weak else self.tracer.apply("real", np.real, (self,), {}))
    imag = property(lambda self: self.tracer.apply("imag", np.imag, (self,), {}))

    def __pow__(self, exponent: Any) -> Any:
        # The operator makes a square of it, and np.power other whole numbers of truths.
        is_square = type(exponent) is int and exponent == 2 and self.dtype == bool
        return np.square(self) if is_square else super().__pow__(exponent)

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """The same elements in another shape; the program says the lengths, never -1."""
        if order in ("A", "K") and self.ndim > 1:
            self._refuse(refusals.LAYOUT[0].format(order), refusals.LAYOUT[1])
        order = "C" if order in ("A", "K") else order
        if order != "C":
            return self.tracer.apply("reshape", np.reshape, (self, shape[0] if len(shape) == 1 else shape, order), {})
        result = self.value.reshape(*shape)
        return self.tracer.apply("reshape", np.reshape, (self, result.shape), {})

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        order = None if not order else tuple(int(axis) % self.ndim for axis in order)
        if order is None or order == tuple(reversed(range(self.ndim))):
            return self.tracer.apply("transpose", np.transpose, (self,), {})
        return self.tracer.apply("transpose", np.transpose, (self, order), {})

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes change places."""
        order = list(range(self.ndim))
        order[axis1], order[axis2] = order[axis2], order[axis1]
        return self.transpose(tuple(order))

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", *, copy: bool = True) -> Any:
        """In another dtype."""
        return self.tracer.apply("astype", astype, (self, np.dtype(dtype)), {})

    def copy(self, order: str = "C") -> Any:
        """The same values; an array, even of a single number, but for the user of one that is no array."""
        if not isinstance(self.value, np.ndarray) and _is_asked_by_others(sys._getframe(1).f_code):
            return self
        return self.tracer.apply("copy", np.copy, (self,), {})

    def flatten(self, order: str = "C") -> Any:
        """All elements along one axis."""
        return self.reshape(-1, order=order)

    ravel = flatten

    def __getitem__(self, index: Any) -> Any:
        if index is Ellipsis:
            # All of it, as t.data hands it out: an array, though it be of a single number.
            whole = self.tracer.apply("copy", np.copy, (self,), {})
            return Traced(self.tracer, whole._variable, whole.value, self.handed_out or self.memory)
        return self.tracer.pick(self, index)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if name not in _SAME_AS_FUNCTIONS:
            if hasattr(np.ndarray, name) and not name.startswith("_"):
                self._refuse(f"was asked for its {name}")
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return types.MethodType(getattr(np, name), self)

    def assumed_all(self) -> bool:
        """Whether all is true here, which the program then assumes, and checks."""
        return self.tracer.assume(self)

    def assumed_finite(self) -> bool:
        """Whether all is finite here, which the program then assumes, and checks."""
        return self.tracer.assume_finite(self)

    # What would need the value.

    def numpy(self) -> Any:
        """The values, which only the program will know: what asks a Tensor for its values goes on with them."""
        return self

    def _refuse(self, done: str, advice: str = refusals.GENERAL) -> NoReturn:
        self.tracer.running_line()
        name = self._variable.name
        what = describe(self.shape, self.dtype, name) if name else f"a value {self.shape} {self.dtype}"
        error = refusal(refusals.REFUSED, what=what, done=done, line=user_place(), advice=advice)
        error.whole = self.tracer.apply_whole
        try:
            raise error
        finally:
            del error  # Else its traceback holds this frame, and this frame the error, until a collection.

    def __bool__(self) -> bool:
        is_true = self.tracer.anew.is_true(self) if self.is_weak else None
        return self._refuse(*refusals.TRUTH) if is_true is None else is_true

    __float__ = __int__ = __index__ = __complex__ = item = tolist = _refusing(refusals.NUMBER, looks=True)
    __array__ = _refusing(refusals.ARRAY, looks=True)
    __setitem__ = _refusing(refusals.INTO_ARRAY, looks=True)
    __round__ = _refusing(refusals.ROUNDED)
    __repr__ = __str__ = __format__ = _refusing(refusals.SHOWN)
    __reduce__ = _refusing(refusals.COPIED)
    __hash__ = _refusing(refusals.LOOKED_UP)


def _is_asked_by_others(code: types.CodeType) -> bool:
    return code is np.isscalar.__code__ or is_others(code)


def memory_of(result: Any, boxes: list[Traced]) -> Memory | None:
    """The memory of the array of which a result is a view, if it is one of any."""
    if not isinstance(result, np.ndarray):
        return None
    viewed = (box for box in boxes if isinstance(box.value, np.ndarray) and np.may_share_memory(box.value, result))
    return next((box.memory for box in viewed), None)


_SAME_AS_FUNCTIONS = {
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "compress", "conj", "conjugate",
    "cumprod", "cumsum", "diagonal", "dot", "max", "mean", "min", "nonzero", "prod", "repeat", "round", "searchsorted",
    "squeeze", "std", "sum", "take", "trace", "var",
}  # fmt: skip
"""Methods of arrays that do what the function of NumPy of the same name does."""

_REDUCTIONS = {np.sum, np.mean, np.max, np.min, np.prod}
"""Functions whose second argument is written by its name."""

_JOINING = {np.column_stack, np.concatenate, np.dstack, np.hstack, np.stack, np.vstack}
"""Functions that take an array for the list of its rows."""

_PRODUCTS = {np.cross, np.dot, np.inner, np.kron, np.outer, np.vdot}
"""Functions whose every list is an array that is written out."""

_OF_FUNCTIONS = {np.apply_along_axis, np.apply_over_axes, np.piecewise}
"""Functions that call others, which are captured as well: ours are made of what can be."""

_METHODS: dict[Any, Any] = {
    np.reshape: lambda x, shape=None, order="C", **other: x.reshape(shape, order=order),
    np.transpose: lambda x, axes=None: x.transpose(axes),
    np.swapaxes: Traced.swapaxes,
    np.copy: lambda x, order="K", subok=False: x.tracer.apply("copy", np.copy, (x,), {}),
    np.ravel: Traced.flatten,
}
"""Functions of NumPy that are written in the one way of the method."""
