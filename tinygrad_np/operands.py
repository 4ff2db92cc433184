"""Operands: what a graph keeps of the plain arrays that an operation was given, which their owner may change later.

    y = (A * x).sum(); A[:] = 7; y.backward()        x.grad is what A was when it was read

A gradient rule that reads an operand gets the values of then. What that costs depends on the array:

- nothing, if nobody else can reach it: a temporary as in `np.cos(a) * x`, or an array that owns its memory and is
  read-only, as after `X.setflags(write=False)`; numbers and constant Tensors cost nothing either;
- a copy, if it is small; the operations of a graph that read the same array share one;
- two checksums, if it is larger than LARGE bytes: the array itself is kept, and a backward pass that reads it after it
  was changed raises ChangedValueError.
"""

from __future__ import annotations

import operator
import sys
import zlib
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from .exposure import same_values
from .frames import user_frame
from .graph import Node

SMALL = 1 << 12
"""Up to so many bytes a copy costs less than to find out whether it is needed."""

LARGE = 1 << 22
"""An array of more bytes is not copied."""

_FIXED = frozenset({int, float, bool, str, type(None), type})
_copies: WeakValueDictionary[int, Any] = WeakValueDictionary()
_held: dict[str, int] = {}
_counted: dict[str, int] = {}


class Lent:
    """A large array that a graph reads in place: it belongs to the user, who may change it (see Exposure)."""

    __slots__ = ("_checksum", "_lent")

    what = "an array"
    array = None

    def __init__(self, array: Any) -> None:
        self._lent = array
        self._checksum = checksum(array)

    def is_stale(self, number: int) -> bool:
        """Whether the array has been changed since."""
        return checksum(self._lent) != self._checksum


def keep(arrays: list[Any], nodes: list[Any], places: int) -> None:
    """Put what a graph may keep in the places of the operands that are plain arrays, the bits of `places`."""
    for index in range(len(arrays)):
        if not places >> index & 1 or not isinstance(arrays[index], np.ndarray):
            continue
        size = arrays[index].nbytes
        if size > SMALL:
            file, count = sys._getframe(2).f_code.co_filename, sys.getrefcount(arrays[index])
            _counted[file] = count
            if count <= _held.get(file, 0) and _is_alone(arrays[index]):
                continue
        if size <= LARGE or _is_fixed(arrays[index]):
            arrays[index] = nodes[index] = _own(arrays[index])
        else:
            shape, dtype = arrays[index].shape, arrays[index].dtype
            nodes[index] = Node(None, (), {}, shape, dtype, user_frame(2), False, None)
            nodes[index].exposure = Lent(arrays[index])


def fixed(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an operation, with arrays and lists of their own in place of those that may be changed."""
    if all(type(value) in _FIXED for value in parameters.values()):
        return parameters
    return {name: _fixed(value) for name, value in parameters.items()}


def _fixed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _own(value)
    if type(value) in (list, tuple):
        return type(value)([_fixed(part) for part in value])
    if type(value) is slice:
        return slice(_fixed(value.start), _fixed(value.stop), _fixed(value.step))
    return {key: _fixed(part) for key, part in value.items()} if type(value) is dict else value


def _own(array: Any) -> Any:
    """An array of these values that never changes; while a graph holds one that was made of the same array, that one."""
    if _is_fixed(array):
        return array
    own = _copies.get(id(array)) if array.nbytes > SMALL else None
    if own is None or not same_values(own, array):
        own = np.array(array, order="K")
        own.setflags(write=False)
        if own.nbytes > SMALL:
            _copies[id(array)] = own
    return own


def _is_fixed(array: Any) -> bool:
    """Whether an array can't be written to, neither by itself nor through the one whose memory it shows."""
    return array.base is None and not array.flags.writeable


def _is_alone(array: Any) -> bool:
    """Whether the memory that a temporary shows is its own, or that of an array which nobody else holds."""
    base = array.base
    return base is None or (type(base) is np.ndarray and base.base is None and sys.getrefcount(base) <= _BASE_ALONE)


def _references_to_a_base() -> int:
    view = np.zeros(2)[:1]
    base = view.base
    return sys.getrefcount(base)


_BASE_ALONE = _references_to_a_base()


def learn_temporaries(t: Any) -> None:
    """Learn by trial how many references there are to a temporary on its way here from operators and NumPy's functions.

    Where the interpreter borrows references, so that an array with a name has no more of them, nothing is learned: what
    might be a temporary is then copied. `t` is a Tensor of SMALL elements that requires a gradient.
    """
    for operation in (operator.mul, np.multiply, np.dot):
        _counted.clear()
        operation(t, np.zeros(t.size))
        of_temporary = dict(_counted)
        named = np.zeros(t.size)
        operation(t, named)
        _held.update({file: count for file, count in of_temporary.items() if count < _counted[file]})


def checksum(array: Any) -> int:
    """A number that tells whether an array was changed, of all its bytes, a part at a time."""
    rows = np.atleast_1d(array.T if array.flags.f_contiguous else array)
    step = max(1, (1 << 20) * len(rows) // rows.nbytes)
    total = 0
    for start in range(0, len(rows), step):
        total = zlib.crc32(np.ascontiguousarray(rows[start : start + step]), total)
    return total
