"""The work of a backward pass grows no faster than that of the forward pass: counted in elements, never in seconds."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.engine import backward_steps
from tinygrad_np.ops import PRIMITIVES

random = np.random.default_rng(0)


def bytes_at_most(work: Callable[[], object]) -> int:
    """The most memory that the work holds at a time, beyond what was held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


LOOPS: dict[str, Callable[[Any], Any]] = {
    "x[t]": lambda x: sum((x[t] ** 2 for t in range(len(x))), 0.0),
    "x[t, 0]": lambda x: sum((x[t, 0] ** 2 for t in range(len(x))), 0.0),
    "for row in x": lambda x: sum((row * row for row in x), 0.0),
    "unstack": lambda x: sum((row * row for row in tg.Tensor.__iter__(x * 1.0)), 0.0),
    "split": lambda x: sum((part**2 for part in np.split(x, len(x))), 0.0),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda row: row * row.sum(), 1, x),
    "windows": lambda x: sum((x[t : t + 2].sum(0) ** 3 for t in range(len(x) - 1)), 0.0),
    "picked twice": lambda x: sum((x[[t, t]] ** 2 for t in range(len(x))), 0.0),
    "and the whole": lambda x: x.sum(0) + sum((x[t] ** 2 for t in range(len(x))), 0.0) + x[0],
}


@pytest.mark.parametrize("f", LOOPS.values(), ids=LOOPS)
def test_a_loop_over_the_parts_of_an_array_scatters_none_of_them(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scatter makes an array of x's size: one for each part would be work of the number of parts squared."""
    x = Tensor(random.normal(size=(30, 2)), requires_grad=True)
    result = np.sum(f(x))
    expected = next(upstream for node, upstream, _ in backward_steps(result._node, np.float64(1)) if node is x._node)
    monkeypatch.setattr(PRIMITIVES["scatter"], "run", lambda *_, **__: pytest.fail("an array of x's size"))
    result.backward()
    np.testing.assert_allclose(x.grad, expected, rtol=1e-12)


def test_a_sum_that_is_written_into_is_nobody_elses() -> None:
    """x + x[0]: what arrives at x from the sum is the upstream gradient itself, which y's gradient is too."""
    x, y = (Tensor(random.normal(size=(3, 2)), requires_grad=True) for _ in range(2))
    seed = np.ones((3, 2))
    (x * 1.0 + y + x[0]).backward(seed)
    np.testing.assert_array_equal(seed, np.ones((3, 2)))
    np.testing.assert_array_equal(y.grad, np.ones((3, 2)))
    np.testing.assert_array_equal(x.grad, [[4, 4], [1, 1], [1, 1]])


@pytest.mark.parametrize("join", [np.stack, np.concatenate, np.hstack], ids=["stack", "concatenate", "hstack"])
def test_a_join_hands_no_operands_to_its_rule_for_each(join: Any) -> None:
    parts = [Tensor(random.normal(size=3), requires_grad=True) for _ in range(50)]
    joined = join(parts)
    node = joined._node
    assert node.saved is not None
    assert len(node.saved) < 3
    (joined**2).sum().backward()
    np.testing.assert_allclose(parts[7].grad, 2 * parts[7].data)


@pytest.mark.parametrize("mode", ["mean", "linear_ramp"])
def test_a_border_of_means_or_ramps_takes_the_memory_of_the_array(mode: Any) -> None:
    x = Tensor(random.normal(size=20_000), requires_grad=True)
    assert bytes_at_most(lambda: np.pad(x, 3, mode).sum().backward()) < 20 * x.data.nbytes


@pytest.mark.parametrize("mode", ["mean", "linear_ramp"])
@pytest.mark.parametrize("options", [{}, {"stat_length": ((2, 9), (1, 3))}])
def test_such_a_border_has_the_gradient_of_its_matrix(mode: Any, options: Any) -> None:
    if mode == "linear_ramp":
        options = {"end_values": 3.0} if options else {}
    x, widths = random.normal(size=(4, 5)), ((2, 3), (4, 0))
    weights = random.normal(size=np.pad(x, widths, mode).shape)
    gradient = tg.grad(lambda x: np.sum(weights * np.pad(x, widths, mode, **options)))(x)
    zero = np.pad(np.zeros(x.shape), widths, mode, **options)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = 1
        slope = np.sum(weights * (np.pad(unit, widths, mode, **options) - zero))
        np.testing.assert_allclose(gradient[place], slope, atol=1e-12)


def test_correlating_two_long_rows_is_one_product() -> None:
    x, y = (Tensor(random.normal(size=50_000), requires_grad=True) for _ in range(2))
    assert bytes_at_most(lambda: np.correlate(x, y).sum().backward()) < 8 * x.data.nbytes
    np.testing.assert_allclose(x.grad, y.data)


def test_the_gradient_of_a_product_of_three_matrices_goes_by_way_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all indices at once, as einsum does unless told otherwise, it would be n**4 products."""
    matrices = [Tensor(random.normal(size=(3, 3)), requires_grad=True) for _ in range(3)]
    result = PRIMITIVES["einsum"](*matrices, subscripts="ij,jk,kl->il").sum()
    einsum = np.einsum

    def watched(*operands: Any, optimize: Any = False) -> Any:
        assert optimize is True
        return einsum(*operands, optimize=optimize)

    monkeypatch.setattr(np, "einsum", watched)
    result.backward()


def test_a_single_number_takes_what_is_added_in_place_too() -> None:
    x = Tensor(2.0, requires_grad=True)
    (x[()] * x + x[...] + x[()] * 3).backward()
    np.testing.assert_allclose(x.grad, 8)


def test_a_mask_goes_through_a_product_of_matrices_without_another_product() -> None:
    X, W = (Tensor(random.normal(size=(4, 4)), requires_grad=True) for _ in range(2))
    loss = (np.where(np.eye(4) > 0, np.exp(X) @ np.exp(W), 0) ** 2).sum()
    products: list[Any] = []
    node = loss._node.inputs[0].inputs[0].inputs[1]
    assert node.operation == "matmul"
    counted = tuple((index, _counting(rule, products)) for index, rule in node.plan.rules)
    node.plan = dataclasses.replace(node.plan, rules=counted)
    loss.backward()
    assert len(products) == 2


def _counting(rule: Any, calls: list[Any]) -> Any:
    def run(*arguments: Any, **parameters: Any) -> Any:
        calls.append(rule)
        return rule(*arguments, **parameters)

    return run
