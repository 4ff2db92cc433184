"""The passes that see the steps of a loop as pieces of one array: what they join, and what they leave alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.program.running import assert_same, captured, operations
from tinygrad_np.program.passes.cleaning import common_subexpressions, dead_code
from tinygrad_np.program.passes.loops.batching import batched
from tinygrad_np.program.passes.loops.pieces import early_terms, rejoined, summed_pieces
from tinygrad_np.program.passes.loops.stacking import stacked_products

random = np.random.default_rng(1)
P, Q, W = (random.normal(size=(12, 12)) for _ in range(3))
X, b, row, number = (
    random.normal(size=(4, 12, 3)),
    random.normal(size=(12, 1)),
    random.normal(size=(1, 12)),
    np.array(2.5),
)
RARE = np.full((12, 12), np.nan)
RARE[:, 1:], RARE[3], RARE[:, 5] = -0.0, np.inf, -np.inf
small, few = P.astype(np.float32), random.integers(-100, 100, (12, 12), np.int8)


def columns(x: Any, *starts: int, width: int = 1) -> list[Any]:
    return [x[:, start : start + width] for start in starts or range(4)]


def rows(x: Any, *starts: int) -> list[Any]:
    return [x[start : start + 1] for start in starts or range(4)]


def each(function: Callable[..., Any], *pieces: list[Any]) -> tuple[Any, ...]:
    return tuple(function(*one) for one in zip(*pieces, strict=True))


def added(terms: Any) -> Any:
    total, *rest = terms
    for term in rest:
        total = total + term
    return total


def after(one_pass: Any, f: Any, *inputs: Any, tolerance: float = 1e-13) -> list[str]:
    """The operations that a pass leaves, once it is shown that it means the same, for rare values too."""
    before = common_subexpressions(captured(f, *inputs))
    program = dead_code(one_pass(before))
    assert_same(before, program, *inputs, tolerance=tolerance)
    return operations(program)


def left_alone(one_pass: Any, f: Any, *inputs: Any) -> bool:
    before = dead_code(common_subexpressions(captured(f, *inputs)))
    program = dead_code(one_pass(before))
    assert_same(before, program, *inputs)
    return operations(program) == operations(before)


# batched: what is done alike to the pieces of one array is done to the array.

JOINED = {
    "columns": (lambda P: each(np.tanh, columns(P)), (P,), {"tanh": 1, "getitem": 5}),
    "all columns": (lambda P: each(np.tanh, columns(P, *range(12))), (P,), {"tanh": 1, "getitem": 12}),
    "rows": (lambda P: each(np.tanh, rows(P)), (P,), {"tanh": 1, "getitem": 5}),
    "wide": (lambda P: each(np.tanh, columns(P, 0, 3, 6, width=3)), (P,), {"tanh": 1, "getitem": 4}),
    "dropped": (lambda X: each(np.tanh, list(X)), (X,), {"tanh": 1, "getitem": 4}),
    "a part of them": (lambda P: each(np.tanh, columns(P, 2, 3, 4)), (P,), {"tanh": 1, "getitem": 4}),
    "backward": (lambda P: each(np.tanh, columns(P, 3, 2, 1, 0)), (P,), {"tanh": 1, "getitem": 5}),
    "from the end": (lambda P: each(np.tanh, [P[-4], P[-3], P[-2]]), (P,), {"tanh": 1, "getitem": 4}),
    "with a gap": (lambda P: each(np.tanh, rows(P, 0, 1, 2, 5)), (P,), {"tanh": 2, "getitem": 5}),
    "with a column": (lambda P, b: each(lambda p: p * b, columns(P)), (P, b), {"multiply": 1, "getitem": 5}),
    "with a number": (
        lambda P, a: each(lambda p: a - p, columns(P)),
        (P, number),
        {"subtract": 1, "getitem": 5},
    ),
    "of two arrays": (
        lambda P, Q: each(np.subtract, columns(P), columns(Q, 1, 2, 3, 4)),
        (P, Q),
        {"subtract": 1},
    ),
    "where": (
        lambda P, b: each(lambda p: np.where(p > 0, p, b), columns(P)),
        (P, b),
        {"where": 1, "greater": 1},
    ),
    "sums of all": (lambda P: each(np.sum, columns(P)), (P,), {"sum": 1, "getitem": 5}),
    "sums": (lambda P: each(lambda p: p.sum(0, keepdims=True), columns(P)), (P,), {"sum": 1, "getitem": 5}),
    "maxima": (lambda P: each(lambda p: p.max(1, keepdims=True), rows(P)), (P,), {"max": 1, "getitem": 5}),
    "products": (lambda P, W: each(lambda p: np.dot(W, p), columns(P)), (P, W), {"dot": 1, "getitem": 5}),
    "products of rows": (
        lambda P, W: each(lambda p: np.dot(p, W), rows(P)),
        (P, W),
        {"dot": 1, "getitem": 5},
    ),
    "one after the other": (
        lambda P: each(lambda p: np.exp(-(p * p)), columns(P)),
        (P,),
        {"exp": 1, "multiply": 1},
    ),
    "integers": (lambda x: each(np.square, columns(x)), (few,), {"square": 1, "getitem": 5}),
}


@pytest.mark.parametrize("name", JOINED)
def test_what_is_done_alike_to_pieces_is_done_once(name: str) -> None:
    f, inputs, left = JOINED[name]
    counts = Counter(after(batched, f, *inputs))
    assert {operation: counts[operation] for operation in left} == left


@pytest.mark.parametrize("name", [name for name, (_, inputs, _) in JOINED.items() if inputs[0] is P])
def test_joined_steps_hold_for_rare_values(name: str) -> None:
    f, inputs, _ = JOINED[name]
    before = common_subexpressions(captured(f, *inputs))
    assert_same(before, batched(before), RARE, *inputs[1:], tolerance=1e-13)


NOT_JOINED = {
    "two": (lambda P: each(np.tanh, columns(P, 0, 1)), (P,)),
    "no neighbours": (lambda P: each(np.tanh, columns(P, 0, 2, 4, 6)), (P,)),
    "overlapping": (lambda P: each(np.tanh, columns(P, 0, 1, 2, 3, width=2)), (P,)),
    "other axes": (lambda P: (np.tanh(P[0:1]), np.tanh(P[:, 1:2]), np.tanh(P[2:3])), (P,)),
    "other operations": (lambda P: (np.tanh(P[0:1]), np.exp(P[1:2]), np.sin(P[2:3])), (P,)),
    "other numbers": (lambda P: tuple(P[t : t + 1] * (t + 2) for t in range(4)), (P,)),
    "other operands": (lambda P, Q: tuple(P[t : t + 1] * Q[2 * t : 2 * t + 1] for t in range(4)), (P, Q)),
    "along their own axis": (lambda P: each(lambda p: p.sum(1, keepdims=True), columns(P)), (P,)),
    "without the axis": (lambda P: each(lambda p: p.sum(0), columns(P)), (P,)),
    "with as many rows": (lambda P, row: each(lambda p: p * row, columns(P)), (P, row)),
    "an inner axis dropped": (lambda P: tuple(np.tanh(P[:, t]) for t in range(4)), (P,)),
    "numbers": (lambda b: tuple(np.tanh(b[t]) for t in range(4)), (P[0],)),
    "products from the other side": (lambda P, W: each(lambda p: np.dot(p, W[:1]), columns(P)), (P, W)),
    "products with a vector": (lambda P, W: each(lambda p: np.dot(W[0], p), columns(P)), (P, W)),
    "every other row": (lambda P: tuple(np.tanh(P[t : t + 4 : 2]) for t in range(3)), (P,)),
}


@pytest.mark.parametrize("name", NOT_JOINED)
def test_what_is_not_done_alike_is_left_alone(name: str) -> None:
    f, inputs = NOT_JOINED[name]
    assert left_alone(batched, f, *inputs)


def chain(P: Any, W: Any) -> Any:
    h, states = np.tanh(P[:, 0:1]), []
    for t in range(1, 5):
        h = np.sin(np.dot(W, h) + P[:, t : t + 1])
        states.append(h)
    return np.concatenate(states, axis=1)


def test_a_chain_waits_for_itself() -> None:
    assert left_alone(batched, chain, P, W)


def test_what_reads_the_states_of_a_chain_is_done_once() -> None:
    def outputs(P: Any, W: Any, V: Any) -> Any:
        h, scores = P[:, 0:1], []
        for t in range(1, 5):
            h = np.tanh(np.dot(W, h) + P[:, t : t + 1])
            scores.append(np.exp(np.dot(V, h)))
        return tuple(scores)

    assert Counter(after(batched, outputs, P, W, Q))["dot"] == 5  # four that wait for each other, and one
    assert Counter(after(batched, outputs, P, W, Q))["exp"] == 1


def test_parts_of_what_is_joined_later_are_joined_if_nothing_waits() -> None:
    def joined_later(P: Any, W: Any) -> Any:
        states = [P[:, t : t + 1] * W[t : t + 1].T for t in range(4)]
        return np.concatenate(states, axis=1), *each(np.tanh, states)

    def waiting(P: Any, W: Any) -> Any:
        states = [P[:, 0:1]]
        for t in range(1, 4):
            states.append(np.tanh(states[-1]) * W[t : t + 1].T)
        return np.concatenate(states, axis=1)

    assert Counter(after(batched, joined_later, P, W))["tanh"] == 1
    assert left_alone(batched, waiting, P, W)


@pytest.mark.parametrize(
    "first",
    [
        lambda W, x: np.dot(W[0], x),
        lambda W, x: np.dot(np.stack([W, W]), x),
        lambda W, x: np.dot(2.0, x),
        lambda W, x: np.dot(x[:, 0], W),
    ],
)
def test_only_products_of_two_matrices_are_joined(first: Any) -> None:
    assert left_alone(batched, lambda W, *x: tuple(first(W, one) for one in x), P, *(X[:, :, :2] + 1))


@pytest.mark.parametrize("dtype", [np.float64, np.int8])
def test_parts_that_are_converted_when_they_are_joined_stay_apart(dtype: Any) -> None:
    def mixed(x: Any, y: Any) -> Any:
        parts = [y[0:1], x[1:2] * 2, np.negative(x[0:1]), x[2:3] * x[3:4], x[5:6] + x[0:1]]
        return np.concatenate(parts), *each(np.square, parts[1:])

    after(batched, mixed, few.astype(dtype), P)


# rejoined: pieces joined in their order are what they were taken from.


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda P: np.concatenate(columns(P, *range(12)), axis=1), []),
        (lambda P: np.concatenate(columns(P, 2, 3, 4), axis=1), ["getitem"]),
        (lambda P: np.concatenate(rows(P)), ["getitem"]),
        (lambda P: np.concatenate([P[:4], P[4:5], P[-7:]]), []),
    ],
)
def test_pieces_in_their_order_are_joined_already(f: Any, left: list[str]) -> None:
    assert after(rejoined, f, P, tolerance=0) == left


@pytest.mark.parametrize(
    "f",
    [
        lambda P: np.concatenate(columns(P, 3, 2, 1, 0), axis=1),
        lambda P: np.concatenate(columns(P, 0, 1, 3), axis=1),
        lambda P: np.concatenate(columns(P, 0, 1, 2, width=2), axis=1),
        lambda P: np.concatenate(columns(P, 0, 0, 1), axis=1),
        lambda P: np.concatenate(columns(P), axis=0),
        lambda P: np.concatenate(list(P)),
        lambda P: np.concatenate([P[0:1], P[:, 1:2].T, P[2:3]]),
        lambda P: np.concatenate([P[0:1], (P + 1)[1:2], P[2:3]]),
        lambda P: np.concatenate(columns(P), axis=1, dtype=np.float32),
        lambda P: np.concatenate(columns(P), axis=None),
    ],
)
def test_other_joins_are_left_alone(f: Any) -> None:
    assert left_alone(rejoined, f, P)


# summed_pieces: a sum of pieces is a sum over an axis.


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda P, b: added(columns(P)), {"sum": 1}),
        (lambda P, b: added(rows(P, *range(12))), {"sum": 1, "getitem": 0}),
        (lambda P, b: added(list(P)), {"sum": 1, "getitem": 0}),
        (lambda P, b: added([P[:, 0], P[:, -11], P[:, 2]]), {"sum": 1}),
        (lambda P, b: b - added(columns(P)), {"sum": 1, "subtract": 1}),
        (lambda P, b: added([P[:, 0:1], b, P[:, 1:2], P[:, 2:3]]), {"sum": 1, "add": 1}),
        (lambda P, b: added(columns(P, 0, 1, 2, 0)), {"sum": 1, "add": 1}),
        (lambda P, b: P[:, 0:1] - P[:, 1:2] - P[:, 2:3] - P[:, 3:4], {"sum": 1, "subtract": 1}),
    ],
)
def test_a_sum_of_pieces_is_one_sum(f: Any, left: dict[str, int]) -> None:
    counts = Counter(after(summed_pieces, f, P, b))
    assert {operation: counts[operation] for operation in ("sum", "add", "subtract")} == {
        **dict.fromkeys(("sum", "add", "subtract"), 0),
        **{operation: count for operation, count in left.items() if operation != "getitem"},
    }
    assert counts["getitem"] == left.get("getitem", counts["getitem"])


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda P: added(columns(P, 0, 1)), (P,)),
        (lambda P: added(columns(P, 0, 1, 3)), (P,)),
        (lambda P: added(columns(P, 0, 2, 4, width=2)), (P,)),
        (lambda P: P[0:1].T + P[:, 1:2] + P[2:3].T, (P,)),
        (lambda P, Q: P[:, 0:1] + Q[:, 1:2] + P[:, 2:3], (P, Q)),
        (lambda P, row: row + P[:, 0:1] + P[:, 1:2] + P[:, 2:3], (P, row)),
        (lambda x: added(columns(x)), (few,)),
        (lambda x: added(columns(x)), (few > 0,)),
        (lambda x, b: added([b, *columns(x)]), (small, b)),
    ],
)
def test_other_sums_are_left_alone(f: Any, inputs: Any) -> None:
    assert left_alone(summed_pieces, f, *inputs)


def test_a_sum_of_what_is_joined_later_waits_for_it() -> None:
    def joined_later(P: Any) -> Any:
        parts = [np.tanh(P[:, t : t + 1] * P[t : t + 1].T) for t in range(4)]
        return added(parts), np.concatenate(parts, axis=1)

    def joined_with_the_sum(P: Any) -> Any:
        parts = [np.tanh(P[:, t : t + 1] * P[t : t + 1].T) for t in range(4)]
        return np.concatenate([*parts, np.sin(added(parts))], axis=1)

    assert "sum" in after(summed_pieces, joined_later, P)
    assert left_alone(summed_pieces, joined_with_the_sum, P)


# early_terms: what is known for all steps is added first.


def recurrence(P: Any, W: Any, b: Any, steps: int = 4) -> Any:
    h = P[:, 5:6]
    for t in range(steps):
        h = np.tanh(P[:, t : t + 1] + np.dot(W, h) + b)
    return h


def test_what_is_known_for_all_steps_is_added_first() -> None:
    program = captured(recurrence, P, W, b)
    early = early_terms(program)
    assert_same(program, early, P, W, b, tolerance=1e-13)
    assert Counter(after(lambda p: batched(early_terms(p)), recurrence, P, W, b))["add"] == 5  # one for all, four alone


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda P, W, b: recurrence(P, W, b, 2), (P, W, b)),
        (lambda P, W, b: recurrence(P, W, b), (small, W, b.astype(np.float32))),
        (lambda P, W, b: tuple(P[:, t : t + 1] - np.sin(W[:, t : t + 1]) + b for t in range(4)), (P, W, b)),
        (lambda P, W, b: tuple((P[:, t : t + 1] + b) + np.sin(W[:, t : t + 1]) for t in range(4)), (P, W, b)),
        (lambda P, W, b: tuple((np.cos(P) + np.sin(W)) + b * t for t in range(4)), (P, W, b)),
    ],
)
def test_sums_without_two_such_terms_are_left_alone(f: Any, inputs: Any) -> None:
    before = common_subexpressions(captured(f, *inputs))
    after_it = dead_code(early_terms(before))
    assert [str(one) for one in after_it.equations] == [str(one) for one in before.equations]


# stacked_products: a sum of thin products is one product.


def thin(*widths: int, size: int = 9) -> list[Any]:
    return [random.normal(size=(size, width)) for width in widths]


@pytest.mark.parametrize(
    ("f", "inputs", "products"),
    [
        (lambda *v: added(np.dot(one, one.T) for one in v), thin(1, 1, 1, 1), 1),
        (lambda *v: added(np.dot(one, one.T) for one in v), thin(1, 2, 8), 1),
        (lambda *v: added([v[0] * v[0].T, *(np.dot(one, one.T) for one in v)]), thin(1, 1, 1), 1),
        (lambda *v: added(np.dot(one, one.T) for one in v[:3]) - np.dot(v[3], v[3].T), thin(1, 1, 1, 1), 2),
        (lambda *v: added(np.dot(one, one.T) for one in v), thin(1, 1), 2),
        (lambda *v: added(np.dot(one, one.T) for one in v), thin(9, 9, 9), 3),
        (lambda *v: added(np.dot(one, one.T) for one in v), thin(1, 1, 1, size=8), 3),
        (lambda *v: added(np.dot(one.T, one) for one in v), thin(1, 1, 1), 3),
        (lambda *v: added(np.dot(v[0], one.T.astype(np.float32)) for one in v), thin(1, 1, 1), 3),
    ],
)
def test_thin_products_that_are_added_up_are_one(f: Any, inputs: Any, products: int) -> None:
    assert after(stacked_products, f, *inputs).count("dot") == products


def test_products_that_are_results_too_stay() -> None:
    def with_results(*v: Any) -> Any:
        products = [np.dot(one, one.T) for one in v]
        return added(products), *products

    assert left_alone(stacked_products, with_results, *thin(1, 1, 1, 1))
