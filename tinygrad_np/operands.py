"""Operands: what a graph keeps of the plain arrays that an operation was given, which their owner may change later.

    y = (A * x).sum(); A[:] = 7; y.backward()        x.grad is what A was when it was read

A gradient rule that reads an operand gets the values of then. What that costs depends on the array:

- nothing, if nobody else can reach it: a temporary as in `np.cos(a) * x`, or an array that owns its memory and is
  promised to stay, by `X.setflags(write=False)`; numbers and constant Tensors cost nothing either;
- a copy, if it is at most LARGE bytes; operations that read the same array share one;
- two checksums, if it is larger: the array itself is kept, and a backward pass that would read it after it was changed
  raises ChangedValueError.
"""

from __future__ import annotations

import dis
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .exposure import Exposure, same_values
from .frames import user_frame
from .graph import Node
from .instructions import is_operation

SMALL = 1 << 15
"""Up to so many bytes a copy costs no more than to find out whether it is needed."""

LARGE = 1 << 22
"""An array of more bytes is not copied."""

WIDTH = 1021
"""The length of the rows in which a large array is added up: odd, or to change every sign would add up to nothing."""

MOST_COPIES = 1000
"""So many copies are remembered, to be shared."""

FIXED = frozenset({int, float, bool, str, type(None), type})
"""Types of parameters that nobody can change."""

_ndarray = np.ndarray

_copies: dict[int, weakref.ref[Any]] = {}
_alone: dict[int, int] = {}
_counted: dict[int, int] = {}


class Lent(Exposure):
    """What the user can reach of a large array that a graph reads in place: all of it."""

    __slots__ = ("_checksum",)

    what = "an array"

    def __init__(self, array: Any) -> None:
        super().__init__()
        self.array = array
        self._checksum = checksum(array)

    def is_stale(self, number: int) -> bool:
        """Whether the array has been changed since."""
        return checksum(self.array) != self._checksum


def keep(arrays: list[Any], nodes: list[Any], indices: tuple[int, ...], inputs: tuple[Any, ...]) -> bool:
    """Put what a graph may keep in the places of those operands that are plain arrays, and not those of Tensors.

    `nodes`, which say whose values they were, keep the arrays themselves; one that is lent gets a node. Returns whether
    one is.
    """
    is_lent = False
    for index in indices:
        array = arrays[index]
        if array is not inputs[index] or not isinstance(array, _ndarray):
            continue
        if array.nbytes <= SMALL:
            arrays[index] = array.copy("K")
        elif not _is_temporary(sys.getrefcount(array), array.base):
            if array.nbytes <= LARGE or _is_fixed(array):
                arrays[index] = _own(array)
            else:
                nodes[index] = _lent(array)
                is_lent = True
    return is_lent


def fixed(value: Any) -> Any:
    """A parameter of an operation, with arrays and lists of its own in place of those that may be changed."""
    if isinstance(value, np.ndarray):
        return _own(value)
    if type(value) in (list, tuple):
        return type(value)([fixed(part) for part in value])
    if type(value) is slice:
        return slice(fixed(value.start), fixed(value.stop), fixed(value.step))
    return {key: fixed(part) for key, part in value.items()} if type(value) is dict else value


def _own(array: Any) -> Any:
    """An array of these values that never changes: a copy, which all graphs share that read the same array."""
    if _is_fixed(array):
        return array
    made = _copies.get(id(array))
    own = made() if made is not None else None
    if own is None or not same_values(own, array):
        own = array.copy("K")
        own.setflags(write=False)
        if len(_copies) >= MOST_COPIES:
            _copies.clear()
        _copies[id(array)] = weakref.ref(own)
    return own


def _lent(array: Any) -> Node:
    """A constant leaf that is this array itself; a backward pass notices when it was changed."""
    node = Node(None, (), {}, array.shape, array.dtype, user_frame(3), False, None)
    node.exposure = Lent(array)
    return node


def _is_fixed(array: Any) -> bool:
    """Whether an array can't be written to, neither by itself nor through the one whose memory it shows."""
    return array.base is None and not array.flags.writeable


def _is_temporary(count: int, base: Any) -> bool:
    """Whether so many references to an operand are those of a temporary, whose memory nobody else holds either."""
    door = sys._getframe(3)
    key = id(door.f_code)
    _counted[key] = count
    return (
        count <= _alone.get(key, 0)
        and (base is None or (type(base) is np.ndarray and base.base is None and sys.getrefcount(base) <= _BASE_ALONE))
        and door.f_back is not None
        and is_operation(door.f_back)
    )


def _references_to_a_base() -> int:
    view = np.zeros(2)[:1]
    return _references(sys.getrefcount(view), view.base)


def _references(_: int, base: Any) -> int:
    return sys.getrefcount(base)


_BASE_ALONE = _references_to_a_base()


def learn_temporaries(t: Any) -> None:
    """Learn by trial how many references there are to a temporary on its way here, through each function of ours.

    Where the interpreter borrows references, an array with a name may have no more of them than a temporary: then
    nothing is learned, and what might be a temporary is copied. `t` is a Tensor that requires a gradient, of more
    than SMALL bytes.
    """
    if "LOAD_FAST_BORROW" in dis.opmap:  # Python 3.14 and later.
        return
    n = t.size
    trials: tuple[tuple[Callable[[], Any], Callable[[], Any]], ...] = (
        (lambda: t * np.zeros(n), lambda: (a := np.zeros(n), t * a)),
        (lambda: np.zeros(n) * t, lambda: (a := np.zeros(n), a * t)),
        (lambda: np.zeros(n) @ t, lambda: (a := np.zeros(n), a @ t)),
        (lambda: np.multiply(t, np.zeros(n)), lambda: (a := np.zeros(n), np.multiply(t, a))),
        (lambda: np.dot(t, np.zeros(n)), lambda: (a := np.zeros(n), np.dot(t, a))),
        (lambda: np.dot(np.zeros(n), t), lambda: (a := np.zeros(n), np.dot(a, t))),
    )
    counts: list[dict[int, int]] = []
    for trial in (trial for pair in trials for trial in pair):
        _counted.clear()
        trial()
        counts.append(dict(_counted))
    for key in {key for counted in counts for key in counted}:
        temporary, named = (min(found[key] for found in kind if key in found) for kind in (counts[::2], counts[1::2]))
        if temporary < named:
            _alone[key] = temporary


def checksum(array: Any) -> bytes:
    """What tells whether an array was changed: the sums of its bits, taken as whole numbers, by rows and by columns.

    One element that changes changes two sums, two that change places at least two; it is read at memory's speed.
    """
    flat = array.ravel("K")
    words = flat.view(f"u{flat.itemsize}") if flat.itemsize in (1, 2, 4, 8) else flat.view(np.uint8)
    rows = words[: len(words) // WIDTH * WIDTH].reshape(-1, WIDTH)
    rest = words[rows.size :]
    return b"".join(np.ascontiguousarray(part).tobytes() for part in (rows.sum(axis=0), rows.sum(axis=1), rest))
