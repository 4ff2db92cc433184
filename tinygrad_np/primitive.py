"""Primitive: an operation, its forward rule and its gradient rules, all of them plain NumPy.

    @primitive
    def tanh(x):
        return np.tanh(x)

    @tanh.vjp
    def _(g, y, x):
        return g * (1 - y**2)

A vjp (vector-Jacobian product) turns the upstream gradient `g = dL/dy` into `dL/dx`. It is given `g`, the result `y`
and the inputs, and the operation's parameters by keyword. An operation of several inputs has a rule for each
(`@multiply.vjp(0)`, `@multiply.vjp(1)`), so that a gradient nobody needs is never computed; one rule for inputs of any
number (`@concatenate.vjp(...)`) is given the index of the input before all else. A rule may return more than the
input's shape where the input was broadcast: the engine sums the excess away.

This file knows no Tensor. What is called with something that has a method `__primitive__` (a Tensor has) is handed
over to that method; everything else is an array, and runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, overload

import numpy as np

from .errors import FORWARD_FAILURES, CaptureError, DTypeError, RuleError
from .frames import user_place
from .guarded import assert_takes, guarded_forward, guarded_vjp, no_rule
from .reads import NOTHING, SHAPE, VALUE, amounts_read
from .sentences import failure, in_a_sentence

Rule = Callable[..., Any]


class Records(Protocol):
    """What an operation hands itself over to, which then returns the like: a Tensor."""

    @property
    def __primitive__(self) -> Callable[..., Any]:
        """Runs a primitive on values of which this is one, and records it."""


Tensors = TypeVar("Tensors", bound=Records)


class Operation:
    """The type of what takes arrays and Tensors alike: given a Tensor, it returns one."""

    @overload
    def __call__(self, x: Tensors, /, *others: Any, **parameters: Any) -> Tensors: ...

    @overload
    def __call__(self, x: Any, y: Tensors, /, *others: Any, **parameters: Any) -> Tensors: ...

    @overload
    def __call__(self, x: Any, y: Any, z: Tensors, /, *others: Any, **parameters: Any) -> Tensors: ...

    @overload
    def __call__(self, *arguments: Any, **parameters: Any) -> Any: ...

    def __call__(self, *arguments: Any, **parameters: Any) -> Any:
        """Compute the result."""
        raise NotImplementedError


def operation(composed: Rule) -> Operation:
    """An operation composed of primitives: to type checkers as they are, and what it refuses is told as by them."""
    return cast(Operation, in_a_sentence(composed))


@dataclass(slots=True)
class Plan:
    """What one application of a primitive records, given which of its inputs need a gradient.

    `rules` pairs an input's index with its vjp; `reads` says whether they read anything of the result and the inputs,
    `pick` takes that out of `(None, result, *arrays, *inputs)`, else `nothing` takes its place; `reads_values` says
    whether they read more than shapes; `values` are the indices of the inputs whose values they read.
    """

    primitive: Primitive
    rules: tuple[tuple[int, Rule], ...]
    reads: bool
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    nothing: tuple[None, ...]
    reads_values: bool
    values: tuple[int, ...] = ()


class Primitive(Operation):
    """An operation that can be differentiated; call it with arrays, Tensors or both.

    Attributes: `name`; `forward`, the rule that computes the result; `rules`, a vjp for each index of an input;
    `run`, the same, guarded if it is a user's; `differentiable`, whether there are any vjps; `data`, whether the result
    is data, which carries no gradient; `inputs`, the number of array inputs, None if any number; `parameters`, the
    names of the other arguments; `elementwise`, whether each element of the result depends on the same element of the
    broadcast inputs alone; `asks`, whether its rules tell what nobody used from what has the gradient 0.
    """

    @in_a_sentence
    def __init__(
        self,
        forward: Callable[..., Any],
        name: str | None = None,
        elementwise: bool = False,
        saves: str | None = None,
        data: bool = False,
        asks: bool = False,
    ) -> None:
        if not callable(forward):
            raise RuleError(f"a primitive was made of a {type(forward).__name__}, {user_place()}: give it a function.")
        self.asks = asks
        self.forward = forward
        self.data = data
        self.elementwise = elementwise
        self.saves = saves
        self.name: str = name or getattr(forward, "__name__", "") or type(forward).__name__
        self.run = guarded_forward(forward, self.name)
        self.differentiable = False
        self.rules: dict[int, Rule] = {}
        self.rule_for_each: Rule | None = None
        self.selections: dict[int, Rule] = {}
        self.reached: dict[int, Rule] = {}
        self.added: Rule | None = None
        self.on_request: set[int] = set()
        try:
            self.signature = inspect.signature(forward)
        except ValueError:
            raise RuleError(
                f"a primitive was made of {self.name}, {user_place()}, which does not tell its arguments: write "
                "a function around it."
            ) from None
        self.inputs, self.parameters = _split_signature(self.signature)
        self.plans: dict[int, Plan] = {}
        self.__doc__ = forward.__doc__
        self.__name__ = self.__qualname__ = self.name
        self.__module__ = forward.__module__
        self.__wrapped__ = forward

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    if not TYPE_CHECKING:  # Its type is that of any operation.

        def __call__(self, *arguments: Any, **parameters: Any) -> Any:
            """Run the forward rule on arrays, or hand over to the first argument that records (a Tensor)."""
            if self.inputs is not None and len(arguments) != self.inputs:
                arguments, parameters = self._bind(arguments, parameters)
            for argument in arguments:
                record = getattr(argument, "__primitive__", None)
                if record is not None:
                    return record(self, arguments, parameters)
            try:
                return self.run(*arguments, **parameters)
            except (*FORWARD_FAILURES, CaptureError) as error:
                return self.failed(error, arguments, parameters)

    def failed(self, error: Exception, arrays: tuple[Any, ...], parameters: dict[str, Any], inputs: Any = None) -> Any:
        """What comes of a forward rule that failed on the arrays of its inputs.

        Lists are taken for arrays, as NumPy does; a program that is being captured goes on with the rule as a whole;
        else the error is told in a sentence.
        """
        try:
            if any(type(array) in (list, tuple) for array in arrays):
                arrays = tuple(np.asarray(array) if type(array) in (list, tuple) else array for array in arrays)
                return self.run(*arrays, **parameters)
            return handed_over(error, self.forward, arrays, parameters)
        except RuleError as refusal:
            raise RuleError(f"{refusal} It was met at {user_place()}.") from None
        except FORWARD_FAILURES as refusal:
            raise failure(refusal, self.name, inputs or arrays) from None

    def _bind(self, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional arguments beyond the array inputs are parameters; array inputs given by name are put in place."""
        count = self.inputs or 0
        if len(arguments) > count and len(arguments) - count <= len(self.parameters):
            named = dict(zip(self.parameters, arguments[count:], strict=False))
            return arguments[:count], {**named, **parameters}
        try:
            bound = self.signature.bind(*arguments, **parameters)
        except TypeError as error:
            raise DTypeError(f"{self.name} takes {self.signature}, {user_place()}: {error}.") from None
        names = list(bound.arguments)
        arrays = tuple(bound.arguments[name] for name in names[:count])
        return arrays, {name: bound.arguments[name] for name in names[count:]}

    @overload
    def vjp(self, rule_or_index: Rule) -> Rule: ...

    @overload
    def vjp(self, rule_or_index: int | EllipsisType = 0) -> Callable[[Rule], Rule]: ...

    def vjp(self, rule_or_index: Any = 0) -> Any:
        """Give the gradient rule of an input: `@f.vjp` for the only one, `@f.vjp(1)`, or `@f.vjp(...)` for any.

        Raises RuleError if the rule does not take what it will be given.
        """
        if callable(rule_or_index):
            return self.vjp(0)(rule_or_index)

        def keep(rule: Rule) -> Rule:
            if self.data:
                raise RuleError(
                    f"{self.name} is data (@primitive(data=True)), and carries no gradient: it has no rule."
                )
            assert_takes(rule, self.name, rule_or_index, self.signature, self.inputs)
            if rule_or_index is Ellipsis:
                self.rule_for_each = rule
            else:
                self.rules[rule_or_index] = rule
            self.differentiable = True
            self.plans.clear()
            return rule

        return keep

    def selects(self, index: int, *, on_request: bool = False) -> Callable[[Rule], Rule]:
        """Say, by a rule of the inputs, which elements of one the result takes: the others' gradient is exactly 0.

        What is told `on_request` is told only to the rules of primitives that ask.
        """

        def keep(rule: Rule) -> Rule:
            self.selections[index] = rule
            if on_request:
                self.on_request.add(index)
            return rule

        return keep

    def reaches(self, index: int) -> Callable[[Rule], Rule]:
        """Say, by a rule of a mask of the result's elements and of the inputs, which elements of one they were made of.

        The rule's answer broadcasts to the contribution; None if it can't tell. Without such a rule the vjp is asked.
        """
        return lambda rule: self.reached.setdefault(index, rule)

    def adds(self, rule: Rule) -> Rule:
        """Say how the gradient of the only input, nearly all 0, is added to a sum: `rule(total, g, y, x)`."""
        self.added = rule
        return rule

    def rule(self, index: int) -> Rule | None:
        """The vjp of one input, guarded if it is a user's, or None if it has none."""
        if self.rule_for_each is not None:
            each = guarded_vjp(self.rule_for_each, self.name)
            return lambda *arguments, **parameters: each(index, *arguments, **parameters)
        rule = self.rules.get(index)
        return None if rule is None else guarded_vjp(rule, self.name)

    def plan(self, mask: int, count: int) -> Plan:
        """The plan for `count` inputs of which those in the bits of `mask` need a gradient."""
        rules = []
        for index in range(count):
            if mask >> index & 1:
                rules.append((index, self.rule(index) or no_rule(self.name, index)))
        read = self._read(rules, count)
        picked = [1 if read[0] else 0]
        picked += [(0, 2 + count + index, 2 + index)[amount] for index, amount in enumerate(read[1:])]
        values = tuple(index for index, amount in enumerate(read[1:]) if amount == VALUE)
        # The rule of any number of inputs takes none that it does not read.
        nothing = (None,) * (1 if self.rule_for_each is not None else 1 + count)
        plan = Plan(self, tuple(rules), any(picked), itemgetter(*picked), nothing, bool(read[0] or values), values)
        return self.plans.setdefault((1 << count) + mask, plan)

    def _read(self, rules: list[tuple[int, Rule]], count: int) -> list[int]:
        """How much the rules read of the result and of each of `count` inputs."""
        if self.saves == "shapes":
            return [NOTHING, *[SHAPE] * count]
        if self.rule_for_each is not None:
            return amounts_read(self.rule_for_each, 2, count)
        amounts = [amounts_read(rule, 1, count) for _, rule in rules]
        read = [max(column) for column in zip(*amounts, strict=True)]
        return [read[0], *[VALUE] * count] if self.saves == "inputs" else read


