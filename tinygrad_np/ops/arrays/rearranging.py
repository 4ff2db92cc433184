"""Elements at other places, or several times: flipped, rotated, rolled, repeated."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ...primitive import implements, primitive
from .picking import along, axis_or_all
from .shape import array_of


@implements(np.flip)
def flip(m, axis: int | tuple[int, ...] | None = None):
    """The order of the elements reversed, along an axis, several, or all."""
    axes = range(m.ndim) if axis is None else normalize_axis_tuple(axis, m.ndim)
    return m[tuple(slice(None, None, -1 if one in axes else None) for one in range(m.ndim))]


@implements(np.flipud)
def flipud(m):
    """The first axis reversed."""
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m):
    """The second axis reversed."""
    return flip(m, 1)


@implements(np.rot90)
def rot90(m, k: int = 1, axes: Sequence[int] = (0, 1)):
    """Turned k times by 90 degrees in the plane of two axes, from the first towards the second."""
    if len(axes) != 2:
        raise ValueError("a plane has two axes")
    first, second = normalize_axis_tuple(tuple(axes), m.ndim)
    k = operator.index(k)
    if k % 2 == 0:
        return flip(m, (first, second) if k % 4 else ())
    if k % 4 == 1:
        return np.swapaxes(flip(m, second), first, second)
    return flip(np.swapaxes(m, first, second), second)


@primitive(name="roll")
def rolled(x, /, shift, axis=None):
    """Each element `shift` places further along an axis, or among all; those beyond the end start again in front."""
    return np.roll(x, shift, axis)


@rolled.vjp
def _(g, y, x, shift, axis=None):
    return rolled(g, shift=np.negative(shift), axis=axis)


@implements(np.roll)
def roll(a, shift, axis=None):
    """Each element `shift` places further, along an axis, several, or among all elements."""
    return rolled(a, shift=np.array(shift).astype(np.intp), axis=axis)


@implements(np.repeat)
def repeat(a, repeats, axis: int | None = None):
    """Each element along an axis so many times in a row; all the same number of times, or each its own."""
    x, axis = axis_or_all(a, axis)
    repeats = np.asarray(repeats)
    if repeats.size != 1:
        return x[along(axis, np.repeat(np.arange(x.shape[axis]), repeats))]
    if repeats.item() < 0 or repeats.dtype.kind not in "biu":
        raise ValueError(f"an element can't be repeated {repeats.item()} times")
    before, length, behind = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    times = int(repeats.item())
    copies = np.broadcast_to(x.reshape((*before, length, 1, *behind)), (*before, length, times, *behind))
    return copies.reshape((*before, length * times, *behind))


@implements(np.tile)
def tile(A, reps):
    """The whole array so many times along each of its axes, or of new ones in front."""
    A, counts = array_of(A), tuple(np.atleast_1d(reps).tolist())
    shape = (1,) * (len(counts) - A.ndim) + A.shape
    counts = (1,) * (len(shape) - len(counts)) + counts
    # A new axis before each is repeated, and joined with it.
    single = [length for one in shape for length in (1, one)]
    repeated = [length for pair in zip(counts, shape, strict=True) for length in pair]
    copies = np.broadcast_to(A.reshape(single), repeated)
    return copies.reshape([count * length for count, length in zip(counts, shape, strict=True)])


@implements(np.resize)
def resize(a, new_shape):
    """The elements in another shape, over and over until it is full."""
    x = array_of(a).reshape(-1)
    places = np.arange(np.zeros(new_shape, bool).size)
    return x[places % x.size].reshape(new_shape) if x.size else np.zeros(new_shape, x.dtype)
