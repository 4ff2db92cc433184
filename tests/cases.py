"""The table of primitives: a row or a few for each, and a row buys every test in test_cases.py.

A row is `case(names, f, *inputs)`. `names` are the primitives it stands for; `f` is written with NumPy's functions (or
ours), so that it runs on arrays, where NumPy is the reference, and on Tensors; `inputs` are domains from which the tests
draw values. A domain without a shape leaves the shape to the tests: 0-d, empty, broadcast, non-contiguous.
Rows that differ from NumPy's forward, or have none, give `reference`. `order` is the highest derivative to check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tinygrad_np as tg


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


def case(names: str, f: Callable[..., Any], *inputs: Domain, reference: Any = None, order: int = 2, label: str = "") -> Case:
    """A row; `names` are the primitives, separated by spaces."""
    return Case(tuple(names.split()), f, inputs, reference, order, label or names.split()[0])


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
    # exponential
    case("exp", np.exp, real),
    case("log", np.log, positive),
    case("tanh", np.tanh, real),
    # activation
    case("relu", tg.relu, positive, reference=lambda x: np.maximum(x, 0)),
    case("relu", tg.relu, negative, reference=lambda x: np.maximum(x, 0)),
    case("leaky_relu", tg.leaky_relu, positive, reference=lambda x: np.where(x > 0, x, 0.01 * x)),
    case("leaky_relu", lambda x: tg.leaky_relu(x, slope=0.2), negative, reference=lambda x: np.where(x > 0, x, 0.2 * x)),
    case("sigmoid", tg.sigmoid, real, reference=lambda x: 1 / (1 + np.exp(-x))),
    case("softplus", tg.softplus, real, reference=lambda x: np.logaddexp(x, 0)),
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
    # selection
    case("where", np.where, booleans, real, real),
    case("where", lambda x: np.where(x > 0, x**3, 2.0), real),
    case("maximum share", np.maximum, real, real),
    case("maximum", lambda x: np.maximum(0, x), real),
    case("minimum", np.minimum, real, real),
    case("maximum minimum", lambda x: np.clip(x, -0.5, 0.7), real, label="clip"),
    # reduction
    case("sum", np.sum, real),
    case("sum", lambda x: np.sum(x, axis=0), real(2, 3)),
    case("sum", lambda x: x.sum((0, -1), keepdims=True), real(2, 3, 2), reference=lambda x: x.sum((0, -1), keepdims=True)),
    case("mean", np.mean, real(3, 2)),
    case("mean", lambda x: np.mean(x, axis=-1), real(2, 3)),
    case("max", np.max, real(2, 3)),
    case("max", lambda x: np.max(x, axis=1, keepdims=True), real(2, 3)),
    case("min", np.min, real(2, 3)),
    case("min", lambda x: np.min(x, axis=0), real(2, 3)),
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
    # shape
    case("identity", lambda x: tg.ops.shape.identity(x), real, reference=lambda x: x),
    case("reshape", lambda x: x.reshape(3, -1), real(2, 3)),
    case("reshape", lambda x: np.reshape(x, (6,)), real(2, 3)),
    case("transpose", np.transpose, real(2, 3)),
    case("transpose", lambda x: np.transpose(x, (2, 0, -2)), real(2, 3, 2)),
    case("swapaxes", lambda x: np.swapaxes(x, 0, -1), real(2, 3, 2)),
    case("squeeze", np.squeeze, real(2, 1, 3)),
    case("squeeze", lambda x: x.squeeze(1), real(2, 1, 1)),
    case("expand_dims", lambda x: np.expand_dims(x, (0, 2)), real(2, 3)),
    case("broadcast_to", lambda x: np.broadcast_to(x, (2, 2, 3)), real(2, 1)),
    case("expand", lambda x: tg.ops.shape.expand(x, np.ones((2, 3))), real(3), reference=lambda x: np.broadcast_to(x, (2, 3))),
    case("astype", lambda x: x.astype(np.float64), real),
    # joining
    case("concatenate", lambda a, b: np.concatenate([a, b, a]), real(2, 3), real(1, 3)),
    case("concatenate", lambda a, b: np.concatenate((a, b), axis=-1), real(2, 3), real(2, 1)),
    case("concatenate", lambda a, b: np.concatenate([a, b], axis=None), real(2, 3), real(2)),
    case("stack", lambda a, b: np.stack([a, b]), real(3), real(3)),
    case("stack", lambda a, b: np.stack([a, b], axis=-1), real(2, 3), real(2, 3)),
    # indexing
    case("getitem", lambda x: x[1], real(3, 2)),
    case("getitem", lambda x: x[::-2, None, ..., 1:], real(4, 3)),
    case("getitem scatter", lambda x: x[[0, 2, 0]], real(3, 2)),
    case("getitem", lambda x: x[np.array([[0, 1], [2, 0]]), np.array([1, 0])], real(3, 2)),
    case("getitem", lambda x: x[np.array([True, False, True])], real(3, 2)),
]