def handed_over(
    error: Exception, rule: Rule, arguments: tuple[Any, ...], parameters: dict[str, Any], of: str = ""
) -> Any:
    """What a rule (a gradient rule `of` a primitive) that failed gives, if a captured array refused it its values.

    The refusal writes the rule down as one equation of the program that is being captured: this is the only place where
    rules and captures meet. Any other error is raised again.
    """
    # NumPy may have wrapped what the array refused.
    refusal = error if isinstance(error, CaptureError) else error.__cause__
    if not isinstance(refusal, CaptureError):
        raise error
    if of:
        refusal = refusal.within(f"the gradient of {of}")
    if refusal.whole is None:
        raise refusal
    return refusal.whole(refusal, rule, arguments, parameters, of)


@overload
def primitive(forward: Rule, /) -> Primitive: ...


@overload
def primitive(
    *,
    name: str | None = None,
    elementwise: bool = False,
    saves: str | None = None,
    data: bool = False,
    asks: bool = False,
) -> Callable[[Rule], Primitive]: ...


def primitive(forward: Rule | None = None, /, **options: Any) -> Primitive | Callable[[Rule], Primitive]:
    """Make an operation of a NumPy function; give it its gradient with `.vjp`.

    The array inputs are the arguments before `/`, or without one all that have no default; the others are parameters.
    `name` is the operation's name where it is not the function's; `elementwise` says that each element of the result
    depends on the same element of the inputs alone (see Primitive); `saves="shapes"` that the rules of an operation of
    any number of inputs read nothing but their shapes; `saves="inputs"` that the inputs are kept though the rules may
    not read them, for a loss that asks what a probability was computed from; `data=True` that the result carries no
    gradient, although it may be floating (a mask, a count, a step): without that, a gradient that meets a primitive
    without a rule is an error; `asks` that the rules tell what nobody used (see Primitive).

    >>> import numpy as np, tinygrad_np as tg
    >>> @tg.primitive
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.vjp
    ... def _(g, y, x):
    ...     return g * 3 * x**2
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> cube(x).backward()
    >>> float(x.grad)
    12.0
    """
    return (lambda function: Primitive(function, **options)) if forward is None else Primitive(forward, **options)


