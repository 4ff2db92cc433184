"""Constants: the arrays that a function reads and that are neither given nor computed, as they were when it did."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...frames import user_place
from ..ir import Variable
from .refusals import OBJECTS, SUBCLASS, refusal


class Constants:
    """The arrays that one run of a function has met, and their variables."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Any, Variable]] = {}
        self.contents: dict[Variable, Any] = {}

    def variable(self, array: Any) -> Variable:
        """The variable of an array; another one where its contents are others by now."""
        known, variable = self.known.get(id(array), (None, None))
        if variable is None or not is_same(self.contents[variable], known):
            if np.asarray(array).dtype == object:
                raise refusal(OBJECTS, line=user_place())
            assert_plain_array(array)
            variable = Variable(np.shape(array), np.asarray(array).dtype, None, isinstance(array, np.ndarray))
            self.known[id(array)] = (array, variable)
            self.contents[variable] = array.copy()
        return variable

    def arrays(self) -> dict[Variable, Any]:
        """All of them, as they were when they were read: the function may have filled them anew since."""
        arrays = {variable: array for array, variable in self.known.values()}
        return {
            variable: arrays[variable] if is_same(contents, arrays.get(variable)) else contents
            for variable, contents in self.contents.items()
        }


def assert_plain_array(array: Any) -> None:
    """Raise CaptureError for an array whose class may give operators another meaning."""
    if isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap):
        raise refusal(SUBCLASS, kind=type(array).__name__, line=user_place())


def is_same(a: Any, b: Any) -> bool:
    """Whether two arrays have the same shape and elements: NaN beside NaN, but not -0 beside 0."""
    if np.shape(a) != np.shape(b) or np.asarray(a).dtype != np.asarray(b).dtype:
        return False
    if np.asarray(a).dtype.kind != "f":
        return bool(np.array_equal(a, b))
    return bool(np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a), np.signbit(b)))
