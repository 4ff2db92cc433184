"""The idea of tinygrad_np on one page: a tensor, its rules, the backward pass, a drawing.

    python examples/from_scratch.py

**A gradient rule is plain NumPy, and a Tensor speaks NumPy's protocols.** Given arrays a rule runs at NumPy's speed:
that is the backward pass. Given Tensors, the very same rule records itself: that is a second derivative.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

# A rule turns dL/dy, the upstream gradient g, into dL/dx; it is given g, the result y, and the inputs.
Rule = Callable[..., Any]
RULES: dict[Any, tuple[Rule, ...]] = {
    np.add: (lambda g, y, a, b: g, lambda g, y, a, b: g),
    np.subtract: (lambda g, y, a, b: g, lambda g, y, a, b: -g),
    np.multiply: (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    np.true_divide: (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    np.negative: (lambda g, y, x: -g,),
    np.power: (lambda g, y, x, n: g * n * x ** (n - 1),),
    np.matmul: (lambda g, y, a, b: g @ np.transpose(b), lambda g, y, a, b: np.transpose(a) @ g),
    np.transpose: (lambda g, y, x: np.transpose(g),),
    np.exp: (lambda g, y, x: g * y,),
    np.log: (lambda g, y, x: g / x,),
    np.tanh: (lambda g, y, x: g * (1 - y**2),),
    np.sum: (lambda g, y, x, **axes: g * np.ones(x.shape),),
}

clock = itertools.count()


class Tensor(NDArrayOperatorsMixin):
    """An array that remembers how it was computed: which function, of which inputs."""

    def __init__(self, data: Any, name: str = "", function: Any = None, inputs: tuple[Any, ...] = ()) -> None:
        self.data = np.asarray(data, dtype=float)
        self.name = name
        self.function = function
        self.inputs = inputs
        self.number = next(clock)  # What a tensor was computed from has a smaller number.
        self.grad: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.data.shape

    # NumPy asks a Tensor what its own functions, operators among them, are to do: compute, and take note.

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any) -> Tensor:
        return self.__array_function__(function, (), inputs, {})

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: dict[str, Any]) -> Tensor:
        result = function(*map(array_of, inputs), **options)
        return Tensor(result, function=function, inputs=inputs)

    def backward(self) -> None:
        """Leave dL/dt in `t.grad` of every tensor t that this L was computed from."""
        for tensor, gradient in backward_steps(self, np.ones(self.shape)):
            tensor.grad = gradient


def array_of(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


def backward_steps(loss: Tensor, seed: Any, record: bool = False) -> Iterator[tuple[Tensor, Any]]:
    """Yield each tensor with its gradient, the newest first: whatever used its value is newer, so it is complete."""
    gradients = {loss.number: seed}
    tensors = {loss.number: loss}
    while tensors:
        tensor = tensors.pop(max(tensors))
        gradient = gradients.pop(tensor.number)
        yield tensor, gradient
        given = [gradient, tensor, *tensor.inputs]
        for parent, rule in zip(tensor.inputs, RULES.get(tensor.function, ()), strict=False):
            if isinstance(parent, Tensor):
                contribution = unbroadcast(rule(*(given if record else map(array_of, given))), parent.shape)
                # Where a value was used more than once, the chain rule adds up.
                gradients[parent.number] = gradients.get(parent.number, 0.0) + contribution
                tensors[parent.number] = parent


def unbroadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the copies that broadcasting made of an input of this shape."""
    added = len(gradient.shape) - len(shape)
    for axis in reversed(range(len(gradient.shape))):
        if axis < added or (shape[axis - added] == 1 and gradient.shape[axis] > 1):
            gradient = np.sum(gradient, axis=axis, keepdims=axis >= added)
    return gradient


def grad(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The gradient of f as a function; the rules record themselves, so it can be differentiated again."""

    def gradient(x: Tensor) -> Tensor:
        y = f(x)
        return next(g for t, g in backward_steps(y, Tensor(np.ones(y.shape)), record=True) if t is x)

    return gradient


def dot(loss: Tensor) -> str:
    """The graph in Graphviz's language: paste it into any viewer, or `dot -Tsvg`."""
    lines = ["digraph {"]
    for tensor, _ in backward_steps(loss, np.ones(loss.shape)):
        what = tensor.name or getattr(tensor.function, "__name__", "constant")
        lines.append(f'  {tensor.number} [label="{what} {tensor.shape}"]')
        lines += [f"  {parent.number} -> {tensor.number}" for parent in tensor.inputs if isinstance(parent, Tensor)]
    return "\n".join([*lines, "}"])


if __name__ == "__main__":
    random = np.random.default_rng(0)
    X, Y = random.normal(size=(8, 2)), random.normal(size=(8, 1))
    W1, b1 = Tensor(random.normal(size=(2, 3)), "W1"), Tensor(np.zeros((1, 3)), "b1")
    W2 = Tensor(random.normal(size=(3, 1)), "W2")
    for step in range(101):
        loss = np.sum((np.tanh(X @ W1 + b1) @ W2 - Y) ** 2) / 8
        loss.backward()
        if step % 25 == 0:
            print(f"step {step:3}: loss {loss.data:.4f}")
        for parameter in (W1, b1, W2):
            parameter.data = parameter.data - 0.1 * parameter.grad
    print(f"the second derivative of tanh at 0.5 is {grad(grad(np.tanh))(Tensor(0.5)).data:.4f}")
    print(dot(loss))
