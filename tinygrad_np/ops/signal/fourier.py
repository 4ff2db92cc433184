"""Fourier transforms, as far as real numbers go in and come out.

`irfft`, `irfft2`, `irfftn` and `hfft` of real coefficients are sums of cosines; `fftshift` and `ifftshift` move
elements. The other transforms give complex numbers, which a Tensor does not hold: they are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...primitive import implements, primitive

OTHER_WAY: dict[Any, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The transform's `norm` that scales as a `norm` of the inverse: it says which of them is divided by n."""


@primitive(name="irfftn")
def cosine_sums(a, /, s: Sequence[int] | None, axes: tuple[int, ...], norm):
    """The real array of which `a` is the Fourier transform: along the last of the axes, its first half."""
    return np.fft.irfftn(a, s, axes, norm)


@cosine_sums.vjp
def _(g, y, a, s: Sequence[int] | None, axes: tuple[int, ...], norm):
    return cosine_coefficients(g, shape=a.shape, axes=axes, norm=norm)


@primitive
def cosine_coefficients(x, /, shape: tuple[int, ...], axes: tuple[int, ...], norm):
    """The transpose of `cosine_sums`: real parts of the transform of x, cropped or filled with zeros to this shape.

    Along the last of the axes a coefficient counts twice, for its mirror image too; but the first, and the middle one
    of an even number, are their own.
    """
    length = x.shape[axes[-1]]
    frequency = np.arange(length // 2 + 1).reshape([-1 if axis == axes[-1] else 1 for axis in range(x.ndim)])
    counted = np.where((frequency == 0) | (2 * frequency == length), 1, 2)
    coefficients = counted * np.fft.rfftn(x, axes=axes, norm=OTHER_WAY[norm]).real
    result = np.zeros(shape, x.dtype)
    common = tuple(slice(min(lengths)) for lengths in zip(shape, coefficients.shape, strict=True))
    result[common] = coefficients[common]
    return result


@cosine_coefficients.vjp
def _(g, y, x, shape: tuple[int, ...], axes: tuple[int, ...], norm):
    return cosine_sums(g, s=[x.shape[axis] for axis in axes], axes=axes, norm=norm)


@implements(np.fft.irfftn)
def irfftn(a, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm=None):
    """The inverse transform along several axes, of real coefficients, to a real array."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    return cosine_sums(a, s=s, axes=normalize_axis_tuple(axes, a.ndim), norm=norm)


@implements(np.fft.irfft2)
def irfft2(a, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm=None):
    """The inverse transform along two axes, of real coefficients, to a real array."""
    return irfftn(a, s, axes, norm)


@implements(np.fft.irfft)
def irfft(a, n: int | None = None, axis: int = -1, norm=None):
    """The inverse transform along an axis, of real coefficients, to n real numbers."""
    if n is not None and n < 1:
        raise ValueError(f"n={n}: a transform gives one number at least")
    return irfftn(a, None if n is None else (n,), (axis,), norm)


@implements(np.fft.hfft)
def hfft(a, n: int | None = None, axis: int = -1, norm=None):
    """The transform of a signal of Hermitian symmetry, given its first half: irfft, scaled the other way."""
    return irfft(a, n, axis, OTHER_WAY.get(norm, norm))


@implements(np.fft.fftshift)
def fftshift(x, axes: int | Sequence[int] | None = None):
    """With the frequency 0 moved to the middle of the axes."""
    return _rolled(x, axes, 1)


@implements(np.fft.ifftshift)
def ifftshift(x, axes: int | Sequence[int] | None = None):
    """With the frequency 0 moved from the middle of the axes back to the start."""
    return _rolled(x, axes, -1)


def _rolled(x, axes: int | Sequence[int] | None, direction: int):
    along = normalize_axis_tuple(range(x.ndim) if axes is None else axes, x.ndim)
    return np.roll(x, [direction * (x.shape[axis] // 2) for axis in along], along)


@implements(
    np.fft.fft, np.fft.ifft, np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn,
    np.fft.rfft, np.fft.rfft2, np.fft.rfftn, np.fft.ihfft,
)  # fmt: skip
def complex_transform(a, /, n=None, axis=None, s=None, axes=None, norm=None) -> NoReturn:
    """The transforms that give complex numbers."""
    raise TypeError(
        "it gives complex numbers, which a Tensor does not hold; write it as two real products, with the matrices of "
        "the cosines and of the sines of 2 pi j k / n"
    )
