"""What autograd says of the quantities of a forward pass, to recognise their gradients among a user's variables by.

    expected = Expected(loss, {"Z1": [Z1], "W1": [W1]})
    expected.explains("dZ1", value)

A variable is recognised by its name, or if that says nothing, by its value.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..graph import Node
from ..tensor import Tensor
from .choosing import choice_for
from .kinks import kinks_of
from .noise import rounding_noise
from .passage import Compared, Passage
from .tolerance import judge, precision
from .values import base, varies
from .variables import plain_name, variable_of

CLOSE = 1e-6
"""Values that agree to so much of the largest of them are taken to be the same quantity."""

_ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative")

_ENDINGS = ("_hat", "_pred", "_out")

_LOCAL = re.compile(r"d(\w+?)_?d_?(\w+)")


@dataclass(frozen=True, eq=False)
class _Local:
    """Stands among the nodes for the derivative of one quantity by another."""

    shape: tuple[int, ...]
    dtype: Any
    value: Any


class Expected:
    """What autograd says: the gradient of every quantity of the forward pass, and which variables held it."""

    def __init__(self, loss: Tensor, tensors: dict[str, list[Tensor]]) -> None:
        assert loss._node is not None
        self.loss = loss
        self.tensors = {name: [one for one in found if one.requires_grad] for name, found in tensors.items()}
        self.tensors = {name: found for name, found in self.tensors.items() if found}
        self.passage = Passage(loss._node, np.ones(loss.shape, loss.dtype))
        self._noise: dict[Node, Any] | None = None
        self._alike: dict[Any, Any] = {}
        self._locals: dict[str, list[Any]] = {}
        self.containers: set[str] = set()
        """The variables whose entries are returned: change["W1"] is the gradient of W1, whatever `change` is called."""

    @cached_property
    def has_kinks(self) -> bool:
        """Whether the forward pass is at a kink or a tie."""
        return bool(kinks_of(self.passage.nodes))

    def settled(self, results: Mapping[Tensor, Any]) -> Expected:
        """The same under the choice of slopes at kinks and ties that explains the most of these gradients."""
        if not self.has_kinks:
            return self
        pairs = [(tensor._node, np.asarray(value)) for tensor, value in results.items() if is_numeric(value)]
        compared = [
            Compared("", node, value, self.passage.gradient(node), self.noise(node)) for node, value in pairs if node
        ]
        choice = choice_for(self.passage, sorted(compared, key=lambda one: self.passage.order(one.node)))
        if choice is None:
            return self
        settled = copy.copy(self)
        settled.passage = Passage(self.passage.root, self.passage.seed, choice)
        settled._alike = {}
        return settled

    def nodes(self, name: str) -> list[Node]:
        """The quantities of which a variable is the gradient, told by its name."""
        # What is called dy is as often that of y_hat, beside which y is what was to come out.
        is_result = base(name) in self.containers
        found = variable_of(name, self.tensors, is_result=is_result)
        if found is None:
            return self._local(plain_name(name))
        found = found + [one for ending in _ENDINGS for one in variable_of(name + ending, self.tensors) or []]
        return [one._node for one in found if one._node is not None and one._node in self.passage.gradients]

    def forward(self, name: str) -> list[Any]:
        """The values that the forward pass had under this name, which is computed again as it seems."""
        return [one.numpy() for one in self.tensors.get(name, [])]

    def meant(self, name: str) -> list[Node]:
        """These, and what their activations were given, as many call that after the activation, be it dh or delta_h."""
        found = list(self.nodes(name))
        for node in found:
            plan, parents = getattr(node, "plan", None), getattr(node, "inputs", ())
            parents = [one for one in parents if type(one) is Node and one in self.passage.gradients]
            is_activation = plan is not None and plan.primitive.elementwise and node.operation not in _ARITHMETIC
            if is_activation and len(parents) == 1 and parents[0].shape == node.shape:
                found += [] if parents[0] in found else parents
        return found

    def _local(self, name: str) -> list[Any]:
        """What stands for the derivative of one quantity by another, as da_dz, element by element."""
        if name not in self._locals:
            self._locals[name] = []
            match = _LOCAL.fullmatch(name)
            pair = [self.tensors.get(each, []) for each in match.groups()] if match else []
            if len(pair) == 2 and len(pair[0]) == len(pair[1]) == 1:
                above, below = pair[0][0]._node, pair[1][0]._node
                if above is not None and below is not None and self._is_elementwise(above, below):
                    derivative = self.passage.implied_errors(above, np.ones(above.shape, above.dtype))[below]
                    self._locals[name] = [_Local(derivative.shape, derivative.dtype, derivative)]
        for local in self._locals[name]:
            self.passage.gradients[local] = local.value
        return self._locals[name]

    def _is_elementwise(self, above: Node, below: Node) -> bool:
        """Whether each element of one is made of the same element of the other."""
        between, waiting, is_met = set(), [below], False
        while waiting:
            for user, _ in self.passage.uses.get(waiting.pop(), []):
                if user is above or user.number < above.number:
                    is_met = is_met or user is above
                    waiting += [] if user in between or user is above else [user]
                    between.add(user)
        return is_met and all(
            user.shape == below.shape and user.plan is not None and user.plan.primitive.elementwise for user in between
        )

    def noise(self, node: Node) -> Any:
        """What rounding explains of a difference in this gradient."""
        if self._noise is None:
            wanted = {tensor._node for found in self.tensors.values() for tensor in found if tensor._node is not None}
            self._noise = rounding_noise(self.passage.root, self.passage.seed, wanted)
        return self._noise.get(node, 0.0)

    @cached_property
    def _size(self) -> float:
        """The largest number in any gradient."""
        return max((float(np.abs(one).max(initial=0.0)) for one in self.passage.gradients.values()), default=0.0)

    def is_gradient(self, value: Any, node: Node) -> bool:
        """Whether this is the gradient of that quantity."""
        if not is_numeric(value):
            return False
        value = np.asarray(value)
        gradient = self.passage.gradient(node)
        if value.shape != gradient.shape:
            return False
        # Where autograd's own overflowed nothing can be said.
        value = np.where(np.isnan(gradient), gradient, value)
        eps = precision(gradient.dtype, value.dtype)
        with np.errstate(all="ignore"):
            apart = float(np.abs(value - gradient).max(initial=0.0))
            # Far more than what rounding explains.
            if eps < 1e-10 and apart > max(1e-3 * float(np.abs(gradient).max(initial=0.0)), 1e-9 * self._size):
                return False
        return (
            not judge(value, gradient, eps).wrong.any() or not judge(value, gradient, eps, self.noise(node)).wrong.any()
        )

    def recognised(self, value: Any) -> bool:
        """Whether this is the gradient of any quantity at all, be it named or not."""
        if not is_numeric(value) or not np.ndim(value):
            return False
        shape = np.shape(value)
        if shape not in self._alike:
            alike = [np.asarray(one, float).ravel() for one in self.passage.gradients.values() if one.shape == shape]
            self._alike[shape] = np.array(alike) if alike else np.zeros((0, int(np.prod(shape))))
        gradients = self._alike[shape]
        apart = np.abs(gradients - np.asarray(value, float).ravel()).max(axis=1, initial=0.0)
        return bool(np.any(apart <= CLOSE * np.abs(gradients).max(axis=1, initial=0.0)))

    def explains(self, name: str, value: Any) -> bool:
        """Whether a value is the gradient of the quantity of its name, or of any quantity if its name says nothing."""
        named = self.meant(name)
        return (
            any(self.is_gradient(_in_shape(value, node), node) for node in named) if named else self.recognised(value)
        )

    def is_of_result(self, name: str, value: Any) -> bool:
        """Whether a value is the gradient of what an activation made, where that of what it was given may be meant."""
        nodes, held = self.nodes(name), {one._node for found in self.tensors.values() for one in found}
        # What has a variable of its own is not meant by another's name.
        is_open = any(node not in held for node in self.meant(name)[len(nodes) :])
        return is_open and any(self.is_gradient(value, node) for node in nodes)

    def is_of_forward(self, name: str, value: Any) -> bool:
        """Whether this is what the variable of this name held in the forward pass; or any, if it has none of it."""
        if not is_numeric(value) or not varies(np.asarray(value)):
            return False
        named = self.tensors.get(plain_name(name))
        return any(
            np.shape(value) == one.shape and np.allclose(value, one.numpy(), rtol=CLOSE, atol=0, equal_nan=True)
            for found in ([named] if named else self.tensors.values())
            for one in found
        )

    def lacks_derivative(self, name: str, value: Any) -> bool:
        """Whether a value is the gradient of what an activation made of the quantity of its name."""
        users = [user for node in self.nodes(name) for user, _ in self.passage.uses.get(node, [])]
        return any(
            user.plan is not None and user.plan.primitive.elementwise and self.is_gradient(value, user)
            for user in users
        )

    def divided(self, name: str, value: Any, is_any: bool = False) -> float | None:
        """By which number that the forward pass divides by, such as the size of the batch, a value is off, or None.

        If the name says little, it may be that of any quantity.
        """
        for node in self.passage.gradients if is_any and self.nodes(name) else self.meant(name):
            found = factor(value, self.passage.gradient(node))
            # Who begins with y - p has the negative of every gradient until the end.
            if (
                found is not None
                and not np.isclose(found, 1)
                and np.isclose(abs(found), [1, *self.divisors], rtol=CLOSE).any()
            ):
                return found
        return None

    def is_near(self, name: str, value: Any) -> bool:
        """Whether a value is the gradient of the quantity of its name, a part of it, or what is still to be divided."""
        factors = [factor(value, self.passage.gradient(node)) for node in self.nodes(name)]
        # The 2 of a square may come later too.
        later = [one * other for one in (1.0, *self.divisors) for other in (0.5, 1.0, 2.0)]
        is_later = any(one is not None and np.isclose(one, later, rtol=CLOSE).any() for one in factors)
        return is_later or any(self.is_part(value, node) for node in self.nodes(name))

    def parts(self, node: Node) -> list[Any]:
        """What each use of a quantity adds to its gradient."""
        return [np.asarray(contribution) for _, contribution in self.passage.uses.get(node, [])]

    def is_part(self, value: Any, node: Node, *, exactly: bool = False) -> bool:
        """Whether this is what some uses of the quantity, but not all, add to its gradient, be it up to a factor."""
        parts = self.parts(node)
        sums = [sum(parts[:count]) for count in range(1, len(parts))] + parts
        factors = [factor(value, part) for part in sums]
        return any(one is not None and (not exactly or np.isclose(one, 1, rtol=CLOSE)) for one in factors)

    @cached_property
    def divisors(self) -> list[float]:
        """The numbers that the forward pass divides by, which some leave for the end: the size of the batch."""
        found = []
        for node in self.passage.nodes:
            constants = [
                float(np.asarray(one).item()) for one in node.inputs if type(one) is not Node and np.size(one) == 1
            ]
            if node.operation == "mean":
                found += [max(parent.size, 1) / max(node.size, 1) for parent in node.inputs if type(parent) is Node]
            elif node.operation == "divide":
                found += constants
            elif node.operation == "multiply":
                found += [1 / constant for constant in constants if constant]
        return sorted({abs(one) for one in found if abs(one) != 1})


def is_numeric(value: Any) -> bool:
    """Whether a value may be a gradient: a number or an array of numbers."""
    return isinstance(value, np.ndarray | np.number | float | int) and np.asarray(value).dtype.kind in "fiub"


def _in_shape(value: Any, node: Node) -> Any:
    """A value in the shape of a quantity, if it has as many numbers: it may be laid out anew for what follows."""
    return np.reshape(value, node.shape) if is_numeric(value) and np.size(value) == np.prod(node.shape) else value


def factor(value: Any, gradient: Any) -> float | None:
    """By which factor a value is a gradient; None if by none."""
    if not is_numeric(value) or np.shape(value) != np.shape(gradient):
        return None
    with np.errstate(all="ignore"):
        squares = float(np.sum(gradient * gradient, dtype=np.float64))
        found = float(np.sum(value * gradient, dtype=np.float64)) / squares if squares > 0 else 0.0
        if found == 0 or not np.isfinite(found):
            return None
        size = abs(found) * float(np.abs(gradient).max())
        return found if float(np.abs(value - found * gradient).max()) <= CLOSE * size else None
