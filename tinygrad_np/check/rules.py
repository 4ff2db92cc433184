"""Whose gradient rule is at fault: each operation that a function ran, checked by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import listed
from ..formula import Symbol, applied, text
from ..frames import place_of
from ..graph import Node
from ..guarded import unguarded
from ..primitive import Primitive
from .passage import saved_values
from .trial import Trial

LARGE = 1000
"""Operations on arrays of more elements are not checked by themselves."""

AT_FAULT = "The gradient rule at fault"

LONG = 40
"""A parameter whose text is longer is not written out."""


def _applied(primitive: Primitive, parameters: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda inputs: [primitive(*inputs, **parameters)]


def whose_rule(trial: Trial) -> str:
    """Check each operation that ran by itself, and say whose gradient rule is wrong."""
    operations = trial.operations
    values: dict[Node, Any] = {
        variable._node: trial.arrays[place]
        for place, variable in trial.recording.variables.items()
        if variable._node is not None
    }
    for node in operations:
        for owner, array in saved_values(node):
            values.setdefault(owner, array)
    guilty: list[str] = []
    unseen = 0
    for node in operations:
        assert node.plan is not None
        primitive, parameters = node.plan.primitive, node.parameters
        inputs = [values.get(value) if type(value) is Node else value for value in node.inputs]
        if any(value is None or np.size(value) > LARGE for value in inputs):
            unseen += 1
            continue
        values.setdefault(node, np.asarray(primitive.run(*inputs, **parameters)))
        places = [index for index, _ in node.plan.rules]
        one = Trial(_applied(primitive, parameters), inputs, places)
        for place in places:
            verdict = one.check(place)
            if verdict.wrong.any() or not verdict.is_linear:
                which = "" if len(inputs) == 1 else f" for input {place}"
                symbols = [Symbol(name, ndim=node.ndim) for name in ("g", "y", *primitive.signature.parameters)]
                rule = applied(primitive.rule(place), *symbols[: 2 + len(inputs)], **parameters)
                parts = [_with(node), f", {rule}" if rule else "", _given_at(primitive, place)]
                guilty.append(f"{node.operation} ({node.place}){which}{''.join(parts)}")
    if guilty:
        return f"{AT_FAULT}: {'; '.join(dict.fromkeys(guilty))}."
    ran = listed(list(dict.fromkeys(f"{node.operation} ({node.place})" for node in operations)))
    if not operations:
        return "Nothing differentiable leads from the inputs to the result: an array was taken out of a Tensor."
    if unseen:
        return f"The function ran {ran}."
    return (
        f"The function ran {ran}; the gradient of each by itself is right, so that something between them drops or "
        "changes a gradient."
    )


def _with(node: Node) -> str:
    """The parameters that an operation ran with, in words."""
    values = [f"{name}={text(value)}" for name, value in node.parameters.items() if value is not None]
    shown = [value if len(value) < LONG else f"{value.partition('=')[0]}=…" for value in values]
    return f" with {listed(shown)}" if shown else ""


def _given_at(primitive: Primitive, place: int) -> str:
    """The line at which a gradient rule was given, in words."""
    rule = primitive.rule_for_each or primitive.rules.get(place)
    code = getattr(unguarded(rule), "__code__", None) if rule is not None else None
    return "" if code is None else f", given at {place_of(code.co_filename, code.co_firstlineno)}"
