"""NumPy's sliding windows: every place of a window, its elements along new axes behind all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view as numpys

from ..primitive import implements
from .patches import patches


@implements(numpys)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Any:
    """What a window of this shape sees at each of its places along the axes; one axis may be given more than once."""
    size = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim, allow_duplicate=True)
    if len(size) != len(axes):
        raise ValueError(f"a window of shape {size} has another number of axes than axis={axes}")
    for length, along in zip(size, axes, strict=True):
        seen = patches(np.moveaxis(x, along, -1), size=(length,), stride=(1,), dilation=(1,))
        x = np.moveaxis(seen, (0, -1), (-1, along))
    return x
