"""What a picture says of an array: a few numbers in full, of many the range, the norm, and a strip of colour.

>>> numbers([np.array([0.5, -1.0])]).cells
(('0.5', '-1'),)
>>> numbers([np.linspace(-1, 1, 50)]).range
'-1 … 1'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FEW_ROWS, FEW_COLUMNS = 3, 4
"""An array of no more rows and columns is written in full."""

STRIP = 12
"""The number of colours in a strip."""


@dataclass(frozen=True)
class Numbers:
    """An array in a few words.

    Attributes: `shape`; `value`, if it is one number; `low`, `high` and `norm` of what is finite; `zero`, whether all
    is 0; `unusual`, how many are NaN or infinite, of `size`; `cells`, the rows in full of a small array; `strip`, means
    of equal parts of a large one, from 0 for the lowest to 1 for the highest.
    """

    shape: tuple[int, ...]
    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    norm: float = 0.0
    zero: bool = False
    unusual: int = 0
    size: int = 0
    cells: tuple[tuple[str, ...], ...] = ()
    strip: tuple[float, ...] = ()

    @property
    def range(self) -> str:
        """Lowest and highest number."""
        low, high = f"{self.low + 0.0:.3g}", f"{self.high + 0.0:.3g}"
        return low if low == high else f"{low} … {high}"


def numbers(arrays: Sequence[Any]) -> Numbers | None:
    """The numbers of an array, or of several that are drawn as one; None of what is lazy, which is not looked at."""
    if not arrays or not all(isinstance(array, np.ndarray | np.generic) for array in arrays):
        return None
    first = np.asarray(arrays[0])
    flat = first.ravel() if len(arrays) == 1 else np.concatenate([np.ravel(array) for array in arrays])
    flat = flat.astype(np.float64, copy=False)
    finite = flat[np.isfinite(flat)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    peak = max(abs(low), abs(high))
    with np.errstate(all="ignore"):
        norm = peak * float(np.linalg.norm(finite / peak)) if peak else 0.0
    return Numbers(
        first.shape,
        first.item() if flat.size == 1 else None,
        low,
        high,
        norm,
        bool(flat.size) and not flat.any(),
        flat.size - finite.size,
        flat.size,
        _cells(first) if len(arrays) == 1 else (),
        _strip(flat, low, high) if flat.size > FEW_COLUMNS else (),
    )


def _cells(array: Any) -> tuple[tuple[str, ...], ...]:
    rows = np.atleast_2d(array)
    if not array.ndim or rows.ndim > 2 or not array.size or rows.shape[0] > FEW_ROWS or rows.shape[1] > FEW_COLUMNS:
        return ()
    return tuple(tuple(number(float(cell)) for cell in row) for row in rows)


def _strip(flat: Any, low: float, high: float) -> tuple[float, ...]:
    parts = np.array_split(flat, min(STRIP, flat.size))
    span = high - low
    if not math.isfinite(span) or not span:
        return (0.5,) * len(parts)
    return tuple(round((float(part[np.isfinite(part)].mean()) - low) / span, 2) for part in parts if _any_finite(part))


def _any_finite(part: Any) -> bool:
    return bool(np.isfinite(part).any())


def number(value: float) -> str:
    """A value to four digits."""
    return f"{value:.4g}"
