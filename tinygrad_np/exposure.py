"""Exposure: notice that a value was changed between the forward pass that read it and the backward pass.

A graph never saves an array that the user can reach. When `t.data` hands out an array that a graph may be reading, the
user gets a copy of it, which from then on is the tensor's value; when a tensor whose array was handed out is read by a
forward pass, the graph gets the copy. The backward pass then compares the two: what differs was changed.
"""

from __future__ import annotations

import itertools
import sys
import threading
from typing import Any

import numpy as np

clock = itertools.count(1)
"""Numbers nodes, and the changes of values between them: who has the smaller number came first."""

_lock = threading.Lock()


class _Exposed:
    """`until`: only nodes made before this time may have read what was changed since, or what can still be changed."""

    until = 0


exposed = _Exposed()


def expose() -> None:
    """Note that a value which nodes made before now have read was changed, or may be from now on."""
    with _lock:
        exposed.until = next(clock)


class Exposure:
    """What the user can reach of one tensor's value.

    `array` was handed out and may change at any time (None: nothing is out); `copy` is what a graph read of it
    (None: no graph did); `changed_at` is the time of the last change that is known.
    """

    __slots__ = ("array", "changed_at", "copy")

    what = "a tensor"

    def __init__(self) -> None:
        self.array: Any = None
        self.copy: Any = None
        self.changed_at = 0

    def hand_out(self, array: Any, in_use: bool) -> Any:
        """The array to give to the user: this one, or a copy of it if a graph may be reading it."""
        if self.array is None:
            if in_use:
                expose()
            self.copy = array if in_use else None
            self.array = array.copy() if in_use else array
        return self.array

    def replaced(self, still_out: Any) -> None:
        """The tensor has a new value; `still_out` is that value's array if the user still holds it, else None."""
        self.copy, self.array = None, still_out
        with _lock:
            exposed.until = self.changed_at = next(clock)

    def read(self, tensor: Any) -> Any:
        """What a graph may keep of the tensor's array: itself, if nobody else holds it by now, or else a copy of it."""
        with _lock:
            if self.array is not None:
                if self._changed():
                    self.changed_at = next(clock)
                    self.copy = None
                if sys.getrefcount(self.array) > ALONE + 1:
                    if self.copy is None:
                        self.copy = self.array.copy()
                    return self.copy
                self.array = self.copy = None
            return tensor._data

    def is_stale(self, number: int) -> bool:
        """Whether what the node of this number read has been changed since."""
        return number < self.changed_at or self._changed()

    def _changed(self) -> bool:
        return self.array is not None and self.copy is not None and not same_values(self.array, self.copy)


def same_values(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape, dtype and bits: NaN is the same as NaN, 0.0 another than -0.0."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    bits = _BITS.get(a.dtype.itemsize)
    return bool(np.array_equal(a.view(bits), b.view(bits)) if bits else np.array_equal(a, b, equal_nan=True))


_BITS = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


class _Holder:
    """A slot and a property as Tensor has them, to see how many references count as none but the tensor's own."""

    __slots__ = ("_array", "_data", "count")

    def __init__(self) -> None:
        self._data = self._array = np.zeros(1)

    @property
    def data(self) -> Any:
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self.count = sys.getrefcount(value)


_holder = _Holder()
_holder.data -= 1

ALONE = sys.getrefcount(_holder._data) - 1
"""The reference count of a slot's value that nobody else holds."""

ALONE_IN_SETTER = _holder.count
"""The reference count of the value in `t.data -= a`, held by tensor and exposure, that nobody else holds."""
