"""Slow and plain: what rows of cases.py are compared with where NumPy has no such function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def dominant(x: Any) -> Any:
    """A matrix with a diagonal that outweighs the rest: it has an inverse, and is positive definite if symmetric."""
    n = x.shape[-1]
    return x + 3 * n * np.eye(n, dtype=x.dtype)


def far_apart(x: Any) -> Any:
    """A diagonal matrix, of x's size and dtype, of numbers that are far apart."""
    return np.diag(5.0 ** np.arange(x.shape[-1])).astype(x.dtype)


def convolved(x: Any, w: Any, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Any:
    """The convolution, a product at a time."""
    padded = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * (w.ndim - 2))
    lengths = zip(padded.shape[2:], w.shape[2:], strict=True)
    places = [(length - dilation * (size - 1) - 1) // stride + 1 for length, size in lengths]
    y = np.zeros((len(x), len(w), *places), x.dtype)
    for n, o, *p in np.ndindex(y.shape):
        for c, *k in np.ndindex(w.shape[1:]):
            channel = o // (len(w) // groups) * w.shape[1] + c
            seen = tuple(stride * place + dilation * offset for place, offset in zip(p, k, strict=True))
            y[(n, o, *p)] += w[(o, c, *k)] * padded[(n, channel, *seen)]
    return y


def convolved_back(g: Any, w: Any, lengths: tuple[int, ...], stride: int = 1, padding: int = 0) -> Any:
    """The transposed convolution, a product at a time."""
    x = np.zeros((len(g), w.shape[1], *lengths), g.dtype)
    for n, o, *p in np.ndindex(g.shape):
        for c, *k in np.ndindex(w.shape[1:]):
            there = tuple(stride * place + offset - padding for place, offset in zip(p, k, strict=True))
            if all(0 <= one < length for one, length in zip(there, lengths, strict=True)):
                x[(n, c, *there)] += w[(o, c, *k)] * g[(n, o, *p)]
    return x


def pooled(
    reduce: Callable[..., Any], x: Any, size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
) -> Any:
    """What `reduce` makes of the elements of each window that lie inside, a window at a time."""
    axes = len(size)
    lengths = zip(x.shape[-axes:], size, stride, padding, strict=True)
    places = [(length + 2 * end - window) // step + 1 for length, window, step, end in lengths]
    y = np.zeros((*x.shape[:-axes], *places), x.dtype)
    for p in np.ndindex(*places):
        starts = [step * place - end for place, step, end in zip(p, stride, padding, strict=True)]
        window = tuple(slice(max(start, 0), start + length) for start, length in zip(starts, size, strict=True))
        y[(..., *p)] = reduce(x[(..., *window)], axis=tuple(range(-axes, 0)))
    return y
