"""The table of primitives: a row or a few for each, and a row buys every test in test_cases.py.

A row is `case(names, f, *inputs)`. `names` are the primitives it stands for; `f` is written with NumPy's functions (or
ours), so that it runs on arrays, where NumPy is the reference, and on Tensors; `inputs` are domains from which the
tests draw values. A domain without a shape leaves the shape to the tests: 0-d, empty, broadcast, non-contiguous.
Rows that differ from NumPy's forward, or have none, give `reference`. `order` is the highest derivative to check.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_np as tg
from tests.references import convolved, convolved_back, dominant, far_apart, pooled
from tinygrad_np.ops.networks import classification, normalization


class Domain(NamedTuple):
    """Where an input's values come from: evenly spread over [low, high], shuffled, so that no two are close."""

    low: float = -2.0
    high: float = 2.0
    shape: tuple[int, ...] | None = None
    kind: str = "float"

    def __call__(self, *shape: int) -> Domain:
        return self._replace(shape=shape)

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> Any:
        """Values of this domain in this shape."""
        size = int(np.prod(shape))
        if self.kind == "int":
            return random.integers(int(self.low), int(self.high), shape)
        if self.kind == "bool":
            return random.random(shape) < 0.5
        steps = (np.arange(size) + random.uniform(0.25, 0.75, size)) / max(size, 1)
        return random.permutation(self.low + (self.high - self.low) * steps).reshape(shape)


real = Domain()
positive = Domain(0.3, 3.0)
negative = Domain(-3.0, -0.3)
unit = Domain(-0.9, 0.9)
above_one = Domain(1.2, 4.0)
large = Domain(-1000.0, 1000.0)
integers = Domain(-3, 4, kind="int")
booleans = Domain(kind="bool")


class Case(NamedTuple):
    """One row of the table."""

    primitives: tuple[str, ...]
    f: Callable[..., Any]
    inputs: tuple[Domain, ...]
    reference: Callable[..., Any] | None = None
    order: int = 2
    label: str = ""

    @property
    def is_shaped(self) -> bool:
        """Whether the row prescribes the shapes."""
        return any(domain.shape is not None for domain in self.inputs)


def case(
    names: str, f: Callable[..., Any], *inputs: Domain, reference: Any = None, order: int = 2, label: str = ""
) -> Case:
    """A row; `names` are the primitives, separated by spaces."""
    return Case(tuple(names.split()), f, inputs, reference, order, label or names.split()[0])


def softmax_reference(x: Any, axis: Any = -1) -> Any:
    """exp(x) / sum(exp(x))."""
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def scanned(a: Any, b: Any) -> Any:
    """h[k] = a[k] h[k-1] + b[k] along the last axis, element by element."""
    h = np.zeros_like(b)
    for index in np.ndindex(b.shape):
        before = h[(*index[:-1], index[-1] - 1)] if index[-1] else 0
        h[index] = a[index] * before + b[index]
    return h


