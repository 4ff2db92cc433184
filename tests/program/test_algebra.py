"""The table of algebra, line by line: each finds its expression, and puts in its place what means the same."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from tests.program.running import assert_same, captured, operations
from tinygrad_np.program.ir import Program
from tinygrad_np.program.passes.algebra import EXACT, STABLE
from tinygrad_np.program.passes.cleaning import common_subexpressions, dead_code
from tinygrad_np.program.passes.identities import identities
from tinygrad_np.program.passes.patterns import Rule
from tinygrad_np.program.passes.rewrite import rewrite

random = np.random.default_rng(5)
x, y, z, w = (random.uniform(-3, 3, (4, 3)) for _ in range(4))
VALUES = {"x": x, "y": y, "z": z, "w": w, "c": x > y}
OPTIONS = {"how": "axis=1, keepdims=True", "dtype": "np.float64", "shape": "(4, 3)"}
ARRAY_METHODS = {"astype": "lambda x, dtype: x.astype(dtype)", "copy": "lambda x: x.copy()"}


def function_of(rule: Rule) -> tuple[Any, list[Any]]:
    """The left side of a rule as a function, and arrays to call it with."""
    text = rule.text.partition("  →  ")[0]
    letters = [
        name for name in VALUES if name in {node.id for node in ast.walk(ast.parse(text)) if hasattr(node, "id")}
    ]
    text = text.replace("reshape(-x, shape)", "reshape(-x, (3, 4))")
    for name, option in OPTIONS.items():
        text = text.replace(f"**{name}", option).replace(f", {name})", f", {option})")
    if "log(s :=" in text:  # The largest x is 0.
        text = text.replace("(x ", "((m := x - x.max()) ").replace("exp(x)", "exp(m)")
    scope = {**vars(np), "np": np, **{name: eval(method) for name, method in ARRAY_METHODS.items()}}
    return eval(f"lambda {', '.join(letters)}: {text}", scope), [VALUES[name] for name in letters]


def applied(rule: Rule, program: Program) -> Program:
    return rewrite(
        program, lambda equation, edit: rule(equation, edit) if equation.operation == rule.operation else None
    )


@pytest.mark.parametrize("rule", [*EXACT, *STABLE], ids=lambda rule: rule.text)
def test_a_line_of_the_table(rule: Rule) -> None:
    function, values = function_of(rule)
    before = common_subexpressions(captured(function, *values))
    after = dead_code(applied(rule, before))
    assert_same(before, after, *values, tolerance=0 if rule in EXACT else 1e-14)
    assert operations(after) != operations(before)


@pytest.mark.parametrize("rule", EXACT, ids=lambda rule: rule.text)
def test_an_exact_line_is_exact_for_rare_values(rule: Rule) -> None:
    function, values = function_of(rule)
    rare = np.array([[0.0, 1e-300, np.inf], [-np.inf, np.nan, 1e300], [-1e300, 1.0, -2.0], [2.0, 0.5, 5e-324]])
    before = common_subexpressions(captured(function, *values))
    given = [value if value.dtype == bool else np.roll(rare, number) for number, value in enumerate(values)]
    assert_same(before, applied(rule, before), *given)


def test_signs_that_others_read_stay() -> None:
    before = captured(lambda x, y: (-x + y, -x), x, y)
    assert operations(identities(common_subexpressions(before))) == ["negative", "add"]


def test_a_sum_of_equal_letters_is_of_equal_values() -> None:
    before = captured(lambda c, x, y, z: np.where(c, np.where(c, x, y), z), x > y, x, y, z)
    after = dead_code(identities(before))
    assert operations(after) == ["where"]
    assert after.equations[0].arguments == (before.inputs[0], before.inputs[1], before.inputs[3])


def test_a_truth_has_no_sign() -> None:
    before = captured(lambda c, x: c * np.full((4, 3), -1.0) + x, x > y, x)
    assert operations(identities(before)) == ["multiply", "add"]
    assert_same(before, identities(before), x > y, x)
