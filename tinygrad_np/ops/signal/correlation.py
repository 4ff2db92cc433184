"""np.convolve and np.correlate: two rows of numbers, one passing over the other."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import array_of


@primitive(name="convolve")
def convolved(a, v, /, mode: Literal["full", "valid"] = "full"):
    """y[k] = sum over i of a[i] v[k - i], wherever the two rows overlap; or "valid", where v lies within a."""
    return np.convolve(a, v, mode)


@convolved.vjp(0)
def _(g, y, a, v, mode: str = "full"):
    # dL/da[i] = sum over k of g[k] v[k - i]: v turned round passes over g, and lies within it where y was full.
    return np.convolve(g, v[::-1], "valid" if mode == "full" else "full")


@convolved.vjp(1)
def _(g, y, a, v, mode: str = "full"):
    return np.convolve(g, a[::-1], "valid") if mode == "full" else np.convolve(a[::-1], g, "valid")


@implements(np.convolve)
def convolve(a, v, mode: str = "full"):
    """The convolution "full", wherever the rows overlap; its "same" middle part; or "valid", where one lies within."""
    a, v = _row(a), _row(v)
    longer, shorter = max(a.size, v.size), min(a.size, v.size)
    if mode == "valid":
        return convolved(a, v, mode) if a.size >= v.size else convolved(v, a, mode)
    full = convolved(a, v)
    if mode == "full":
        return full
    if mode == "same":
        return full[(shorter - 1) // 2 : (shorter - 1) // 2 + longer]
    raise ValueError(f'mode={mode!r}: there are "full", "same" and "valid"')


@implements(np.correlate)
def correlate(a, v, mode: str = "valid"):
    """y[k] = sum over i of a[i + k] v[i]: the convolution with v turned round."""
    a, v = _row(a), _row(v)
    # The middle of an even number of places is left or right of the true one, as the longer row sees it.
    return convolve(a, v[::-1], mode) if a.size >= v.size else convolve(v, a[::-1], mode)[::-1]


def _row(x):
    x = array_of(x)
    if x.ndim > 1:
        raise ValueError(f"an array of shape {x.shape} is not one row of numbers")
    return x.reshape(x.size)
