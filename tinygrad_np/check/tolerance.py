"""When are two gradients the same? Each element is judged by its relative error, at its own scale.

Two right gradients differ by rounding, and rounding is relative to what was added up, not to the sum: where large terms
cancel, the sum may be all noise. So a difference is allowed if it is

    at most half of the digits of the dtype, |value - reference| <= sqrt(eps) |reference|, or
    at most the noise that is known of that very element (see noise.py and numeric.py),

and NaN and infinity are right only where both have the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

ROUNDINGS = 64
"""How many roundings of the terms that were added up two right gradients may be apart."""

_UNDERFLOW = ((2.0**-10, 2.0**-22), (2.0**-23, 2.0**-126), (0.0, 2.0**-1022))
"""The eps of float16, float32 and float64, and the size below which numbers of each have few digits left."""


def precision(*dtypes: Any) -> float:
    """The eps of the coarsest floating dtype among these; what is not floating counts as float64.

    >>> precision("float64", "int64"), precision("float64", "float32")
    (2.220446049250313e-16, 1.1920928955078125e-07)
    """
    kinds = [np.dtype(dtype) for dtype in dtypes]
    return max((float(np.finfo(dtype).eps) for dtype in kinds if dtype.kind == "f"), default=2.0**-52)


class Judgement(NamedTuple):
    """What is to be said of each element: the absolute difference, the relative error, whether it is wrong."""

    difference: Any
    relative: Any
    wrong: Any

    @property
    def where(self) -> tuple[int, ...] | None:
        """The place of the largest relative error, of several the one with the largest difference; None if all are 0.

        If anything is wrong it is the place of a wrong element.
        """
        differing = self.wrong if self.wrong.any() else self.difference > 0
        if not differing.any():
            return None
        relative = np.where(differing, self.relative, -1.0)
        worst = np.where(relative == relative.max(), self.difference, -1.0)
        return tuple(int(i) for i in np.unravel_index(int(worst.argmax()), worst.shape))

    @property
    def largest_difference(self) -> float:
        """The largest absolute difference."""
        return float(self.difference.max(initial=0.0))

    @property
    def largest_relative(self) -> float:
        """The largest relative error."""
        return float(self.relative.max(initial=0.0))


def judge(value: Any, reference: Any, eps: float, noise: Any = 0.0, terms: Any = None) -> Judgement:
    """Compare two arrays of the same shape; `noise` is the absolute difference that is explained for each element.

    The relative error is |value - reference| / |reference|. Where noise explains the difference it is relative to the
    `terms` whose rounding is that noise, so that the sum of 1 and -1 does not look infinitely wrong for being 1e-16;
    or if these are not known, it is at most what is allowed.

    >>> judge(np.array([1.0, 2.0]), np.array([1.0, 4.0]), eps=2.0**-52).wrong
    array([False,  True])
    """
    value, reference = _wide(value), _wide(reference)
    with np.errstate(all="ignore"):
        same = (value == reference) | (np.isnan(value) & np.isnan(reference))
        difference = np.where(same, 0.0, np.abs(value - reference))
        difference = np.where(np.isnan(difference), np.inf, difference)
        size = np.abs(reference)
        explained = np.isfinite(difference) & (difference <= noise)
        underflow = next(size for coarse, size in _UNDERFLOW if eps >= coarse)
        close = np.isfinite(difference) & (difference <= np.sqrt(eps) * size + underflow)
        wrong = ~(same | explained | close)
        relative = np.where(same, 0.0, difference / size)
        small = np.sqrt(eps) if terms is None else difference / terms
        relative = np.where(explained, np.fmin(relative, small), relative)
        relative = np.where(np.isnan(relative), np.inf, relative)
    return Judgement(difference, relative, wrong)


def _wide(array: Any) -> Any:
    array = np.asarray(array)
    return array.astype(np.result_type(array.dtype, np.float64))
