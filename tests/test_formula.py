"""A formula is what runs: evaluated as text, it gives what the rule gives, in every row of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.cases import CASES, Case
from tests.test_cases import drawn, variants
from tinygrad_np import Tensor
from tinygrad_np.formula import Symbol, formula
from tinygrad_np.graph import ancestors
from tinygrad_np.ops import PRIMITIVES


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{n}-{case.label}") for n, case in enumerate(CASES)])
def test_the_formula_evaluates_to_the_gradient(case: Case) -> None:
    inputs = [Tensor(value, requires_grad=value.dtype.kind == "f") for value in drawn(case, variants(case)[0])]
    result = case.f(*inputs)
    for node in ancestors(result._node) if result.requires_grad else []:
        if node.plan is None or node.saved is None or node.parameters:
            continue
        if any(np.ndim(value) != node.ndim for value in node.inputs):
            continue  # A formula is that of symbols of as many axes as each other.
        primitive = node.plan.primitive
        upstream = np.cos(np.arange(float(node.size))).reshape(node.shape).astype(node.dtype)
        names = dict(zip(primitive.signature.parameters, node.saved[1:], strict=False))
        for index, rule in node.plan.rules:
            text = formula(primitive, index, ndim=node.ndim)
            if text is not None:
                known: dict[str, Any] = {**PRIMITIVES, "np": np, "g": upstream, "y": node.saved[0], **names}
                expected = rule(upstream, *node.saved)
                np.testing.assert_allclose(eval(text, known), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "index", "text"),
    [
        ("tanh", 0, "g * (1 - y**2)"),
        ("sigmoid", 0, "g * (y * (1 - y))"),
        ("divide", 1, "-g * y / b"),
        ("matmul", 1, "np.dot(a.T, g)"),
        ("relu", 0, "g * (x > 0)"),
        ("equal", 0, None),
    ],
)
def test_formulas_read_well(name: str, index: int, text: str | None) -> None:
    assert formula(PRIMITIVES[name], index) == text


def test_parentheses_follow_pythons_precedence() -> None:
    a, b = Symbol("a"), Symbol("b")
    assert str((a - (b - a)) * -b) == "(a - (b - a)) * -b"
    assert str((-a) ** 2) == "(-a)**2"
    assert str(-(a**2)) == "-a**2"
    assert str((a == 0) & (b > a + 1)) == "(a == 0) & (b > a + 1)"
    assert str((a > 0) != (b > 0)) == "(a > 0) != (b > 0)"
    assert str(2 / (a / b)) == "2 / (a / b)"
    assert str((a + b)[1:, None].T) == "(a + b)[1:, None].T"
    assert str(np.exp(a) @ b.sum(axis=0)) == "np.exp(a) @ b.sum(axis=0)"
    with pytest.raises(TypeError, match="no value"):
        bool(a > b)
