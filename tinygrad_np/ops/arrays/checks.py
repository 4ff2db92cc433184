"""Checks of values: an error where they are such that there is no result."""

from __future__ import annotations

import warnings

import numpy as np

from ...primitive import primitive


@primitive
def checked(x, wrong, /, sentence: str, error: type[Exception] = ValueError):
    """x, if nothing is wrong with it: else an error with this sentence. A program that is compiled checks it too."""
    if np.any(wrong):
        raise error(sentence)
    return x


@checked.vjp(0)
def _(g, y, x, wrong, sentence: str, error: type[Exception] = ValueError):
    return g


def warn_if(condition, sentence: str) -> None:
    """Warn, as NumPy does, if the condition holds anywhere; that of a lazy array is not looked at."""
    values = getattr(condition, "_data", condition)
    if isinstance(values, np.ndarray | np.bool) and values.any():
        warnings.warn(sentence, RuntimeWarning, stacklevel=3)


def is_known(condition) -> bool:
    """Whether a condition can be checked: that of a lazy array is not looked at."""
    return isinstance(condition, np.bool) or hasattr(condition, "__primitive__")
