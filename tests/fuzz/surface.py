"""Random calls of NumPy's functions: each entry draws arrays and options, and says what is computed of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.fuzz.drawing import Draw


class Call(NamedTuple):
    """A function of arrays, and those that it is differentiated in."""

    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    order: int = 2
    """How often it can be derived."""


Entry = Callable[[Draw], Call]
ENTRIES: dict[str, Entry] = {}


def entry(function: Entry) -> Entry:
    """Keep an entry by its name."""
    ENTRIES[function.__name__] = function
    return function


def of_two(function: Any, first: tuple[float, float], second: tuple[float, float]) -> Entry:
    """An entry of a function of two operands that broadcast, of which the second or the first may be data."""

    def drawn(d: Draw) -> Call:
        shape = d.shape()
        a, b = d.array(shape, *first), d.array(d.beside(shape), *second)
        kind = d.integer(0, 2)
        if kind == 0:
            return Call(function, (a, b))
        if kind == 1:
            data = d.other(d.beside(shape), *second)
            return Call(lambda a: function(a, data), (a,))
        data = d.other(d.beside(shape), *first)
        return Call(lambda b: function(data, b), (b,))

    return drawn


REAL, POSITIVE, UNIT = (-2.0, 2.0), (0.3, 3.0), (-0.9, 0.9)

for _function, _first, _second in (
    (np.add, REAL, REAL),
    (np.subtract, REAL, REAL),
    (np.multiply, REAL, REAL),
    (np.divide, REAL, POSITIVE),
    (np.power, POSITIVE, REAL),
    (np.float_power, POSITIVE, REAL),
    (np.maximum, REAL, REAL),
    (np.minimum, REAL, REAL),
    (np.fmax, REAL, REAL),
    (np.fmin, REAL, REAL),
    (np.hypot, REAL, POSITIVE),
    (np.arctan2, REAL, POSITIVE),
    (np.logaddexp, REAL, REAL),
    (np.logaddexp2, REAL, REAL),
    (np.copysign, POSITIVE, POSITIVE),
    (np.heaviside, POSITIVE, REAL),
    (np.fmod, POSITIVE, (0.9, 3.0)),
    (np.remainder, POSITIVE, (0.9, 3.0)),
):
    ENTRIES[_function.__name__] = of_two(_function, _first, _second)


@entry
def power_of_negatives(d: Draw) -> Call:
    shape = d.shape()
    exponents = d.random.integers(0, 5, d.beside(shape)).astype(d.one_of(np.uint8, np.int8, np.uint64))
    return Call(lambda a: a**exponents, (d.array(shape, -3, -0.3),))


def of_one(function: Any, low: float, high: float) -> Entry:
    """An entry of a function of one operand."""
    return lambda d: Call(function, (d.array(d.shape(), low, high),))


for _function, _low, _high in (
    (np.exp, -2, 2), (np.log, 0.3, 3), (np.sqrt, 0.3, 3), (np.cbrt, 0.3, 3), (np.sin, -2, 2), (np.tanh, -2, 2),
    (np.arcsin, -0.9, 0.9), (np.arccosh, 1.2, 4), (np.arctanh, -0.9, 0.9), (np.log1p, -0.6, 2), (np.expm1, -2, 2),
    (np.exp2, -2, 2), (np.log2, 0.3, 3), (np.log10, 0.3, 3), (np.square, -2, 2), (np.abs, 0.3, 3), (np.sinc, -2, 2),
    (np.i0, 0.2, 3), (np.reciprocal, 0.3, 3), (np.deg2rad, -2, 2), (np.nan_to_num, -2, 2), (np.sort, -2, 2),
    (np.unwrap, -2, 2), (np.atleast_3d, -2, 2), (np.ravel, -2, 2), (np.cosh, -2, 2), (np.trim_zeros, 0.3, 3),
):  # fmt: skip
    ENTRIES[_function.__name__] = of_one(_function, _low, _high)


# Reductions.


@entry
def reductions(d: Draw) -> Call:
    x = d.array(d.shape(), 0.3, 2.0)
    function = d.one_of(np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.ptp, np.median)
    options: dict[str, Any] = {"axis": d.axis(x.ndim)}
    if d.chance(0.5):
        options["keepdims"] = d.chance(0.5)
    if function in (np.var, np.std) and d.chance(0.4):
        options["ddof" if d.chance(0.5) else "correction"] = d.one_of(0, 1, 0.5, np.int8(1))
    if function in (np.sum, np.mean, np.prod, np.var, np.std) and d.chance(0.4):
        options["where"] = d.mask(d.beside(x.shape))
    if function in (np.max, np.min, np.sum, np.prod) and d.chance(0.3):
        options["initial"] = d.one_of(1.1, 2, np.float32(0.7), np.int8(1))
        if function in (np.max, np.min) and d.chance(0.5):
            options["where"] = d.mask(x.shape)
    if function in (np.sum, np.mean, np.prod) and d.chance(0.2):
        options["dtype"] = d.one_of(np.float32, np.float64)
    return Call(lambda x: function(x, **options), (x,))


@entry
def reductions_without_nan(d: Draw) -> Call:
    x = d.array(d.shape(), 0.3, 2.0)
    function = d.one_of(np.nansum, np.nanmean, np.nanprod, np.nanmax, np.nanmin, np.nanvar, np.nanstd, np.nanmedian)
    missing = ~d.mask(x.shape) if d.chance(0.6) else np.zeros(x.shape, bool)
    options: dict[str, Any] = {"axis": d.axis(x.ndim), "keepdims": d.chance(0.5)}
    if function in (np.nanvar, np.nanstd) and d.chance(0.4):
        options["ddof"] = d.one_of(0, 1)
    return Call(lambda x: function(np.where(missing, np.array(np.nan, x.dtype), x), **options), (x,))


@entry
def quantiles(d: Draw) -> Call:
    x = d.array(d.shape(1, 3, empty=False))
    function = d.one_of(np.quantile, np.nanquantile, np.percentile, np.nanpercentile)
    q = d.one_of(0.3, 0.75, np.array([0.1, 0.6]), np.array([[0.2, 0.4, 0.9]]), np.float32(0.3))
    if function in (np.percentile, np.nanpercentile):
        q = d.one_of(30, 75, np.array([10, 60], np.int16), np.array([[20.0], [90.0]]))
    missing = ~d.mask(x.shape) if function in (np.nanquantile, np.nanpercentile) else np.zeros(x.shape, bool)
    # NumPy's nanquantile mixes up several axes of q and of x, and is refused there.
    several = np.ndim(q) < 2 or function in (np.quantile, np.percentile)
    options = {"axis": d.axis(x.ndim, several=several), "keepdims": d.chance(0.5)}
    if d.chance(0.3):
        options["method"] = d.one_of("lower", "higher", "midpoint", "hazen", "weibull", "median_unbiased")
    return Call(lambda x: function(np.where(missing, np.array(np.nan, x.dtype), x), q, **options), (x,))


@entry
def cumulative(d: Draw) -> Call:
    x = d.array(d.shape(), 0.5, 1.5)
    function = d.one_of(np.cumsum, np.cumprod, np.nancumsum, np.nancumprod)
    axis = d.axis(x.ndim, several=False)
    return Call(lambda x: function(x, axis=axis), (x,))


@entry
def averages(d: Draw) -> Call:
    x = d.array(d.shape(1, 3, empty=False), 0.3, 2.0)
    axis = d.axis(x.ndim, several=False)
    shape = x.shape if axis is None or d.chance(0.3) else (x.shape[axis],)
    returned, keepdims = d.chance(0.3), d.chance(0.3)
    dtype = d.one_of(np.float16, np.float32, np.float64, np.int8, np.uint8, np.int64)
    weights = (d.random.uniform(1, 4, shape) * d.one_of(1, 30 if np.dtype(dtype).kind != "f" else 1)).astype(dtype)
    data = d.one_of(None, np.dtype(np.int8), np.dtype(np.uint8))

    def f(x: Any, weights: Any = weights) -> Any:
        result = np.average(x, axis, weights, returned, keepdims=keepdims)
        return result[0] * result[1] if returned else result

    if data is not None:
        values = (x * 50).astype(data)
        return Call(lambda w: f(values, w), (d.array(shape, 0.5, 2.0),))
    return Call(f, (x, d.array(shape, 0.5, 2.0)) if d.chance(0.5) else (x,))


@entry
def covariances(d: Draw) -> Call:
    x = d.array((d.integer(1, 3), d.integer(1, 4)))
    options: dict[str, Any] = {"rowvar": d.chance(0.6)}
    number = x.shape[1] if options["rowvar"] else x.shape[0]
    if d.chance(0.4):
        options["bias"] = True
    if d.chance(0.3):
        options["fweights"] = d.random.integers(1, 4, number).astype(d.one_of(np.int8, np.int64))
    if d.chance(0.3):
        options["aweights"] = d.random.uniform(1, 2, number).astype(d.one_of(np.float16, np.float64))
    return Call(lambda x: np.cov(x, **options), (x,))


@entry
def norms(d: Draw) -> Call:
    x = d.array(d.shape(1, 3, empty=False))
    order = d.one_of(None, None, 1, 2, 3, 2.5, 4, np.inf, -np.inf, 0)
    axis = d.axis(x.ndim, several=False)
    if axis is None:
        order = None
    if x.ndim > 1 and axis is None and d.chance(0.4):
        axis, order = (0, x.ndim - 1), d.one_of(None, "fro", 1, -1, np.inf, -np.inf)
    keepdims = d.chance(0.4)
    return Call(lambda x: np.linalg.norm(x, order, axis, keepdims), (x,))


# Shapes and places.


@entry
def rearranged(d: Draw) -> Call:
    x = d.array(d.shape(1, 3))
    axis = d.axis(x.ndim, several=False)
    one = d.axis(x.ndim, several=False, none=False)
    narrow = d.one_of(int, np.int8, np.uint8, np.uint64)
    k = narrow(d.integer(0, 2))
    length = x.shape[one]
    border, whole = d.one_of(0, 2.5), d.one_of(np.int8, np.uint8, np.int64)
    places = d.random.integers(0, max(length, 1), d.shape(0, 2, empty=False)).astype(whole)
    counts = d.random.integers(0, 3, length).astype(d.one_of(np.uint8, np.int64))
    choices: list[Callable[[Any], Any]] = [
        lambda x: np.roll(x, k, axis),
        lambda x: np.roll(x, (k, 1), (one, 0)),
        lambda x: np.flip(x, axis),
        lambda x: np.repeat(x, k, one),
        lambda x: np.repeat(x, counts, one),
        lambda x: np.tile(x, (2, 1)),
        lambda x: np.moveaxis(x, one, 0),
        lambda x: np.diff(x, axis=one),
        lambda x: np.diff(x, axis=one, prepend=1.5),
        lambda x: np.take(x, places, one) if length else x,
        lambda x: np.pad(x, 1, constant_values=border),
        lambda x: np.pad(x, ((1, 2),) * x.ndim, "edge") if x.size else x,
        lambda x: np.pad(x, int(k), "linear_ramp", end_values=1) if x.size else x,
        lambda x: np.resize(x, (2, 3)),
        lambda x: np.insert(x, 0, 1.5, one),
        lambda x: np.append(x, 1.5),
        lambda x: np.ediff1d(x, to_end=np.ones(1, x.dtype)),
        lambda x: np.delete(x, 0, one) if length else x,
        lambda x: np.broadcast_to(x, (2, *x.shape)),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.squeeze(x),
        lambda x: np.compress([True], x, one) if length else x,
        lambda x: x[..., ::-1],
        lambda x: x[places] if x.shape[0] == length else x,
        lambda x: np.array_split(x, narrow(2), one)[0],
        lambda x: np.concatenate([x, x[:1]]),
        lambda x: np.stack([x, 2 * x], one),
    ]  # fmt: skip
    return Call(d.one_of(*choices), (x,))


@entry
def matrices(d: Draw) -> Call:
    shape = d.shape(1, 2)
    x = d.array(shape)
    k = d.one_of(int, np.int8, np.uint8)(d.integer(0, 1))
    functions: list[Callable[[Any], Any]] = [
        lambda x: np.diag(x, k), lambda x: np.diagflat(x, k), lambda x: np.tril(x, k), lambda x: np.triu(x, k),
        lambda x: np.trace(x, k) if x.ndim > 1 else x, lambda x: np.diagonal(x, k) if x.ndim > 1 else x,
        lambda x: np.vander(x, 3) if x.ndim == 1 else x, lambda x: np.rot90(x, k) if x.ndim > 1 else x,
    ]  # fmt: skip
    return Call(d.one_of(*functions), (x,))


@entry
def joined(d: Draw) -> Call:
    shape = d.shape(1, 2)
    x, other = d.array(shape), d.array(shape, dtype=d.one_of(np.float16, np.float32, np.float64))
    number = d.one_of(1, 2.5, np.float32(1), np.int8(3))
    whole = d.random.integers(0, 3, shape).astype(d.one_of(np.int8, np.uint8, np.int64))
    default = d.one_of(0, 1.5)
    functions: list[Callable[[Any], Any]] = [
        lambda x: np.concatenate([x, number], axis=None),
        lambda x: np.concatenate([other, x, whole]),
        lambda x: np.append(x, number),
        lambda x: np.hstack([x.reshape(-1), number]),
        lambda x: np.vstack([x, whole]),
        lambda x: np.stack([x, other, whole], -1),
        lambda x: np.select([x > 0.5, x < -0.5], [number, x], default),
        lambda x: np.select([x > 0.5, x < -0.5], [x, other], number),
        lambda x: np.choose(whole % 2, [x, number]),
        lambda x: np.choose(whole % 2, [number, x]),
        lambda x: np.where(x > 0, x, number),
        lambda x: np.where(x > 0, number, x * other),
        lambda x: np.clip(x, -0.71, number),
        lambda x: np.block([x, x]),
        lambda x: np.piecewise(x, [x > 0], [lambda v: v * 2, number]),
        lambda x: np.linspace(x, number, 4),
        lambda x: np.linspace(number, x, 3, endpoint=False),
        lambda x: np.logspace(x, number, 3),
        lambda x: np.geomspace(np.exp(x), number, 3),
        lambda x: np.linspace(x, other, 3, axis=-1),
    ]  # fmt: skip
    return Call(d.one_of(*functions), (x,))


@entry
def signals(d: Draw) -> Call:
    n = d.integer(3, 6)
    x = d.array((n,))
    # NumPy rounds the weights that it makes of half coordinates.
    dtype = d.one_of(np.int8, np.uint8, np.float64, np.int64)
    coordinates = np.cumsum(
        d.random.integers(1, 60 if dtype is np.uint8 or dtype is np.int8 else 4, n) % 21 + 1
    ).astype(dtype)
    factors = d.random.integers(0, 3, d.integer(1, 4)).astype(dtype)
    mode = d.one_of("full", "same", "valid")
    place = d.one_of(1.3, 2.6)
    step = d.one_of(2, 0.5, np.int8(100), np.float16(0.25))
    edge = d.one_of(1, 2)
    functions: list[Callable[[Any], Any]] = [
        lambda x: np.gradient(x, coordinates, edge_order=edge),
        lambda x: np.gradient(x, step, edge_order=edge),
        lambda x: np.trapezoid(x, coordinates),
        lambda x: np.trapezoid(x, dx=step),
        lambda x: np.convolve(x, factors, mode),
        lambda x: np.correlate(x, factors, mode),
        lambda x: np.interp(place, coordinates, x),
        lambda x: np.bincount(np.arange(n) % 2, weights=x),
        lambda x: np.cross(x[:3], factors[[0, 0, 0]]),
        lambda x: np.vander(x),
    ]  # fmt: skip
    return Call(d.one_of(*functions), (x,))


# Products.


@entry
def products(d: Draw) -> Call:
    batch = d.shape(0, 1, empty=False)
    i, j, k = (d.integer(1, 3) for _ in range(3))
    a, b = d.array((*batch, i, j)), d.array((*d.beside(batch), j, k))
    other = d.other(b.shape)
    functions: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (np.matmul, (a, b)),
        (np.matmul, (a, b.reshape(-1)[:j])),
        (lambda a: a @ (other if np.ndim(other) > 1 else np.ones((j, k), np.int8)), (a,)),
        (np.dot, (a, b)),
        (np.inner, (a, a)),
        (lambda a, b: np.einsum("...ij,...jk->...ik", a, b), (a, b)),
        (lambda a, b: np.einsum("...ij,...jk->ik", a, b), (a, b)),
        (lambda a: np.einsum("...ij->...ji", a), (a,)),
        (lambda a, b: np.einsum("...ij,...jk", a, b), (a, b)),
        (lambda a, b: np.tensordot(a, b, ((-1,), (-2,))), (a, b)),
        (np.kron, (a, b)),
        (np.outer, (a, b)),
        (lambda a: np.vdot(a, a), (a,)),
        (lambda a, b: np.vecdot(a, np.swapaxes(b, -1, -2)[..., :1, :]), (a, b)),
        (lambda a: np.linalg.multi_dot([a.reshape(-1, j), np.ones((j, 2), a.dtype), np.ones((2, 1), a.dtype)]), (a,)),
    ]  # fmt: skip
    return Call(*d.one_of(*functions))


@entry
def linear_algebra(d: Draw) -> Call:
    batch, n = d.shape(0, 1, empty=False), d.integer(1, 3)
    a = d.array((*batch, n, n), -1, 1, d.one_of(np.float64, np.float64, np.float32))
    a = a + 4 * np.diag(np.arange(1, n + 1)).astype(a.dtype)
    b = d.array((n,), dtype=a.dtype)
    tall = d.array((*batch, n + 1, n), dtype=a.dtype)
    order = d.one_of(2, "nuc")
    functions: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        (np.linalg.inv, (a,)),
        (np.linalg.det, (a,)),
        (lambda a: np.linalg.slogdet(a)[1], (a,)),
        (np.linalg.solve, (a, b)),
        (np.linalg.pinv, (tall,)),
        (np.linalg.svdvals, (tall,)),
        (lambda a: np.linalg.eigvalsh(a), (a,)),
        (lambda a: np.linalg.matrix_power(a, 3), (a,)),
        (lambda a: np.linalg.cond(a), (a,)),
        (lambda a: np.linalg.norm(a, order, (-2, -1)), (tall,)),
        (lambda a: np.linalg.qr(a)[1] ** 2, (tall,)),
        (lambda a: np.linalg.eigh(a)[1][..., 0] ** 2, (a,)),
        (lambda a: np.linalg.svd(a, full_matrices=False)[0] ** 2, (tall,)),
    ]  # fmt: skip
    return Call(*d.one_of(*functions))


@entry
def masked_losses(d: Draw) -> Call:
    batch, n, k, m = d.integer(1, 3), d.integer(1, 4), d.integer(1, 3), d.integer(1, 3)
    x, w = d.array((batch, n, k), dtype=np.float64), d.array((m, k), dtype=np.float64)
    mask, rows = d.mask((batch, n, m)), d.mask((batch, n))
    mask.reshape(-1)[0] = rows.reshape(-1)[0] = True
    functions: list[Callable[[Any], Any]] = [
        lambda w: np.where(mask, x @ w.T, 0),
        lambda w: np.mean(np.square(x @ w.T), where=mask),
        lambda w: np.select([mask], [np.tanh(x @ w.T)], 0),
        lambda w: np.nanmean(np.where(mask, x @ w.T, np.nan) ** 2),
        lambda w: np.where(rows, x @ w[0], 0) ** 2,
        lambda w: np.where(mask, np.einsum("bnk,mk->bnm", x, w), 0) ** 2,
        lambda w: np.where(rows[..., None], np.exp(x @ w.T), 0).sum(axis=1),
        lambda w: np.where(mask, np.log(np.where(mask, (x @ w.T) ** 2, 0)), 0),
        lambda w: np.where(rows, np.linalg.norm(x @ w.T, axis=-1), 0),
        lambda w: np.sum((x @ w.T)[rows] ** 2),
        lambda w: np.where(mask, (x @ w.T) / np.sum(w, axis=1), 0),
    ]  # fmt: skip
    return Call(d.one_of(*functions), (w,))


if np.lib.NumpyVersion(np.__version__) < "2.2.0":
    # They refuse matrices, and weights beside `rowvar=False`, which are taken here.
    del ENTRIES["trim_zeros"], ENTRIES["covariances"]
