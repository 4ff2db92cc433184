"""The common mistakes in gradients that are written by hand, each recognised by its numbers.

A gradient that is exactly 800 times the right one lacks the division by 800 samples; one that equals the gradient of
the activation's output lacks the activation's derivative. Each function here tries one such mistake, and speaks only if
the numbers agree as well as right gradients would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph import Node
from .derivatives import derivatives
from .digits import apart, short
from .factors import origin_of
from .passage import Compared, Passage, described
from .paths import on_a_path
from .shapes import wrong_shape
from .tolerance import ROUNDINGS, judge

ON_THE_WAY = "is what it would be"
"""The words for a mistake that was made somewhere else, and is seen here."""

LONG = 40
"""On a way of more operations than this, they are not looked at one by one."""


class Scene(NamedTuple):
    """Where a gradient stands: the backward pass, all that are compared, and the operations on the way to this one.

    `way` begins where right gradients have shown the operations before to be right, `whole_way` at the gradients that
    are compared.
    """

    passage: Passage
    compared: Sequence[Compared]
    way: Sequence[Node]
    whole_way: Sequence[Node]


def mistake(one: Compared, scene: Scene) -> str:
    """Say in words what is wrong with a gradient: the rest of a sentence that begins with its name."""
    if not one.fits:
        uses = scene.passage.uses.get(one.node, [])
        return wrong_shape(one, any(_is_broadcast(one.node, user) for user, _ in uses))
    # Elements so small that they are noise beside the largest tell nothing of how all of them came about.
    is_noise = one.agrees(one.manual, one.gradient)
    for recognise in (_not_finite, _zero, _constant_factor, _some_elements) if is_noise else _RECOGNISERS:
        words = recognise(one, scene)
        if words:
            return words
    return _worst_element(one)


def _not_finite(one: Compared, scene: Scene) -> str | None:
    broken = ~np.isfinite(one.manual) & np.isfinite(one.gradient)
    if not broken.any():
        return None
    at = _first(broken)
    if not one.manual.ndim:
        return f"is {one.manual}, the gradient {short(one.gradient)}"
    kinds = {str(value) for value in one.manual[broken].tolist()}
    what = kinds.pop() if len(kinds) == 1 else "not finite"
    return f"is {what} {_places(broken)}where the gradient is finite; at {at} that is {short(one.gradient[at])}"


def _zero(one: Compared, scene: Scene) -> str | None:
    if not one.manual.size or np.abs(one.manual).max() > ROUNDINGS * one.eps * np.abs(one.gradient).max():
        return None
    if not one.manual.any():
        return "is 0 everywhere, and the gradient is not"
    is_multiple = _factor(one, np.ones(one.manual.shape, bool)) is not None and one.manual.size > 1
    return None if is_multiple else "is 0 but for rounding, and the gradient is not"


def _constant_factor(one: Compared, scene: Scene) -> str | None:
    factor = _factor(one, np.ones(one.manual.shape, bool))
    if factor is None:
        return None
    what = f"is {short(factor)} times the gradient"
    if abs(factor + 1) < 1e-6:
        return f"has the wrong sign: it {what}"
    origin = origin_of(factor, one, scene.passage, scene.way)
    if origin is None and np.count_nonzero(one.gradient) < 2:
        return None
    sign = " with the wrong sign" if factor < 0 else ""
    if origin is None:
        return f"is {apart(factor, 1.0)[0]} times the gradient, everywhere"
    return f"is {short(abs(factor))} times the gradient{sign}: {origin}"


def _factor(one: Compared, part: Any) -> float | None:
    """The number that the gradient is multiplied by in a part of the manual one; None if there is none."""
    manual, gradient = one.manual[part].astype(np.float64), one.gradient[part].astype(np.float64)
    squares = np.sum(gradient * gradient)
    if not squares > 0:
        return None
    factor = float(np.sum(manual * gradient) / squares)
    if not np.isfinite(factor) or factor == 0:
        return None
    noise = np.broadcast_to(one.noise, one.manual.shape)[part] * abs(factor)
    return None if judge(manual, factor * gradient, one.eps, noise).wrong.any() else factor


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
    if np.count_nonzero(one.manual) < 2:
        return None
    for user in _elementwise_users(one.node, passage):
        is_next = user is passage.uses[one.node][0][0]
        operation = f"{user.operation} ({user.place})" if is_next else f"what makes {described(user)} of {one.name}"
        g, y, x = passage.gradient(user), passage.values.get(user), passage.values.get(one.node)
        for words, derivative in derivatives(user.operation, y, x):
            if one.agrees(one.manual, derivative(g)):
                return f"takes {words} in place of the derivative of {operation}"
    return None


def _derivative_on_the_way(one: Compared, scene: Scene) -> str | None:
    """A wrong derivative of an activation whose own gradient is not compared, seen by what it makes of this one.

    What one instruction of the user's code made is wrong in all of its runs: that of each step of a recurrent network.
    """
    passage = scene.passage
    if np.count_nonzero(one.manual) < 2:
        return None
    instructions: dict[Any, list[Node]] = {}
    for user in scene.whole_way:
        value = _input_of(user, passage)
        if value is not None and value is not one.node:
            instructions.setdefault((user.instruction, user.operation), []).append(user)
    if len(instructions) > LONG:
        return None
    for users in instructions.values():
        for words, gradients in _variants(users, passage):
            changed = np.asarray(gradients.get(one.node, 0.0)) - passage.gradient(one.node)
            if one.agrees(one.manual, one.gradient + changed):
                operation = f"the derivative of {users[0].operation} ({users[0].place})"
                return f"{ON_THE_WAY} {f'with {words} in place of' if words else 'without'} {operation}"
    return None


def _on_a_path(one: Compared, scene: Scene) -> str | None:
    words = on_a_path(one, scene.passage, scene.whole_way)
    return words and f"{ON_THE_WAY} {words}"


def _variants(users: list[Node], passage: Passage) -> Iterator[tuple[str, dict[Node, Any]]]:
    """What all gradients would be with other derivatives of these activations; with none, first of all."""
    ways: dict[str, dict[Node, Callable[[Any], Any]]] = {"": {user: lambda g: g for user in users}}
    for user in users:
        value = _input_of(user, passage)
        assert value is not None
        for words, derivative in derivatives(user.operation, passage.values.get(user), passage.values.get(value)):
            ways.setdefault(words, {})[user] = derivative
    for words, wanted in ways.items():
        if len(wanted) == len(users):
            yield words, passage.variant((words, *users), {user: [each] for user, each in wanted.items()})


def _input_of(user: Node, passage: Passage) -> Node | None:
    """What an activation was computed from; None for another operation."""
    inputs = [value for value in user.inputs if type(value) is Node and value in passage.gradients]
    return inputs[0] if len(inputs) == 1 and _is_activation(user, inputs[0]) else None


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


def _is_broadcast(value: Node, user: Node) -> bool:
    """Whether a use is element by element, with the value repeated along an axis."""
    assert user.plan is not None
    return user.plan.primitive.elementwise and user.shape != value.shape


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
    share = _multiple(surplus, value)
    if not share or not one.agrees(one.manual, one.gradient + share * value):
        return None
    for user, contribution in scene.passage.uses.get(one.node, []):
        known = _multiple(contribution, value)
        if known and one.agrees(contribution, known * value):
            part = f"what comes through {user.operation} ({user.place})"
            if abs(share + known) <= 1e-6 * abs(known):
                return f"lacks {part}"
            return f"has {short(1 + share / known)} times {part}, {short(known)} times {one.name} itself"
    if share < 0:
        return f"is the gradient minus {short(-share)} times {one.name} itself"
    return f"is the gradient plus {short(share)} times {one.name} itself: a weight decay that the loss has not"


def _multiple(array: Any, value: Any) -> float:
    """How many times the value an array is, if it is a multiple of it."""
    value = np.asarray(value, np.float64)
    squares = float(np.sum(value * value))
    return float(np.sum(array * value)) / squares if squares > 0 else 0.0


def _some_elements(one: Compared, scene: Scene) -> str | None:
    judgement = one.judgement
    assert judgement is not None
    wrong = judgement.wrong
    if wrong.all() or one.manual.size < 2:
        return None
    at = judgement.where or ()
    if wrong.sum() == 1:
        return "is wrong at {} alone: {} instead of {}".format(at, *apart(one.manual[at], one.gradient[at]))
    factor = _factor(one, wrong)
    how = "" if factor is None else f", where it is {short(factor)} times the gradient"
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
        return "is {}, but the gradient is {}".format(*apart(one.manual.item(), one.gradient.item()))
    return f"is wrong at {int(judgement.wrong.sum())} of {one.manual.size} elements; {_instead(one, at)}"


def _instead(one: Compared, at: tuple[int, ...]) -> str:
    return "at {} it is {}, not {}".format(at, *apart(one.manual[at], one.gradient[at]))


def _first(chosen: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(chosen)[0])


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
    _on_a_path,
    _some_elements,
)
