"""Traced: an array that writes down every NumPy function that it is given to.

A Tensor may hold an array of another library that speaks NumPy's protocols, and the forward and gradient rules then
run there. This is such an array: whatever a rule, or the user, does with it becomes an equation of a program. It
knows its value, so that shapes and dtypes are NumPy's own, and refuses to tell it: `float(t)`, a branch, printing
would bake one call's value into the program.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..errors import CaptureError
from ..graph import user_place
from ..primitive import Primitive
from ..tensor import Tensor
from .ir import Variable

if TYPE_CHECKING:
    from .capture import Tracer


class Traced:
    """A value of the captured program; `owner` is the Tensor that it was read from."""

    __slots__ = ("_current", "_variable", "_viewed", "owner", "tracer", "value")

    def __init__(self, tracer: Tracer, variable: Variable, value: Any, owner: Any = None) -> None:
        self.tracer = tracer
        self._variable = variable
        self.value = value
        self.owner = owner
        self._current = True
        self._viewed = False

    @property
    def variable(self) -> Variable:
        """The program's variable; an array that was changed in place since can't be read."""
        if not self._current:
            raise CaptureError(
                f"an array that was changed in place is used by its old name, {user_place()}; a compiled function "
                "takes `a = a + b`, and `t.data -= a` of a Tensor's values."
            )
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
        return self.value

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(isinstance(value, Tensor) for value in inputs):
            return NotImplemented  # The Tensor records, and comes back here with arrays.
        out = keywords.pop("out", None)
        if out is not None:
            if out != (self,) and out[0] is not self:
                self._refuse("was to be written into an array")
            if self._viewed:
                self._refuse("was changed in place while views of it are in use")
        called: str = ufunc.__name__
        if getattr(np, called, None) is not ufunc or method == "at":
            self._refuse(f"was given to {called}, which is not NumPy's or writes into an array")
        function: Any = ufunc if method == "__call__" else getattr(ufunc, method)
        name = called if method == "__call__" else f"{called}.{method}"
        if out is None:
            return self.tracer.apply(name, function, inputs, keywords)
        result = self.tracer.apply(name, function, inputs, keywords)
        if result.dtype != self.dtype:
            result = result.astype(self.dtype)
        self._current = False
        if self.owner is not None:
            self.tracer.pending[id(self.owner)] = (self.owner, user_place())
        return result

    def __array_function__(self, function: Any, kinds: Any, arguments: Any, keywords: Any) -> Any:
        if Tensor in kinds:
            return NotImplemented
        if keywords.get("out") is not None:
            self._refuse("was to be written into an array")
        if function in _WRITING:
            self._refuse("was to be written into an array")
        if function in (np.shape, np.ndim, np.size):
            return function(self.value, *arguments[1:], **keywords)
        if function is np.where and len(arguments) == 3 and isinstance(arguments[0], Traced):
            shortcut = self.tracer.choose(*arguments)
            if shortcut is not None:
                return shortcut
        if function in _REDUCTIONS and len(arguments) == 2:
            arguments, keywords = arguments[:1], {"axis": arguments[1], **keywords}
        if function in _METHODS and arguments and arguments[0] is self:
            return _METHODS[function](self, *arguments[1:], **keywords)
        module = function.__module__.removeprefix("numpy").removeprefix(".")
        name = f"{module}.{function.__name__}" if module else function.__name__
        return self.tracer.apply(name, function, arguments, keywords)

    def __primitive__(self, primitive: Primitive, arguments: Any, parameters: dict[str, Any]) -> Any:
        for argument in arguments:
            if isinstance(argument, Tensor):
                return argument.__primitive__(primitive, arguments, parameters)
        try:
            return primitive.forward(*arguments, **parameters)
        except (CaptureError, ValueError, TypeError) as error:
            # NumPy may have wrapped what a traced value refused.
            refused = error if isinstance(error, CaptureError) else error.__cause__
            if not isinstance(refused, CaptureError):
                raise
            return self.tracer.apply_whole(refused, primitive.forward, arguments, parameters)

    # What NumPy's arrays have as methods.

    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))
    real = property(lambda self: self.tracer.apply("real", np.real, (self,), {}))
    imag = property(lambda self: self.tracer.apply("imag", np.imag, (self,), {}))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """The same elements in another shape; the program says the lengths, never -1."""
        if order != "C":
            return self.tracer.apply("reshape", np.reshape, (self, shape[0] if len(shape) == 1 else shape, order), {})
        result = self.value.reshape(*shape)
        self._viewed = True
        return self.tracer.apply("reshape", np.reshape, (self, result.shape), {})

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        self._viewed = True
        order = None if not order else tuple(int(axis) % self.ndim for axis in order)
        if order is None or order == tuple(reversed(range(self.ndim))):
            return self.tracer.apply("transpose", np.transpose, (self,), {})
        return self.tracer.apply("transpose", np.transpose, (self, order), {})

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes change places."""
        order = list(range(self.ndim))
        order[axis1], order[axis2] = order[axis2], order[axis1]
        return self.transpose(tuple(order))

    def astype(self, dtype: Any, *, copy: bool = True) -> Any:
        """In another dtype."""
        return self.tracer.apply("astype", _astype, (self, np.dtype(dtype)), {})

    def copy(self, order: str = "C") -> Any:
        """The same values; an array, even of a single number."""
        return self.tracer.apply("copy", np.copy, (self,), {})

    def flatten(self, order: str = "C") -> Any:
        """All elements along one axis."""
        return self.reshape(-1, order=order)

    ravel = flatten

    def __getitem__(self, index: Any) -> Any:
        self._viewed = True
        return self.tracer.apply("getitem", _getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        self._refuse("was assigned to at an index")

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if name not in _SAME_AS_FUNCTIONS:
            raise AttributeError(name)
        return types.MethodType(getattr(np, name), self)

    def assumed_all(self) -> bool:
        """Whether all is true here, which the program then assumes, and checks."""
        return self.tracer.assume(self)

    # What would need the value.

    def _refuse(self, what: str) -> NoReturn:
        error = CaptureError(
            f"a value of a compiled function {what}, {user_place()}: the program that is being captured has to hold "
            "for other values too. Return the value and look at it outside, choose with np.where, pass what is random "
            "as an argument, write new values as a new array."
        )
        error.whole = self.tracer.apply_whole
        raise error

    def __bool__(self) -> bool:
        self._refuse("was asked whether it is true (by an if, an assert, a comparison)")

    def __float__(self) -> float:
        self._refuse("was read as a number")

    __int__ = __index__ = __complex__ = item = tolist = numpy = __float__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse("was printed, or given to what needs its numbers")

    def __repr__(self) -> str:
        self._refuse("was printed")

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        self._refuse("was printed")

    def __reduce__(self) -> Any:
        self._refuse("was to be copied or pickled")

    __hash__ = object.__hash__


def _getitem(x: Any, index: Any) -> Any:
    return x[index]


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


def _binary(ufunc: Any, is_reflected: bool) -> Any:
    if is_reflected:
        return lambda self, other: ufunc(other, self)
    return lambda self, other: ufunc(self, other)


def _in_place(ufunc: Any) -> Any:
    return lambda self, other: ufunc(self, other, out=(self,))


for _sign, _ufunc in {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or,
    "xor": np.bitwise_xor, "divmod": np.divmod,
}.items():  # fmt: skip
    setattr(Traced, f"__{_sign}__", _binary(_ufunc, False))
    setattr(Traced, f"__r{_sign}__", _binary(_ufunc, True))
    setattr(Traced, f"__i{_sign}__", _in_place(_ufunc))
for _sign, _ufunc in {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}.items():  # fmt: skip
    setattr(Traced, f"__{_sign}__", _binary(_ufunc, False))
for _sign, _ufunc in {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}.items():
    setattr(Traced, f"__{_sign}__", lambda self, _ufunc=_ufunc: _ufunc(self))


_SAME_AS_FUNCTIONS = frozenset(
    [
        "all",
        "any",
        "argmax",
        "argmin",
        "argpartition",
        "argsort",
        "choose",
        "clip",
        "compress",
        "cumprod",
        "cumsum",
        "diagonal",
        "dot",
        "max",
        "mean",
        "min",
        "nonzero",
        "prod",
        "repeat",
        "round",
        "searchsorted",
        "squeeze",
        "std",
        "sum",
        "take",
        "trace",
        "var",
    ]
)
"""Methods of arrays that do what the function of NumPy of the same name does."""

_REDUCTIONS = {np.sum, np.mean, np.max, np.min, np.prod}
"""Functions whose second argument is written by its name."""

_WRITING = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
"""Functions that change what they are given."""

_METHODS: dict[Any, Any] = {
    np.reshape: lambda x, shape=None, order="C", **other: x.reshape(shape, order=order),
    np.transpose: lambda x, axes=None: x.transpose(axes),
    np.swapaxes: Traced.swapaxes,
    np.copy: lambda x, order="K", subok=False: x.copy(),
    np.ravel: Traced.flatten,
}
"""Functions of NumPy that are written in the one way of the method."""
