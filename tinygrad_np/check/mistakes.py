"""The common mistakes in gradients that are written by hand, each recognised by its numbers.

A gradient that is exactly 800 times the right one lacks the division by 800 samples; one that equals the gradient of
the activation's output lacks the activation's derivative. Each function here tries one such mistake, and speaks only if
the numbers agree as well as right gradients would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from ..ops.elementwise import activation, exponential, hyperbolic
from ..primitive import Primitive
from .passage import Compared, Passage, described
from .shapes import wrong_shape

_ACTIVATIONS = [
    member
    for family in (activation, exponential, hyperbolic)
    for member in vars(family).values()
    if isinstance(member, Primitive)
]
"""The operations whose derivatives are taken for one another."""

ON_THE_WAY = "is what it would be"
"""The words for a mistake that was made somewhere else, and is seen here."""

LONG = 40
"""On a way of more operations than this, they are not looked at one by one."""


class Scene(NamedTuple):
    """Where a gradient stands: the backward pass, all that are compared, and the operations on the way to this one."""

    passage: Passage
    compared: Sequence[Compared]
    way: Sequence[Node]


def mistake(one: Compared, scene: Scene) -> str:
    """Say in words what is wrong with a gradient: the rest of a sentence that begins with its name."""
    if not one.fits:
        return wrong_shape(one)
    for recognise in _RECOGNISERS:
        words = recognise(one, scene)
        if words:
            return words
    return _worst_element(one)


def _not_finite(one: Compared, scene: Scene) -> str | None:
    broken = ~np.isfinite(one.manual) & np.isfinite(one.gradient)
    if not broken.any():
        return None
    at = _first(broken)
    return (
        f"is {one.manual[at]} {_places(broken)}where the gradient is finite; at {at} that is {_short(one.gradient[at])}"
        if one.manual.ndim
        else f"is {one.manual}, the gradient {_short(one.gradient)}"
    )


def _zero(one: Compared, scene: Scene) -> str | None:
    return None if one.manual.any() or not one.manual.size else "is 0 everywhere, and the gradient is not"


def _constant_factor(one: Compared, scene: Scene) -> str | None:
    factor = _factor(one, np.ones(one.manual.shape, bool))
    if factor is None:
        return None
    what = f"is {_short(factor)} times the gradient"
    if abs(factor + 1) < 1e-6:
        return f"has the wrong sign: it {what}"
    origin = _origin_of(abs(factor), one, scene.passage)
    if origin is None and np.count_nonzero(one.gradient) < 2:
        return None
    sign = " with the wrong sign" if factor < 0 else ""
    if origin is None:
        return f"{what}, everywhere"
    return f"is {_short(abs(factor))} times the gradient{sign}: {origin}"


def _factor(one: Compared, part: Any) -> float | None:
    """The number that the gradient is multiplied by in a part of the manual one; None if there is none."""
    manual, gradient = one.manual[part].astype(np.float64), one.gradient[part].astype(np.float64)
    squares = np.sum(gradient * gradient)
    if not squares > 0:
        return None
    factor = float(np.sum(manual * gradient) / squares)
    if not np.isfinite(factor) or factor == 0 or not one.agrees(manual, factor * gradient):
        return None
    return factor


def _origin_of(factor: float, one: Compared, passage: Passage) -> str | None:
    """Where in the forward pass a factor like this stands, that was forgotten or taken twice."""
    for known, node, words in _factors(one, passage):
        for expected, mistaken in ((1 / known, "it seems forgotten"), (known, "it seems taken twice")):
            if math.isclose(factor, abs(expected), rel_tol=1e-6):
                return f"{words.format(place=node.place, value=described(node))}, and {mistaken}"
    return None


def _factors(one: Compared, passage: Passage) -> Iterator[tuple[float, Node, str]]:
    """The factors that the operations put into a gradient, the node of each, and words with places for what it is."""
    for node in reversed(passage.nodes):
        constants = [value for value in node.inputs if type(value) is not Node and np.size(value) == 1]
        constant = float(np.asarray(constants[0]).item()) if len(constants) == 1 else 0.0
        if node.operation == "mean":
            count = next((parent.size for parent in node.inputs if type(parent) is Node), 0) // max(node.size, 1)
            if count > 1:
                yield 1 / count, node, f"the mean ({{place}}) divides by {count}"
        elif node.operation == "square":
            yield 2.0, node, "the derivative of the square ({place}) has the factor 2"
        elif constant in (0, 1):
            continue
        elif node.operation == "divide" and node.inputs[1] is constants[0]:
            yield 1 / constant, node, f"{{place}} divides by {_short(constant)}"
        elif node.operation == "multiply":
            yield constant, node, f"{{place}} multiplies by {_short(constant)}"
        elif node.operation == "power" and node.inputs[1] is constants[0]:
            yield constant, node, f"the derivative of the power ({{place}}) has the factor {_short(constant)}"
    for node in [one.node, *reversed(passage.nodes)]:
        if node.plan is not None and node.ndim and node.shape[0] > 1:
            rows = node.shape[0]
            yield 1 / rows, node, f"{{value}} has {rows} rows, and a mean over them divides by that"


def _transposed(one: Compared, scene: Scene) -> str | None:
    is_it = one.manual.ndim > 1 and one.agrees(one.manual.T, one.gradient)
    return "is the transpose of the gradient" if is_it else None


def _one_part(one: Compared, scene: Scene) -> str | None:
    uses = scene.passage.uses.get(one.node, [])
    if not 1 < len(uses) < 9:
        return None
    for place, (user, contribution) in enumerate(uses):
        if one.agrees(one.manual, contribution):
            return (
                f"is only what comes through {user.operation} ({user.place}); the value is used {len(uses)} times, and "
                "the contributions add up"
            )
        rest = [other for number, (_, other) in enumerate(uses) if number != place]
        if one.agrees(one.manual, sum(rest[1:], rest[0])):
            return f"lacks what comes through {user.operation} ({user.place})"
    return None


def _missing_derivative(one: Compared, scene: Scene) -> str | None:
    for user in _elementwise_users(one.node, scene.passage):
        if one.agrees(one.manual, scene.passage.gradient(user)):
            what = "" if user.name is None else f" of {user.name}"
            return (
                f"is the gradient{what} after {user.operation} ({user.place}); the factor of its derivative is missing"
            )
    return None


def _other_derivative(one: Compared, scene: Scene) -> str | None:
    passage = scene.passage
    value = passage.values.get(one.node)
    if np.count_nonzero(one.manual) < 2:
        return None
    for user in _elementwise_users(one.node, passage):
        is_next = user is passage.uses[one.node][0][0]
        operation = f"{user.operation} ({user.place})" if is_next else f"what makes {described(user)} of {one.name}"
        for words, candidate in _derivatives(user.operation, passage.gradient(user), passage.values.get(user), value):
            if one.agrees(one.manual, candidate):
                return f"takes {words} in place of the derivative of {operation}"
    return None


def _derivatives(operation: str, g: Any, y: Any, x: Any) -> Iterator[tuple[str, Any]]:
    """Upstream gradients through derivatives that are easily confused, with x the input and y the result, if known."""
    for primitive in _ACTIVATIONS:
        rule = primitive.rule(0)
        if rule is None or primitive.inputs != 1 or not primitive.elementwise or primitive.parameters:
            continue
        given = [("", y, x)]
        if primitive.name == operation:
            given = [(", taken at its input,", x, x), (", taken at its result,", y, y)]
        for words, result, value in given:
            try:
                yield f"the derivative of {primitive.name}{words}", rule(g, result, value)
            except (TypeError, AttributeError):
                continue  # The rule reads a value that nobody saved.
    for name, value in (("the result", y), ("the input", x)):
        if value is not None:
            yield f"1 minus {name}", g * (1 - value)
            yield name, g * value


def _derivative_on_the_way(one: Compared, scene: Scene) -> str | None:
    """A wrong derivative of an activation whose own gradient is not compared, seen by what it makes of this one."""
    passage = scene.passage
    if np.count_nonzero(one.manual) < 2 or len(scene.way) > LONG:
        return None
    for user in scene.way:
        inputs = [value for value in user.inputs if type(value) is Node and value in passage.gradients]
        if len(inputs) != 1 or inputs[0] is one.node or not _is_activation(user, inputs[0]):
            continue
        g, y, x = passage.gradient(user), passage.values.get(user), passage.values.get(inputs[0])
        for words, candidate in [("", g), *_derivatives(user.operation, g, y, x)]:
            error = np.asarray(candidate) - passage.gradient(inputs[0])
            implied = passage.implied_errors(inputs[0], error).get(one.node)
            if implied is not None and one.agrees(one.manual, one.gradient + implied):
                operation = f"the derivative of {user.operation} ({user.place})"
                return f"{ON_THE_WAY} {f'with {words} in place of' if words else 'without'} {operation}"
    return None


def _elementwise_users(node: Node, passage: Passage) -> Iterator[Node]:
    """The results that depend on this value alone, element by element: its use, the use of that, and so on."""
    uses = passage.uses.get(node, [])
    # One number soon equals another by chance: only the next operation is looked at.
    for _ in range(LONG if node.size > 1 else 1):
        if len(uses) != 1:
            return
        user = uses[0][0]
        if not _is_activation(user, node):
            return
        yield user
        uses = passage.uses.get(user, [])


def _is_activation(node: Node, value: Node) -> bool:
    """Whether a node is computed from this value alone, element by element."""
    assert node.plan is not None
    return node.plan.primitive.elementwise and node.shape == value.shape and len(node.plan.rules) == 1


def _of_another(one: Compared, scene: Scene) -> str | None:
    for other in scene.compared:
        if other is not one and one.agrees(one.manual, other.gradient):
            swapped = other.agrees(other.manual, one.gradient)
            return f"is the gradient of {other.name}{': the two are swapped' if swapped else ''}"
    for node in reversed(scene.passage.nodes):
        if node is not one.node and node.name is not None and one.agrees(one.manual, scene.passage.gradient(node)):
            return f"is the gradient of {node.name}"
    return None


def _weight_decay(one: Compared, scene: Scene) -> str | None:
    value = scene.passage.values.get(one.node)
    if value is None or one.manual.size < 2:
        return None
    surplus = one.manual.astype(np.float64) - one.gradient
    share = float(np.sum(surplus * value) / max(np.sum(value.astype(np.float64) ** 2), 1e-300))
    if share and one.agrees(one.manual, one.gradient + share * value):
        return f"is the gradient plus {_short(share)} times {one.name} itself: a weight decay that the loss has not"
    return None


def _some_elements(one: Compared, scene: Scene) -> str | None:
    judgement = one.judgement
    assert judgement is not None
    wrong = judgement.wrong
    if wrong.all() or one.manual.size < 2:
        return None
    at = judgement.where or ()
    if wrong.sum() == 1:
        return f"is wrong at {at} alone: {_short(one.manual[at])} instead of {_short(one.gradient[at])}"
    factor = _factor(one, wrong)
    how = "" if factor is None else f", where it is {_short(factor)} times the gradient"
    value = scene.passage.values.get(one.node)
    if value is not None:
        for words, chosen in (("negative", value < 0), ("positive", value > 0), ("0", value == 0)):
            if (wrong == chosen).all():
                return f"is wrong exactly where {one.name} is {words}{how}"
    few = "alone" if 2 * wrong.sum() <= wrong.size else ""
    return f"is wrong {_places(wrong)}{few}".rstrip() + (how or f"; {_instead(one, at)}")


def _places(chosen: Any) -> str:
    """Where these elements are, in words: a row, a column, or how many there are."""
    for axis in range(chosen.ndim):
        across = tuple(other for other in range(chosen.ndim) if other != axis)
        full, any_ = chosen.all(axis=across), chosen.any(axis=across)
        if chosen.ndim > 1 and any_.sum() == 1 and full.sum() == 1:
            kind = {(2, 0): "row", (2, 1): "column"}.get((chosen.ndim, axis), f"axis {axis}, index")
            return f"in {kind} {int(full.argmax())} "
    return f"at {int(chosen.sum())} of {chosen.size} elements "


def _worst_element(one: Compared) -> str:
    judgement = one.judgement
    assert judgement is not None
    at = judgement.where or ()
    if one.manual.size == 1:
        return f"is {_short(one.manual.item())}, but the gradient is {_short(one.gradient.item())}"
    return f"is wrong at {int(judgement.wrong.sum())} of {one.manual.size} elements; {_instead(one, at)}"


def _instead(one: Compared, at: tuple[int, ...]) -> str:
    return f"at {at} it is {_short(one.manual[at])}, not {_short(one.gradient[at])}"


def _first(chosen: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(chosen)[0])


def _short(value: Any) -> str:
    return f"{float(value) + 0.0:.6g}"


_RECOGNISERS: tuple[Callable[[Compared, Scene], str | None], ...] = (
    _not_finite,
    _zero,
    _constant_factor,
    _transposed,
    _one_part,
    _missing_derivative,
    _of_another,
    _other_derivative,
    _derivative_on_the_way,
    _weight_decay,
    _some_elements,
)