CASES: list[Case] = [
    # arithmetic
    case("add", np.add, real, real),
    case("add", lambda a: a + 1, real),
    case("subtract", np.subtract, real, real),
    case("subtract", lambda a: 1.5 - a, real),
    case("multiply", np.multiply, real, real),
    case("multiply", lambda a: a * a, real, label="multiply by itself"),
    case("divide", np.divide, real, positive),
    case("divide", lambda a: 1 / a, negative),
    case("negative", np.negative, real),
    case("power", np.power, positive, real),
    case("power", lambda a: a**3, real, label="power 3"),
    case("power", lambda a: a**-1.5, positive, label="power -1.5"),
    case("power", lambda b: 2.0**b, real, label="power of 2"),
    case("absolute", np.abs, positive),
    case("absolute", abs, negative),
    case("sign", np.sign, positive),
    case("sqrt", np.sqrt, positive),
    case("square", np.square, real),
    case("floor_divide", lambda a: a // 0.7, Domain(0.1, 0.6)),
    case("floor_divide", np.floor_divide, Domain(2.1, 2.9), Domain(0.95, 1.04)),
    case("remainder", np.remainder, Domain(2.1, 2.9), Domain(0.95, 1.04)),
    case("positive", np.positive, real),
    case("reciprocal", np.reciprocal, negative),
    case("power power_log", np.power, positive, Domain(1.2, 3.0), label="power as the exponent moves"),
    case("power", lambda a: a ** np.arange(-2, 4).astype(np.float16), negative(4, 6), label="power of negatives"),
    case("power", lambda a: a**0, real, label="power 0"),
    case("power astype", np.float_power, positive, real, label="float_power"),
    case("power astype", lambda b: np.float_power(3, b), real, label="float_power of 3"),
    case("fabs", np.fabs, positive),
    case("fabs", np.fabs, negative),
    case("copysign", np.copysign, positive, negative),
    case("copysign", np.copysign, negative, positive),
    case("copysign", lambda a: np.copysign(a, -1), negative),
    case("cbrt", np.cbrt, positive),
    case("cbrt", np.cbrt, negative),
    case("hypot ratio", np.hypot, positive, negative),
    case("hypot", lambda a: np.hypot(a, 0.0), negative, label="hypot with 0"),
    case("ratio", lambda a, b: tg.ops.elementwise.arithmetic.ratio(a, b), real, negative),
    case("bent", lambda x: tg.ops.elementwise.arithmetic.bent(x, np.zeros(())), real),
    case("fmod", np.fmod, Domain(2.1, 2.9), Domain(0.95, 1.04)),
    case("fmod", np.fmod, Domain(-2.9, -2.1), Domain(0.95, 1.04), label="fmod of negatives"),
    case("remainder", np.mod, Domain(-2.9, -2.1), Domain(0.95, 1.04), label="remainder of negatives"),
    case("floor_divide", lambda a, b: np.divmod(a, b)[0], Domain(2.1, 2.9), Domain(0.95, 1.04), label="divmod"),
    case("remainder", lambda a, b: divmod(a, b)[1], Domain(2.1, 2.9), Domain(0.95, 1.04), label="divmod"),
    # rounding
    case("floor", np.floor, Domain(-0.9, -0.1)),
    case("ceil", np.ceil, Domain(1.1, 1.9)),
    case("trunc", np.trunc, Domain(-1.9, -1.1)),
    case("trunc", np.trunc, Domain(1.1, 1.9)),
    case("rint", np.rint, Domain(0.6, 1.4)),
    case("round", np.round, Domain(-0.4, 0.4)),
    case("round", lambda x: np.around(x, 1), Domain(0.16, 0.24), label="around"),
    case("round", lambda x: x.round(decimals=-1), Domain(6.0, 14.0), label="the method round"),
    case("spacing", np.spacing, Domain(1.1, 1.9)),
    case("heaviside", np.heaviside, positive, real),
    case(
        "heaviside", lambda h: np.heaviside(np.arange(-1, 2).astype(np.float16), h), real(2, 3), label="heaviside at 0"
    ),
    case("heaviside", lambda h: np.heaviside(0, h), real(3), label="heaviside at a number"),
    case("nextafter", np.nextafter, positive, negative),
    case("fractional_part", lambda x: np.modf(x)[0], Domain(-1.9, -1.1), label="modf"),
    case("integral_part", lambda x: np.modf(x)[1], Domain(1.1, 1.9), label="modf"),
    case("ldexp", np.ldexp, real, integers),
    case("ldexp binary_exponent", lambda x: np.frexp(x)[0], Domain(-1.9, -1.1), label="frexp"),
    case("binary_exponent", lambda x: np.frexp(x)[1], real, label="frexp"),
    # functions of complex numbers
    case("identity", np.real, real, label="real"),
    case("identity", np.conj, real, label="conj"),
    case("identity", lambda x: np.real_if_close(x, tol=10), real, label="real_if_close"),
    case("imag", np.imag, real),
    case("angle", np.angle, negative),
    case("angle", lambda x: np.angle(x, deg=True), negative),
    # exponential
    case("exp", np.exp, real),
    case("log", np.log, positive),
    case("tanh", np.tanh, real),
    case("exp2", np.exp2, real),
    case("expm1", np.expm1, real),
    case("log2", np.log2, positive),
    case("log10", np.log10, positive),
    case("log1p", np.log1p, unit),
    case("logaddexp lead", np.logaddexp, real, real),
    case("lead", lambda a, b: tg.ops.elementwise.exponential.lead(a, b), real, real),
    case("logaddexp", lambda a: np.logaddexp(a, 0.5), real),
    case("logaddexp2", np.logaddexp2, real, real),
    # hyperbolic
    case("sinh", np.sinh, real),
    case("cosh", np.cosh, real),
    case("arcsinh", np.asinh, real),
    case("arccosh", np.acosh, above_one),
    case("arctanh", np.atanh, unit),
    # trigonometry
    case("sin", np.sin, real),
    case("cos", np.cos, real),
    case("tan", np.tan, unit),
    case("arcsin", np.asin, unit),
    case("arccos", np.acos, unit),
    case("arctan", np.atan, real),
    case("arctan2", np.arctan2, real, positive),
    case("arctan2", np.atan2, positive, negative),
    case("arctan2", lambda b: np.arctan2(-1.0, b), negative),
    case("deg2rad", np.deg2rad, large),
    case("deg2rad", np.radians, large, label="radians"),
    case("rad2deg", np.rad2deg, real),
    case("rad2deg", np.degrees, real, label="degrees"),
    case("unwrap", np.unwrap, Domain(-9.0, 9.0, (3, 4))),
    case("unwrap", lambda x: np.unwrap(x, 5.0, 0, period=7), Domain(-9.0, 9.0, (4, 2)), label="unwrap of period 7"),
    # special
    case("erf", tg.erf, real, reference=lambda x: np.vectorize(math.erf, otypes=[x.dtype])(x)),
    case("erfc", tg.erfc, real, reference=lambda x: np.vectorize(math.erfc, otypes=[x.dtype])(x)),
    case("sinc sinc_derivative", np.sinc, real),
    case("sinc_derivative", lambda x: tg.ops.elementwise.special.sinc_derivative(x, 3), real),
    case("i0 i0_derivative", np.i0, real),
    case("i0_derivative", lambda x: tg.ops.elementwise.special.i0_derivative(x, 2), real),
    # activation
    case("relu", tg.relu, positive, reference=lambda x: np.maximum(x, 0)),
    case("relu", tg.relu, negative, reference=lambda x: np.maximum(x, 0)),
    case("leaky_relu", tg.leaky_relu, positive, reference=lambda x: np.where(x > 0, x, 0.01 * x)),
    case(
        "leaky_relu", lambda x: tg.leaky_relu(x, slope=0.2), negative, reference=lambda x: np.where(x > 0, x, 0.2 * x)
    ),
    case("sigmoid", tg.sigmoid, real, reference=lambda x: 1 / (1 + np.exp(-x))),
    case("softplus", tg.softplus, real, reference=lambda x: np.logaddexp(x, 0)),
    case("elu", tg.elu, positive, reference=lambda x: x),
    case("elu", lambda x: tg.elu(x, alpha=0.7), negative, reference=lambda x: 0.7 * np.expm1(x)),
    case(
        "elu",
        tg.selu,
        negative,
        reference=lambda x: 1.0507009873554805 * 1.6732632423543772 * np.expm1(x),
        label="selu",
    ),
    case("sigmoid", tg.silu, real, reference=lambda x: x / (1 + np.exp(-x)), label="silu"),
    case("softplus", tg.mish, real, reference=lambda x: x * np.tanh(np.logaddexp(x, 0)), label="mish"),
    case(
        "normal_probability",
        tg.gelu,
        real,
        reference=lambda x: 0.5 * x * np.vectorize(math.erfc, otypes=[x.dtype])(-math.sqrt(0.5) * x),
        label="gelu",
    ),
    case(
        "near_probability",
        lambda x: tg.gelu(x, approximate="tanh"),
        real,
        reference=lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x**2))),
        label="gelu by tanh",
    ),
    case("absolute", tg.softsign, positive, reference=lambda x: x / (1 + x), label="softsign"),
    case("clip", tg.hard_tanh, real, reference=lambda x: np.clip(x, -1, 1), label="hard_tanh"),
    case(
        "clip",
        tg.hard_sigmoid,
        Domain(-5.0, 5.0),
        reference=lambda x: np.clip(x / 6 + 0.5, 0, 1),
        label="hard_sigmoid",
    ),
    # softmax
    case("softmax", tg.softmax, real(2, 3), reference=softmax_reference),
    case(
        "softmax",
        lambda x: tg.softmax(x, axis=(0, -1)),
        real(2, 3, 2),
        reference=lambda x: softmax_reference(x, (0, 2)),
    ),
    case("softmax", lambda x: tg.softmax(x, axis=None), real(2, 3), reference=lambda x: softmax_reference(x, None)),
    case("log_softmax", tg.log_softmax, real(2, 3), reference=lambda x: np.log(softmax_reference(x))),
    case("log_softmax", lambda x: x.log_softmax(0), real(3, 2), reference=lambda x: np.log(softmax_reference(x, 0))),
    case("logsumexp", tg.logsumexp, real(2, 3), reference=lambda x: np.log(np.exp(x).sum())),
    case("logsumexp", lambda x: tg.logsumexp(x, axis=1), real(2, 3), reference=lambda x: np.log(np.exp(x).sum(1))),
    case(
        "logsumexp",
        lambda x: tg.logsumexp(x, axis=(-1, 0), keepdims=True),
        real(2, 3, 2),
        reference=lambda x: np.log(np.exp(x).sum((-1, 0), keepdims=True)),
    ),
    # masks
    case(
        "one_hot multiply",
        lambda labels, x: tg.one_hot(labels, 4, dtype=x.dtype) * x,
        Domain(0, 4, (2, 3), "int"),
        real(4),
        reference=lambda labels, x: np.eye(4, dtype=x.dtype)[labels] * x,
    ),
    case("keep_mask", lambda x: tg.ops.elementwise.masks.keep_mask(x, 0.4, random=7), real(3, 4)),
    case("keep_mask where", lambda x: tg.dropout(x, 0.4, random=7), real(3, 4), label="dropout"),
    # comparison
    case("equal", lambda a, b: np.equal(a, b), real, real),
    case("not_equal", lambda a, b: a != b, real, real),
    case("less", lambda a, b: a < b, real, real),
    case("less_equal", lambda a, b: a <= b, real, real),
    case("greater", lambda a, b: a > b, real, real),
    case("greater_equal", lambda a, b: a >= b, real, real),
    case("logical_not", np.logical_not, real),
    case("logical_and", np.logical_and, real, real),
    case("logical_or", np.logical_or, real, real),
    case("logical_xor", np.logical_xor, real, real),
    case("isnan", np.isnan, real),
    case("isinf", np.isinf, real),
    case("isfinite", np.isfinite, real),
    case("signbit", np.signbit, real),
    case("invert", lambda a: ~(a > 0), real),
    case("bitwise_and", lambda a, b: (a > 0) & (b > 0), real, real),
    case("bitwise_or", lambda a, b: (a > 0) | (b > 0), real, real),
    case("bitwise_xor", lambda a, b: (a > 0) ^ (b > 0), real, real),
    # integers
    case("left_shift", np.left_shift, Domain(0, 5, kind="int"), Domain(0, 5, kind="int")),
    case("right_shift", lambda a: np.right_shift(a, 1), integers),
    case("bitwise_count", np.bitwise_count, integers),
    case("gcd", np.gcd, integers, integers),
    case("lcm", np.lcm, integers, integers),
    # selection
    case("where", np.where, booleans, real, real),
    case("where", lambda x: np.where(x > 0, x**3, 2.0), real),
    case("maximum share", np.maximum, real, real),
    case("maximum", lambda x: np.maximum(0, x), real),
    case("minimum", np.minimum, real, real),
    case("clip share_within", lambda x: np.clip(x, -0.5, 0.7), real),
    case("hardtanh", lambda x: tg.hardtanh(x, -0.5, 0.7), real, reference=lambda x: np.clip(x, -0.5, 0.7)),
    case("maximum minimum", np.clip, real, negative, positive, label="clip between arrays"),
    case("maximum", lambda x: np.clip(x, 0.1, None), real, label="clip from below"),
    case("minimum", lambda x: x.clip(max=0.1), real, label="clip from above"),
    case("fmax", np.fmax, real, real),
    case("fmin", np.fmin, real, real),
    case("where", np.nan_to_num, real, label="nan_to_num"),
    case("where", lambda x: np.select([x > 0, x < -1], [x**2, x]), real, label="select"),
    case(
        "where", lambda a, b: np.select([a > 0, b > 0], [a * b, a], default=b), real, real, label="select with default"
    ),
    case("where", lambda i, a, b: np.choose(i, [a, b]), Domain(0, 2, kind="int"), real, real, label="choose"),
    case("where", lambda a, b: np.choose([-1, 5, 1], (a, b), mode="wrap"), real(2, 3), real(3), label="choose wrapped"),
    case(
        "where getitem",
        lambda x: np.piecewise(x, [x < -1, x > 0], [-1, np.sin, lambda x: x**2]),
        real,
        label="piecewise",
    ),
    # checks
    case("checked", lambda x: tg.ops.arrays.checks.checked(x, x > 9, "too much"), real, reference=lambda x: x),
    # interpolation
    case(
        "where astype",
        lambda x, f: np.interp(x, [-1.5, -0.4, 0.3, 1.7], f),
        Domain(-2, 2),
        real(4),
        label="interp",
    ),
    # reduction
    case("sum", np.sum, real),
    case("sum", lambda x: np.sum(x, axis=0), real(2, 3)),
    case(
        "sum", lambda x: x.sum((0, -1), keepdims=True), real(2, 3, 2), reference=lambda x: x.sum((0, -1), keepdims=True)
    ),
    case("mean", np.mean, real(3, 2)),
    case("mean", lambda x: np.mean(x, axis=-1), real(2, 3)),
    case("max", np.max, real(2, 3)),
    case("max", lambda x: np.max(x, axis=1, keepdims=True), real(2, 3)),
    case("min", np.min, real(2, 3)),
    case("min", lambda x: np.min(x, axis=0), real(2, 3)),
    case("prod", np.prod, real(2, 3)),
    case("prod", lambda x: np.prod(x, axis=(0, -1), keepdims=True), real(2, 3, 2)),
    case("prod", lambda x: np.prod(np.where(x > 1, 0, x), axis=1), real(2, 4), label="prod with zeros"),
    # reduction options
    case("sum where", lambda x: np.sum(x, axis=0, initial=2, where=x < 1), real(2, 3)),
    case("sum", lambda x: np.sum(x, 1, x.dtype), real(2, 3)),
    case("prod where", lambda x: np.prod(x, axis=0, initial=2, where=x < 1), real(2, 3)),
    case("max where", lambda x: np.max(x, axis=0, initial=-1, where=x < 1), real(2, 3)),
    case("sum", lambda x: np.max(x, axis=(0, 2), initial=0.1), real(2, 3, 0), label="max of nothing"),
    case("min where", lambda x: np.min(x, axis=1, initial=1, where=x < 1), real(2, 3)),
    case("sum where", lambda x: np.mean(x, axis=0, where=x < 1), real(3, 3), label="mean where"),
    case("max min", lambda x: np.ptp(x, axis=-1), real(2, 3), label="ptp"),
    # statistics
    case("var", np.var, real(2, 3)),
    case("var", lambda x: np.var(x, axis=(0, 2), ddof=1, keepdims=True), real(2, 3, 2)),
    case("var", lambda x: x.var(0, correction=1), real(4, 3), reference=lambda x: x.var(0, ddof=1)),
    case("sum where", lambda x: np.var(x, axis=1, where=x < 1, ddof=1), real(2, 5), label="var where"),
    case("sum", lambda x: np.var(x, axis=1, mean=x[:, :1]), real(2, 5), label="var mean"),
    case("std", np.std, real(3, 2)),
    case("std", lambda x: np.std(x, axis=1, ddof=1), real(2, 3)),
    case("std", lambda x: x.std((0, 1), keepdims=True), real(2, 3, 2)),
    case("sqrt where", lambda x: np.std(x, axis=1, where=x < 1, ddof=1), real(2, 5), label="std where"),
    case("mean", lambda x: np.average(x, axis=0), real(2, 3), label="average"),
    case("multiply sum", lambda x, w: np.average(x, axis=1, weights=w), real(2, 3), positive(3), label="weighted"),
    case(
        "multiply sum", lambda x, w: np.average(x, None, w, keepdims=True), real(2, 3), positive(2, 3), label="weighted"
    ),
    case("matmul", lambda x: np.cov(x, dtype=x.dtype), real(3, 4), label="cov"),
    case("matmul", lambda x, y: np.cov(x, y, rowvar=False, dtype=x.dtype), real(4, 2), real(4), label="cov"),
    case(
        "matmul astype",
        lambda x, w: np.cov(x, fweights=[1, 2, 1, 3], aweights=w).astype(x.dtype),
        real(2, 4),
        positive(4),
        label="cov weighted",
    ),
    case("sqrt", lambda x: np.corrcoef(x, dtype=x.dtype), real(2, 5), label="corrcoef"),
    case("scatter astype", lambda w: np.bincount([1, 0, 1], w, 4).astype(w.dtype), real(3), label="bincount"),
    # missing
    case("nansum where", lambda x: np.nansum(np.where(x > 1, np.nan, x), axis=0), real(2, 3), label="nansum"),
    case("prod where", lambda x: np.nanprod(np.where(x > 1, np.nan, x), axis=0), real(2, 3), label="nanprod"),
    case("max where", lambda x: np.nanmax(np.where(x > 1, np.nan, x), axis=1), real(2, 5), label="nanmax"),
    case("min where", lambda x: np.nanmin(np.where(x < -1, np.nan, x), axis=1), real(2, 5), label="nanmin"),
    case("sum where", lambda x: np.nanmean(np.where(x > 1, np.nan, x), axis=1), real(2, 5), label="nanmean"),
    case("sum where", lambda x: np.nanvar(np.where(x > 1, np.nan, x), axis=1, ddof=1), real(2, 6), label="nanvar"),
    case("sqrt where", lambda x: np.nanstd(np.where(x > 1, np.nan, x), axis=1), real(2, 6), label="nanstd"),
    case("cumsum where", lambda x: np.nancumsum(np.where(x > 1, np.nan, x), axis=1), real(2, 5), label="nancumsum"),
    case("cumprod where", lambda x: np.nancumprod(np.where(x > 1, np.nan, x), axis=0), real(4, 2), label="nancumprod"),
    # cumulative
    case("cumsum", np.cumsum, real),
    case("cumsum", lambda x: np.cumsum(x, axis=-2), real(3, 2)),
    case("cumprod", np.cumprod, real),
    case("cumprod", lambda x: np.cumprod(np.where(x > 1, 0, x), 0), real(5, 2), label="cumprod with zeros"),
    case(
        "recurrence",
        lambda a, b: tg.ops.reductions.cumulative.recurrence(a, b),
        real(2, 4),
        real(2, 4),
        reference=scanned,
    ),
    # ordering
    case("sort", np.sort, real(2, 3)),
    case("sort", lambda x: np.sort(x, axis=None), real(3, 2)),
    case("sort", lambda x: np.sort(x, axis=0, stable=True), real(3, 2, 2)),
    case("partition", lambda x: np.partition(x, 1), real(2, 3)),
    case("partition", lambda x: np.partition(x, (1, 3), axis=0), real(5, 2)),
    case("median", np.median, real(2, 3)),
    case("median", lambda x: np.median(x, axis=(0, 2), keepdims=True), real(3, 2, 3)),
    case("nanmedian", lambda x: np.nanmedian(np.where(x > 1, np.nan, x), axis=1), real(2, 6)),
    case("quantile", lambda x: np.quantile(x, 0.3), real(2, 3)),
    case("quantile", lambda x: np.quantile(x, x.dtype.type([[0.1, 0.75]]), axis=1), real(2, 5)),
    case("quantile", lambda x: np.quantile(x, 0.4, (0, -1), method="hazen", keepdims=True), real(2, 2, 3)),
    case("quantile", lambda x: np.percentile(x, 40, axis=0, method="nearest"), real(5, 2), label="percentile"),
    case("nanquantile", lambda x: np.nanquantile(np.where(x > 1, np.nan, x), 0.3, axis=1), real(2, 6)),
    case("nanquantile", lambda x: np.nanpercentile(np.where(x > 1, np.nan, x), 30, axis=0), real(6, 2)),
    # sets
    case("getitem", lambda x: np.unique(np.where(x > 1, 1, x)), real(2, 3), label="unique"),
    case("getitem", lambda x, y: np.union1d(x, y), real(2, 2), real(3), label="union1d"),
    case("getitem", lambda x: np.intersect1d(x, x[1:]), real(3, 2), label="intersect1d"),
    case("getitem", lambda x: np.setdiff1d(x, x[1]), real(2, 3), label="setdiff1d"),
    case("getitem sort", lambda x, y: np.setxor1d(x, y), real(4), real(2), label="setxor1d"),
    # differences
    case("subtract", np.diff, real(2, 3), label="diff"),
    case("subtract", lambda x: np.diff(x, 2, axis=0, prepend=x.dtype.type(1), append=x[:1]), real(3, 2), label="diff"),
    case("subtract", np.ediff1d, real(2, 3), label="ediff1d"),
    case("subtract", lambda x: np.ediff1d(x, x[0], [1, 2]), real(2, 3), label="ediff1d"),
    case("subtract", lambda x: np.gradient(x), real(4), label="gradient"),
    case("subtract", lambda x: np.gradient(x, 0.5, axis=1, edge_order=2), real(2, 4), label="gradient"),
    case("subtract", lambda x, t: np.gradient(x, np.cumsum(t), axis=0), real(4, 2), positive(4), label="gradient"),
    case("sum", lambda x: np.trapezoid(x, dx=0.5), real(2, 3), label="trapezoid"),
    case("sum", lambda x, t: np.trapezoid(x, t, axis=0), real(3, 2), real(3), label="trapezoid"),
    case("sum", lambda x, t: np.trapezoid(x, t), real(2, 3), real(2, 3), label="trapezoid"),
    # convolution
    case("convolve", np.convolve, real(4), real(3)),
    case("convolve", lambda a, v: np.convolve(a, v, "same"), real(2), real(5)),
    case("convolve", lambda a, v: np.convolve(a, v, mode="valid"), real(5), real(2)),
    case("convolve", np.correlate, real(5), real(2), label="correlate"),
    case("convolve", lambda a, v: np.correlate(a, v, "same"), real(2), real(5), label="correlate"),
    # linear algebra
    case("matmul", np.matmul, real(3), real(3), label="vector @ vector"),
    case("matmul", np.matmul, real(2, 3), real(3)),
    case("matmul", np.matmul, real(3), real(3, 2)),
    case("matmul", np.matmul, real(2, 3), real(3, 2)),
    case("matmul", np.matmul, real(2, 2, 3), real(3, 2)),
    case("matmul", np.matmul, real(2, 3), real(2, 3, 2)),
    case("matmul", np.matmul, real(2, 1, 2, 3), real(3, 3, 2)),
    case("matmul", np.matmul, real(3), real(2, 3, 2)),
    case("matmul", np.matmul, real(2, 2, 3), real(3)),
    case("dot", np.dot, real(2, 3), real(3, 2)),
    case("dot", np.dot, real(3), real(3)),
    case("dot", np.dot, real(3), real(3, 2)),
    case("dot", np.dot, real(2, 3), real(3)),
    case("dot", lambda a: np.dot(2.5, a), real(2, 3)),
    case("dot", np.dot, real(), real(2, 3)),
    # linear systems
    case("inv", lambda x: np.linalg.inv(dominant(x)), real(3, 3)),
    case("inv", lambda x: np.linalg.inv(dominant(x)), real(2, 1, 2, 2)),
    case("inv", lambda x: np.linalg.inv(dominant(x)), real(0, 2, 2)),
    case("inv", lambda x: np.linalg.tensorinv(dominant(x.reshape(6, 6)).reshape(2, 3, 6)), real(2, 3, 6)),
    case("inv", lambda x: np.linalg.tensorinv(dominant(x.reshape(4, 4)).reshape(4, 2, 2), 1), real(4, 2, 2)),
    case("solve", lambda a, b: np.linalg.solve(dominant(a), b), real(3, 3), real(3)),
    case("solve", lambda a, b: np.linalg.solve(dominant(a), b), real(3, 3), real(3, 2)),
    case("solve", lambda a, b: np.linalg.solve(dominant(a), b), real(3, 2, 2), real(2)),
    case("solve", lambda a, b: np.linalg.solve(dominant(a), b), real(2, 2), real(3, 2, 1)),
    case("solve", lambda a, b: np.linalg.solve(dominant(a), b), real(2, 1, 2, 2), real(3, 2, 1)),
    case("solve", lambda a, b: np.linalg.solve(dominant(a), b), real(2, 2), real(2, 0)),
    case(
        "solve", lambda a, b: np.linalg.tensorsolve(dominant(a.reshape(6, 6)).reshape(2, 3, 6), b), real(36), real(2, 3)
    ),
    case("solve", lambda a, b: np.linalg.tensorsolve(dominant(a)[None], b, (0, 2)), real(3, 3), real(3)),
    case("pinv", np.linalg.pinv, real(3, 2)),
    case("pinv", np.linalg.pinv, real(2, 3)),
    case("pinv", lambda x: np.linalg.pinv(dominant(x), rtol=None), real(2, 2, 2)),
    case("pinv", lambda x: np.linalg.pinv(dominant(x), rcond=1e-3), real(2, 2)),
    case(
        "pinv",
        lambda x: np.linalg.pinv(dominant(x), hermitian=True),
        real(3, 3),
        reference=lambda x: np.linalg.pinv(np.tril(dominant(x)) + np.tril(x, -1).T),
        label="pinv hermitian",
    ),
    case("pinv", lambda x: np.linalg.pinv(np.array([4, 1], x.dtype) * x, 0.5), real(3, 2), label="pinv truncated"),
    case("lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], real(4, 2), real(4)),
    case("lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], real(4, 2), real(4, 3)),
    case("lstsq", lambda a, b: np.linalg.lstsq(a, b, rcond=1e-3)[0], real(2, 4), real(2, 3)),
    case("lstsq residuals", lambda a, b: np.linalg.lstsq(a, b)[1], real(4, 2), real(4, 3), label="lstsq residuals"),
    case("svdvals", lambda a: np.linalg.lstsq(a, np.ones(4, a.dtype))[3], real(4, 2), label="lstsq singular values"),
    case("matmul", lambda x: np.linalg.matrix_power(x, 5), real(2, 2, 2), label="matrix_power"),
    case("where", lambda x: np.linalg.matrix_power(x, 0), real(3, 3), label="matrix_power 0"),
    case("inv matmul", lambda x: np.linalg.matrix_power(dominant(x), -3), real(2, 2), label="matrix_power -3"),
    case("matmul", lambda a, b: np.linalg.multi_dot([a, b, a, b]), real(2, 3), real(3, 2), label="multi_dot"),
    case("matmul", lambda a, b: np.linalg.multi_dot((b, a, a, b)), real(3, 3), real(3), label="multi_dot of vectors"),
    # determinants
    case("det cofactors", np.linalg.det, real(3, 3)),
    case("det cofactors", np.linalg.det, real(2, 1, 2, 2)),
    case("det cofactors", np.linalg.det, real(2, 0, 0)),
    case("slogdet", lambda x: np.linalg.slogdet(dominant(x)).logabsdet, real(3, 3)),
    case("slogdet", lambda x: np.multiply(*np.linalg.slogdet(-dominant(x))), real(2, 3, 3)),
    case("slogdet", lambda x: np.linalg.slogdet(dominant(x))[0], real(2, 2, 2), label="sign of the determinant"),
    # decompositions
    case("cholesky", lambda x: np.linalg.cholesky(dominant(x)), real(3, 3)),
    case("cholesky", lambda x: np.linalg.cholesky(dominant(x), upper=True), real(3, 2, 2)),
    case("cholesky", lambda x: np.linalg.cholesky(dominant(x + x.swapaxes(0, 1))), real(3, 3)),
    case("eigvalsh", np.linalg.eigvalsh, real(3, 3)),
    case("eigvalsh", lambda x: np.linalg.eigvalsh(x, UPLO="U"), real(2, 3, 3)),
    case("eigh part", lambda x: np.linalg.eigh(x)[0], real(3, 3)),
    case("eigh", lambda x: np.linalg.eigh(x, "U").eigenvectors, real(3, 3)),
    case("eigh", lambda x: np.linalg.eigh(x + x.swapaxes(-1, -2)).eigenvectors, real(2, 3, 3)),
    case("eig", lambda x: np.real(np.linalg.eig(dominant(x) @ far_apart(x)).eigenvectors), real(3, 3)),
    case("eig", lambda x: np.real(np.linalg.eigvals(dominant(x) @ far_apart(x))), real(2, 2, 2)),
    case("svdvals", np.linalg.svdvals, real(3, 2)),
    case("svdvals", lambda x: np.linalg.svd(x, compute_uv=False), real(2, 2, 3)),
    case("svd", lambda x: np.linalg.svd(x, full_matrices=False).U, real(4, 2)),
    case("svd", lambda x: np.linalg.svd(x, False).Vh, real(2, 2, 3)),
    case("svd", lambda x: np.linalg.svd(x)[0], real(3, 3)),
    case("svd", lambda x: np.linalg.svd(x)[2], real(4, 2), label="svd full_matrices"),
    case("svd", lambda x: np.linalg.svd(x)[1], real(2, 4)),
    case("eigh", lambda x: np.linalg.svd(dominant(x), hermitian=True).Vh, real(3, 3), label="svd hermitian"),
    case("eigvalsh", lambda x: np.linalg.svd(x, compute_uv=False, hermitian=True), real(3, 3), label="svd hermitian"),
    case("qr", lambda x: np.linalg.qr(x).Q, real(4, 2)),
    case("qr", lambda x: np.linalg.qr(x)[1], real(2, 3, 3)),
    case("qr", lambda x: np.linalg.qr(x).Q, real(2, 4)),
    case("qr", lambda x: np.linalg.qr(x).R, real(2, 2, 4)),
    case("qr", lambda x: np.linalg.qr(x, "r"), real(3, 2)),
    case("qr", lambda x: np.linalg.qr(x, mode="complete").R, real(3, 2)),
    case("qr", lambda x: np.linalg.qr(x, mode="complete").Q, real(2, 3)),
    # norms
    case("euclidean_norm", np.linalg.norm, real(2, 3, 2)),
    case("euclidean_norm", lambda x: np.linalg.norm(x, axis=1, keepdims=True), real(2, 3)),
    case("euclidean_norm", lambda x: np.linalg.norm(x, axis=(0, -1), keepdims=True), real(2, 3, 2)),
    case("euclidean_norm", lambda x: np.linalg.norm(x, 2), real(3)),
    case("euclidean_norm", lambda x: np.linalg.norm(x, "fro"), real(3, 2)),
    case("euclidean_norm", lambda x: np.linalg.vector_norm(x, axis=(0, 1, -1)), real(2, 3, 2, 2)),
    case("euclidean_norm", np.linalg.matrix_norm, real(2, 3, 2)),
    case("power_norm", lambda x: np.linalg.norm(x, 3), real(4)),
    case("power_norm", lambda x: np.linalg.norm(x, 4, axis=0), real(4, 2)),
    case("power_norm", lambda x: np.linalg.norm(x, -1.5, axis=-1, keepdims=True), real(2, 3)),
    case("power_norm", lambda x: np.linalg.vector_norm(x, ord=0.5), real(2, 3)),
    case("is_nonzero sum", lambda x: np.linalg.norm(x, 0), real(4), label="norm 0"),
    case("absolute sum", lambda x: np.linalg.norm(x, 1), real(4), label="norm 1"),
    case("absolute max", lambda x: np.linalg.norm(x, np.inf, axis=0), real(4, 2), label="norm inf"),
    case("absolute min", lambda x: np.linalg.norm(x, -np.inf, axis=0), real(4, 2), label="norm -inf"),
    case("sum max", lambda x: np.linalg.norm(x, 1), real(2, 3), label="matrix norm 1"),
    case("sum max", lambda x: np.linalg.norm(x, np.inf, (2, 0)), real(2, 3, 2), label="matrix norm inf"),
    case("sum min", lambda x: np.linalg.norm(x, -1, (2, 0), True), real(2, 3, 2), label="matrix norm -1"),
    case("sum min", lambda x: np.linalg.matrix_norm(x, ord=-np.inf), real(2, 3, 2), label="matrix norm -inf"),
    case("svdvals max", lambda x: np.linalg.norm(x, 2), real(3, 2), label="matrix norm 2"),
    case("svdvals min", lambda x: np.linalg.norm(x, -2, (0, 2)), real(3, 2, 2), label="matrix norm -2"),
    case(
        "svdvals sum", lambda x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), real(3, 2, 2), label="nuclear norm"
    ),
    case("svdvals divide", lambda x: np.linalg.cond(dominant(x)), real(3, 3), label="cond"),
    case("svdvals divide", lambda x: np.linalg.cond(x, -2), real(2, 3, 2), label="cond -2"),
    case("inv euclidean_norm", lambda x: np.linalg.cond(dominant(x), "fro"), real(2, 2, 2), label="cond fro"),
    # Fourier transforms
    case("irfftn cosine_coefficients", np.fft.irfft, real(2, 4)),
    case("irfftn cosine_coefficients", lambda x: np.fft.irfft(x, 5, 0, "ortho"), real(4, 2)),
    case("irfftn cosine_coefficients", lambda x: np.fft.irfft(x, n=9, norm="forward"), real(4)),
    case("irfftn cosine_coefficients", np.fft.irfft2, real(2, 3, 3)),
    case("irfftn cosine_coefficients", lambda x: np.fft.irfftn(x, (2, 5), (2, 0)), real(3, 2, 3)),
    case("irfftn cosine_coefficients", lambda x: np.fft.hfft(x, 5), real(2, 3)),
    case("irfftn cosine_coefficients", lambda x: np.fft.hfft(x, norm="ortho", axis=0), real(3, 2)),
    case("roll", np.fft.fftshift, real(3, 4), label="fftshift"),
    case("roll", lambda x: np.fft.ifftshift(x, axes=0), real(3, 4), label="ifftshift"),
    # networks
    case("convolution", tg.conv1d, positive(2, 2, 4), positive(3, 2, 2), reference=convolved),
    case("convolution", tg.conv2d, positive(1, 2, 3, 4), positive(2, 2, 2, 3), reference=convolved),
    case(
        "convolution transposed_convolution window_correlation",
        lambda x, w: tg.conv2d(x, w, stride=2, padding=(1, 1)),
        positive(1, 1, 3, 4),
        positive(2, 1, 2, 2),
        reference=lambda x, w: convolved(x, w, stride=2, padding=1),
    ),
    case(
        "convolution",
        lambda x, w: tg.conv2d(x, w, dilation=2, groups=2, padding=1),
        positive(1, 4, 3, 4),
        positive(2, 2, 2, 2),
        reference=lambda x, w: convolved(x, w, padding=1, dilation=2, groups=2),
    ),
    case(
        "convolution add",
        lambda x, w, b: tg.conv1d(x, w, b, padding="same"),
        positive(1, 4),
        positive(2, 1, 4),
        positive(2),
        reference=lambda x, w, b: convolved(np.pad(x, ((0, 0), (1, 2)))[None], w)[0] + b[:, None],
        label="convolution with bias",
    ),
    case(
        "transposed_convolution",
        lambda g, w: tg.conv_transpose1d(g, w, stride=2, padding=1, output_padding=1),
        positive(2, 2, 3),
        positive(2, 1, 3),
        reference=lambda g, w: convolved_back(g, w, (6,), stride=2, padding=1),
    ),
    case(
        "max_pool max_pool_gradient",
        lambda x: tg.max_pool2d(x, 2),
        real(1, 2, 4, 3),
        reference=lambda x: pooled(np.max, x, (2, 2), (2, 2), (0, 0)),
        label="max_pool2d",
    ),
    case(
        "max_pool max_pool_gradient pad",
        lambda x: tg.max_pool2d(x, (2, 3), stride=(1, 2), padding=(0, 1)),
        real(1, 1, 3, 4),
        reference=lambda x: pooled(np.max, x, (2, 3), (1, 2), (0, 1)),
        label="max_pool2d",
    ),
    case(
        "max_pool max_pool_gradient",
        lambda x: tg.max_pool1d(x, 2, 1, dilation=2),
        real(2, 1, 4),
        reference=lambda x: np.maximum(x[..., :2], x[..., 2:]),
        label="max_pool1d",
    ),
    case(
        "patches mean",
        lambda x: tg.avg_pool2d(x, (2, 1), stride=1),
        positive(1, 1, 3, 2),
        reference=lambda x: pooled(np.mean, x, (2, 1), (1, 1), (0, 0)),
        label="avg_pool2d",
    ),
    case(
        "patches sum divide",
        lambda x: tg.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
        positive(1, 1, 5),
        reference=lambda x: pooled(np.mean, x, (3,), (2,), (1,)),
        label="avg_pool1d",
    ),
    # shape
    case("identity", lambda x: tg.ops.arrays.shape.identity(x), real, reference=lambda x: x),
    case("reshape", lambda x: x.reshape(3, -1), real(2, 3)),
    case("reshape", lambda x: np.reshape(x, (6,)), real(2, 3)),
    case("transpose", np.transpose, real(2, 3)),
    case("transpose", lambda x: np.transpose(x, 0), real(3)),
    case("transpose", lambda x: np.transpose(x, (2, 0, -2)), real(2, 3, 2)),
    case("swapaxes", lambda x: np.swapaxes(x, 0, -1), real(2, 3, 2)),
    case("squeeze", np.squeeze, real(2, 1, 3)),
    case("squeeze", lambda x: x.squeeze(1), real(2, 1, 1)),
    case("expand_dims", lambda x: np.expand_dims(x, (0, 2)), real(2, 3)),
    case("broadcast_to", lambda x: np.broadcast_to(x, (2, 2, 3)), real(2, 1)),
    case("copy", np.copy, real),
    case("transpose reshape", lambda x: np.reshape(x, (3, -1), order="F"), real(2, 3)),
    case("transpose reshape", lambda x: x.reshape(2, 6, order="F"), real(2, 3, 2)),
    case("reshape", np.ravel, real),
    case("transpose reshape", lambda x: x.flatten("F"), real(2, 3)),
    case("swapaxes", np.matrix_transpose, real(2, 3, 2)),
    case("transpose", lambda x: np.permute_dims(x, (1, 0)), real(2, 3)),
    case("transpose", lambda x: np.moveaxis(x, (0, -1), (1, 0)), real(2, 3, 4)),
    case("transpose", lambda x: np.rollaxis(x, 2, -2), real(2, 3, 4)),
    case("transpose", lambda x: np.rollaxis(x, 0, 3), real(2, 3, 4)),
    case("reshape", np.atleast_1d, real()),
    case("reshape", np.atleast_2d, real(3)),
    case("reshape", np.atleast_3d, real(3)),
    case("reshape", lambda x: np.atleast_3d(x, 1.0)[0], real(2, 3)),
    case("broadcast_to", lambda a, b: np.add(*np.broadcast_arrays(a, b)), real, real),
    case("broadcast_to astype getitem", lambda x: np.full_like(x, x[0]), real(2, 3), label="full_like"),
    case(
        "expand",
        lambda x: tg.ops.arrays.shape.expand(x, np.ones((2, 3))),
        real(3),
        reference=lambda x: np.broadcast_to(x, (2, 3)),
    ),
    case("astype", lambda x: x.astype(np.float64), real),
    # joining
    case("concatenate", lambda a, b: np.concatenate([a, b, a]), real(2, 3), real(1, 3)),
    case("concatenate", lambda a, b: np.concatenate((a, b), axis=-1), real(2, 3), real(2, 1)),
    case("concatenate", lambda a, b: np.concatenate([a, b], axis=None), real(2, 3), real(2)),
    case("stack", lambda a, b: np.stack([a, b]), real(3), real(3)),
    case("stack", lambda a, b: np.stack([a, b], axis=-1), real(2, 3), real(2, 3)),
    case("concatenate", lambda a: np.concatenate([a, [[1.0, 2.0]]], dtype=a.dtype), real(1, 2)),
    case("concatenate", lambda a, b: np.append(a, b), real(2, 3), real(2)),
    case("concatenate", lambda a, b: np.append(a, b, axis=1), real(2, 3), real(2, 1)),
    case("concatenate", lambda a, b: np.vstack([a, b]), real(3), real(2, 3)),
    case("concatenate", lambda a, b: np.hstack([a, b]), real(2, 1), real(2, 3)),
    case("concatenate", lambda a, b: np.hstack([a, b, np.ones(1, a.dtype)]), real(), real(3)),
    case("concatenate", lambda a, b: np.dstack([a, b]), real(3), real(1, 3)),
    case("concatenate", lambda a, b: np.column_stack([a, b]), real(3), real(3, 2)),
    case("concatenate", lambda a, b: np.block([[a, np.zeros((2, 2), a.dtype)], [b, a[0]]]), real(2, 1), real(1, 2)),
    case("concatenate", lambda a, b: np.block([a, b]), real(2), real(3)),
    # indexing
    case("getitem", lambda x: x[1], real(3, 2)),
    case("getitem", lambda x: x[::-2, None, ..., 1:], real(4, 3)),
    case("getitem scatter", lambda x: x[[0, 2, 0]], real(3, 2)),
    case("getitem", lambda x: x[np.array([[0, 1], [2, 0]]), np.array([1, 0])], real(3, 2)),
    case("getitem", lambda x: x[np.array([True, False, True])], real(3, 2)),
    case("getitem scatter", lambda x: x[..., [1, 1, -1], None], real(2, 3)),
    case("getitem scatter", lambda x: x[[0, 0], :, [[1], [-1]]], real(2, 3, 2)),
    case("getitem scatter", lambda x: x[:, np.eye(3, dtype=bool)], real(2, 3, 3)),
    case("getitem scatter", lambda x: x[np.array(1), [True, False, True], [0, 0]], real(2, 3, 2)),
    case("getitem scatter", lambda x: x[[0, 1], None, np.array([True, False])], real(2, 2, 2)),
    case("getitem", lambda x: x[True], real(2)),
    case("getitem", lambda x: x[None, ...], real),
    case(
        "getitem scatter",
        lambda x: tg.embedding(x, [[1, 0], [1, 1]]),
        real(3, 2),
        reference=lambda x: x[[[1, 0], [1, 1]]],
    ),
    # picking
    case("getitem scatter", lambda x: np.take(x, [0, 2, -1, 0]), real(2, 3), label="take"),
    case("getitem scatter", lambda x: x.take([[4, -1]], axis=1, mode="wrap"), real(2, 3), label="take"),
    case("getitem scatter", lambda x: np.take(x, 7, axis=-1, mode="clip"), real(2, 3), label="take"),
    case("getitem", lambda x: np.take_along_axis(x, np.array([[1, 0, 1]]), 0), real(2, 3), label="take_along_axis"),
    case("getitem", lambda x: np.compress([True, False, True], x, axis=1), real(2, 3), label="compress"),
    case("getitem", lambda x: np.extract(np.arange(6).reshape(2, 3) % 2, x), real(2, 3), label="extract"),
    case("getitem", lambda x: np.delete(x, [1, -1], axis=1), real(2, 4), label="delete"),
    case("getitem", lambda x: np.delete(x, slice(1, 3)), real(2, 3), label="delete"),
    case("getitem concatenate", lambda x, v: np.insert(x, 1, v, axis=1), real(2, 3), real(2), label="insert"),
    case("getitem concatenate", lambda x, v: np.insert(x, [0, 2, 2], v), real(2, 3), real(3), label="insert"),
    case("getitem", lambda x: np.trim_zeros(np.array([0, 0, 1, 0, 1, 0], x.dtype) * x), real(6), label="trim_zeros"),
    # updates
    case(
        "index_update",
        lambda x, v: tg.index_update(x, (slice(None), 1), v),
        real(2, 3),
        real(2),
        reference=lambda x, v: np.stack([x[:, 0], v, x[:, 2]], 1),
    ),
    case(
        "index_update",
        lambda x, v: tg.index_update(x, [0, 2, 0], v),
        real(3, 2),
        real(3, 1),
        reference=lambda x, v: np.stack([v[[2, 2], 0], x[1], v[[1, 1], 0]]),
    ),
    case(
        "index_add",
        lambda x, v: tg.index_add(x, [0, 2, 0], v),
        real(3, 2),
        real(2),
        reference=lambda x, v: np.stack([x[0] + v + v, x[1], x[2] + v]),
    ),
    case(
        "index_add",
        lambda x, v: tg.index_add(x, slice(1, 3), v),
        real(3, 2),
        real(2, 2),
        reference=lambda x, v: np.concatenate([x[:1], x[1:] + v]),
    ),
    # splitting
    case("getitem", lambda x: np.split(x, 2, axis=1)[1], real(2, 4), label="split"),
    case("getitem", lambda x: np.array_split(x, 3)[0] * np.array_split(x, [3, 5])[1], real(5), label="array_split"),
    case("getitem", lambda x: np.hsplit(x, [1])[1], real(2, 3), label="hsplit"),
    case("getitem", lambda x: np.vsplit(x, 2)[1], real(2, 3), label="vsplit"),
    case("getitem", lambda x: np.dsplit(x, 2)[0], real(2, 1, 4), label="dsplit"),
    # rearranging
    case("getitem", np.flip, real, label="flip"),
    case("getitem", lambda x: np.flip(x, (0, -1)), real(2, 3, 2), label="flip"),
    case("getitem", lambda x: np.flipud(x) * np.fliplr(x), real(2, 3), label="flipud fliplr"),
    case("getitem swapaxes", np.rot90, real(2, 3), label="rot90"),
    case("getitem", lambda x: np.rot90(x, 2, (2, 1)), real(2, 3, 2), label="rot90"),
    case("getitem swapaxes", lambda x: np.rot90(x, -1, (0, -1)), real(2, 3, 2), label="rot90"),
    case("roll", lambda x: np.roll(x, 2), real),
    case("roll", lambda x: np.roll(x, (1, -5), (0, 1)), real(2, 3)),
    case("roll", lambda x: np.roll(x, 1, axis=-1), real(2, 3)),
    case("broadcast_to reshape", lambda x: np.repeat(x, 2), real, label="repeat"),
    case("broadcast_to reshape", lambda x: x.repeat(3, axis=1), real(2, 2), label="repeat"),
    case("getitem scatter", lambda x: np.repeat(x, [2, 0, 3], axis=-1), real(2, 3), label="repeat"),
    case("broadcast_to reshape", lambda x: np.tile(x, 2), real, label="tile"),
    case("broadcast_to reshape", lambda x: np.tile(x, (2, 1, 3)), real(2, 3), label="tile"),
    case("broadcast_to reshape", lambda x: np.tile(x, (2,)), real(2, 3), label="tile"),
    case("getitem scatter", lambda x: np.resize(x, (3, 3)), real(2, 2), label="resize"),
    # padding
    case("pad", lambda x: np.pad(x, 1), real),
    case("pad", lambda x: np.pad(x, ((0, 2), (1, 0)), constant_values=((1, 2), (3, 4))), real(2, 3)),
    case("pad", lambda x: np.pad(x, (2, 1), "mean"), real(2, 3)),
    case("pad", lambda x: np.pad(x, (2, 1), "mean", stat_length=((1, 2), (3, 2))), real(2, 3)),
    case("pad", lambda x: np.pad(x, (3, 2), "linear_ramp", end_values=(1.5, -1)), real(2, 3)),
    case("pad", lambda x: np.pad(x, 5, "reflect", reflect_type="odd"), real(3, 2)),
    case("pad", lambda x: np.pad(x, (1, 4), "symmetric", reflect_type="odd"), real(3)),
    case("pad scatter", lambda x: np.pad(x, (2, 0), mode="edge"), real(2, 3), label="pad edge"),
    case("pad scatter", lambda x: np.pad(x, 5, "reflect"), real(2, 3), label="pad reflect"),
    case("pad scatter", lambda x: np.pad(x, ((3, 1), (0, 0)), "symmetric"), real(2, 3), label="pad symmetric"),
    case("pad scatter", lambda x: np.pad(x, (4, 1), "wrap"), real(2, 3), label="pad wrap"),
    case("concatenate max", lambda x: np.pad(x, (2, 1), "maximum"), real(2, 3), label="pad maximum"),
    case(
        "concatenate min", lambda x: np.pad(x, (2, 1), "minimum", stat_length=(2, 1)), real(2, 3), label="pad minimum"
    ),
    case("concatenate", lambda x: np.pad(x, (2, 1), "median"), real(2, 3), label="pad median"),
    # windows
    case("patches overlapped", lambda x: sliding_window_view(x, 3), real(5)),
    case(
        "overlapped patches",
        lambda w: tg.ops.signal.patches.overlapped(w, shape=(4,), stride=(1,), dilation=(1,)),
        real(2, 3),
        reference=lambda w: np.pad(w[0], (0, 1)) + np.pad(w[1], (1, 0)),
    ),
    case("patches overlapped", lambda x: sliding_window_view(x, (2, 2)), real(3, 4)),
    case("patches overlapped", lambda x: sliding_window_view(x, (2, 3), axis=(1, 0)), real(4, 3, 2)),
    case("patches overlapped", lambda x: sliding_window_view(x, (2, 2), axis=(0, 0)), real(4)),
    # matrices
    case("getitem reshape", np.diagonal, real(3, 2), label="diagonal"),
    case("getitem reshape", lambda x: np.diagonal(x, -1, 2, 0), real(2, 2, 3), label="diagonal"),
    case("getitem reshape", lambda x: np.linalg.diagonal(x, offset=1), real(2, 2, 3), label="diagonal"),
    case("getitem sum", np.trace, real(3, 3), label="trace"),
    case("getitem sum", lambda x: x.trace(1, 1, 2), real(2, 2, 3), label="trace"),
    case("getitem sum", lambda x: np.linalg.trace(x, offset=-1), real(2, 3, 3), label="trace"),
    case("scatter reshape", np.diag, real(3), label="diag"),
    case("scatter reshape", lambda x: np.diag(x, -2), real(3), label="diag"),
    case("getitem reshape", lambda x: np.diag(x, 1), real(2, 3), label="diag"),
    case("scatter reshape", lambda x: np.diagflat(x, 1), real(2, 2), label="diagflat"),
    case("where", lambda x: np.tril(x, -1), real(2, 3, 3), label="tril"),
    case("where", np.triu, real(3, 2), label="triu"),
    case("where", lambda x: np.triu(x, 1), real(3), label="triu"),
    case("power astype", np.vander, positive(3), label="vander"),
    case("power astype", lambda x: np.vander(x, 4, increasing=True), negative(2), label="vander"),
    # products
    case("matmul", np.inner, real(2, 3), real(4, 3), label="inner"),
    case("matmul", np.inner, real(3), real(3), label="inner"),
    case("multiply", np.inner, real(), real(2, 3), label="inner"),
    case("multiply", np.outer, real(2, 2), real(3), label="outer"),
    case("multiply", np.linalg.outer, real(2), real(3), label="linalg.outer"),
    case("multiply", np.multiply.outer, real(2), real(3, 1), label="multiply.outer"),
    case("matmul", np.vdot, real(2, 3), real(2, 3), label="vdot"),
    case("multiply", np.kron, real(2, 3), real(2, 2), label="kron"),
    case("multiply", np.kron, real(2), real(2, 1, 2), label="kron"),
    case("matmul", lambda a, b: np.tensordot(a, b, 1), real(2, 3), real(3, 2), label="tensordot"),
    case("matmul", np.tensordot, real(2, 3), real(2, 3), label="tensordot"),
    case("matmul", lambda a, b: np.tensordot(a, b, 0), real(2), real(3), label="tensordot"),
    case("matmul", lambda a, b: np.tensordot(a, b, ((0, -1), [2, 0])), real(2, 3, 4), real(4, 2, 2), label="tensordot"),
    case("cross", np.cross, real(3), real(2, 3)),
    case("cross", lambda a, b: np.cross(a, b, axis=0), real(3, 2), real(3, 2), label="cross"),
    case("cross", lambda a, b: np.cross(a, b, axisa=0, axisc=0), real(3, 2), real(2, 3), label="cross"),
    case("cross", lambda a, b: np.linalg.cross(a, b, axis=0), real(3, 2), real(3, 1), label="linalg.cross"),
    case("matmul", np.vecdot, real(2, 3), real(3), label="vecdot"),
    case("matmul", lambda a, b: np.vecdot(a, b, axis=0), real(3, 2), real(3, 1), label="vecdot"),
    case("matmul", lambda a, b: np.linalg.vecdot(a, b, axis=-2), real(3, 2), real(2, 3, 2), label="linalg.vecdot"),
    # einsum
    case("einsum", lambda a, b: np.einsum("ij,jk->ik", a, b), real(2, 3), real(3, 2), label="einsum product"),
    case("einsum", lambda a, b: np.einsum("ij,jk", a, b), real(2, 3), real(3, 2), label="einsum implicit"),
    case("einsum", lambda x: np.einsum("ii", x), real(3, 3), label="einsum trace"),
    case("einsum", lambda x: np.einsum("ii->i", x), real(3, 3), label="einsum diagonal"),
    case("einsum", lambda x: np.einsum("iij->j", x), real(2, 2, 3), label="einsum diagonals"),
    case("einsum", lambda x: np.einsum("iii->i", x), real(2, 2, 2), label="einsum thrice"),
    case("einsum", lambda x: np.einsum("ba", x), real(2, 3), label="einsum transposed"),
    case("einsum", lambda x: np.einsum("ij->", x), real(2, 3), label="einsum sum"),
    case("einsum", lambda a, b: np.einsum("i,j->ij", a, b), real(2), real(3), label="einsum outer"),
    case(
        "einsum", lambda a, b: np.einsum("ii,ij->j", a, b), real(2, 2), real(2, 3), label="einsum diagonal in product"
    ),
    case("einsum", lambda a, b: np.einsum("ij,ij->i", a, b), real(2, 1), real(2, 3), label="einsum of length 1"),
    case(
        "einsum",
        lambda a, b: np.einsum("...ij,...jk->...ik", a, b),
        real(2, 1, 2, 3),
        real(2, 3, 1),
        label="einsum dots",
    ),
    case("einsum", lambda a, b: np.einsum("i...,i", a, b), real(2, 3), real(2), label="einsum implicit dots"),
    case("einsum", lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), real(2, 3), real(3, 2), label="einsum lists"),
    case("einsum", lambda a: np.einsum(a, [..., 0], a, [..., 0]), real(2, 3), label="einsum implicit lists"),
    case(
        "einsum",
        lambda a, b: np.einsum("ij,jk,kl->il", a, b, a, optimize=True),
        real(2, 3),
        real(3, 2),
        label="einsum path",
    ),
    case("einsum", lambda a, b: np.einsum(",i,->i", a, b, a), real(), real(3), label="einsum numbers"),
    # grids
    case("concatenate", lambda a, b: np.linspace(a, b, 5), real(), real(), label="linspace"),
    case("add", lambda a, b: np.linspace(a, b, 3, endpoint=False, axis=-1), real(2, 1), real(2), label="linspace"),
    case("divide", lambda a: np.linspace(a, 2, 4, retstep=True)[1], real(2), label="linspace step"),
    case("power", lambda a, b: np.logspace(a, b, 4, base=2), real(), real(), label="logspace"),
    case("power astype", lambda a, b: np.geomspace(a, b, 4), positive(), above_one(), label="geomspace"),
    case("power astype", lambda a: np.geomspace(a, -5, 3, endpoint=False), negative(2), label="geomspace"),
    case("broadcast_to reshape", lambda a, b: np.multiply(*np.meshgrid(a, b)), real(2), real(3), label="meshgrid"),
    case(
        "reshape",
        lambda a, b: np.subtract(*np.meshgrid(a, b, indexing="ij", sparse=True)),
        real(2),
        real(3),
        label="meshgrid",
    ),
    # mapping
    case(
        "stack getitem",
        lambda x: np.apply_along_axis(lambda v: v * v[0], 1, x),
        real(2, 3, 2),
        label="apply_along_axis",
    ),
    case("stack getitem", lambda x: np.apply_along_axis(np.sum, 0, x), real(2, 3), label="apply_along_axis"),
    case("sum", lambda x: np.apply_over_axes(np.sum, x, (0, -1)), real(2, 3, 2), label="apply_over_axes"),
    # networks
    case(
        "cross_entropies",
        lambda x, t: classification.cross_entropies(x, t, axis=1),
        real(2, 3),
        Domain(0.2, 0.5)(2, 3),
        reference=lambda x, t: -(t * np.log(softmax_reference(x))).sum(1),
    ),
    case(
        "cross_entropies",
        lambda x: classification.cross_entropies(x, np.eye(4, dtype=x.dtype)[1:3], axis=1),
        Domain(-4.0, 4.0)(2, 4),
        reference=lambda x: -np.log(softmax_reference(x))[[0, 1], [1, 2]],
        label="cross_entropies of labels",
    ),
    case(
        "binary_cross_entropies",
        classification.binary_cross_entropies,
        Domain(0.1, 0.9),
        Domain(0.1, 0.9),
        reference=lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)),
    ),
    case(
        "logit_cross_entropies",
        classification.logit_cross_entropies,
        real,
        Domain(0.1, 0.9),
        reference=lambda x, t: t * np.log1p(np.exp(-x)) + (1 - t) * np.log1p(np.exp(x)),
    ),
    case(
        "standardize",
        lambda x: normalization.standardize(x, axis=(1,), eps=1e-2),
        real(2, 4),
        reference=lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-2),
    ),
    case(
        "standardize",
        lambda x: normalization.standardize(x, axis=(0, 2), eps=1e-5),
        real(3, 2, 2),
        reference=lambda x: (x - x.mean((0, 2), keepdims=True)) / np.sqrt(x.var((0, 2), keepdims=True) + 1e-5),
        label="standardize over the batch",
    ),
]