NUMPY: dict[Any, Callable[..., Any]] = {}
"""What a Tensor runs when it is given to one of NumPy's functions: a primitive, or a function composed of them."""


Implementation = TypeVar("Implementation", bound=Callable[..., Any])


def implements(*functions: Any) -> Callable[[Implementation], Implementation]:
    """Say which of NumPy's functions a primitive, or a function composed of primitives, stands for on Tensors."""

    def keep(ours: Implementation) -> Implementation:
        for function in functions:
            if function in NUMPY:
                raise ValueError(f"{function} is implemented already, by {NUMPY[function]}")
            NUMPY[function] = ours
        return ours

    return keep


def _split_signature(signature: inspect.Signature) -> tuple[int | None, tuple[str, ...]]:
    """The number of array inputs (None: any number) and the names of the parameters of a forward rule."""
    arguments = list(signature.parameters.values())
    if any(argument.kind is argument.VAR_POSITIONAL for argument in arguments):
        return None, tuple(argument.name for argument in arguments if argument.kind is argument.KEYWORD_ONLY)
    inputs = [argument for argument in arguments if argument.kind is argument.POSITIONAL_ONLY] or [
        argument
        for argument in arguments
        if argument.kind is argument.POSITIONAL_OR_KEYWORD and argument.default is argument.empty
    ]
    return len(inputs), tuple(argument.name for argument in arguments if argument not in inputs)
