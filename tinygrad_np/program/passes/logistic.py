"""What sigmoids and their logarithms share: one exponential and one logarithm for all of them.

With e = exp(-|z|), which is at most 1 and can't overflow, and s(z) = 1 / (1 + exp(-z)):

    logaddexp(0, z) = max(z, 0) + log1p(e)          -log(1 - s(z))
    s(z)            = max(e, z >= 0) / (1 + e)

    y logaddexp(0, -z) + (1 - y) logaddexp(0, z) = y max(-z, 0) + (1 - y) max(z, 0) + log1p(e)

The last is the cross-entropy of s(z) and y. Where y is 0 or 1, it is max(z, 0) - y z + log1p(e) without rounding.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..ir import Program, Variable
from .patterns import Match, Pattern, Rule, by_operation, first_of
from .rewrite import Edit, rewrite

_SOFTPLUS, _MINUS = Pattern("logaddexp(0, z)"), Pattern("-z")


def shared_exponentials(program: Program) -> Program:
    """The logarithms of a sigmoid, of one minus it, their cross-entropy and the sigmoid, by one exp and one log1p."""
    before = Edit(program)
    found: dict[Any, set[Any]] = {}
    for equation in program.equations:
        z = (_SOFTPLUS.match(equation, before) or {}).get("z")
        if isinstance(z, Variable) and z.dtype == equation.output.dtype:
            minus = _MINUS.match(before.made_by.get(z), before)
            found.setdefault(minus["z"] if minus else z, set()).add(z)
    roots = {root for root, both in found.items() if len(both) > 1}

    def shared(match: Match) -> bool:
        """Both logarithms of z are taken."""
        return match.names["z"] in roots

    small = "exp(-absolute(z))"
    entropies = (
        Rule(
            "y * logaddexp(0, -z) + r * logaddexp(0, z)", f"maximum(z, 0) - y * z + log1p({small})", shared, rest, whole
        ),
        Rule(
            "y * logaddexp(0, -z) + r * logaddexp(0, z)",
            f"y * maximum(-z, 0) + r * maximum(z, 0) + log1p({small})",
            shared,
            rest,
        ),
    )
    others = (
        Rule("logaddexp(0, -z)", f"maximum(-z, 0) + log1p({small})", shared),
        Rule("logaddexp(0, z)", f"maximum(z, 0) + log1p({small})", shared),
        Rule("1 / (1 + exp(-z))", f"maximum({small}, greater_equal(z, 0)) / (1 + {small})", shared),
        Rule("1 / (1 + exp(z))", f"maximum({small}, less_equal(z, 0)) / (1 + {small})", shared),
    )
    for rules in map(by_operation, (entropies, others) if roots else ()):
        program = rewrite(program, functools.partial(first_of, rules))
    return program


def whole(match: Match) -> bool:
    """The value y is of whole numbers."""
    return np.dtype(match.names["y"].dtype).kind in "ib"


def rest(match: Match) -> bool:
    """The value r is 1 - y."""
    r, y, edit = match.names["r"], match.names["y"], match.edit
    if not isinstance(y, Variable):
        return False
    if r in edit.constants and y in edit.constants:
        return np.array_equal(edit.constants[r], 1 - np.asarray(edit.constants[y]))
    maker = edit.maker(r, "subtract")
    return maker is not None and maker.arguments[1] is y and edit.number(maker.arguments[0]) == 1
