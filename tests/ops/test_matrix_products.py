"""Powers of a matrix and chains of matrices."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor

RANDOM = np.random.default_rng(2)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, -1, -2])
@pytest.mark.parametrize("dtype", [float, int])
def test_powers_are_numpys(n: int, dtype: Any) -> None:
    a = np.array([[2, 1], [1, 1]], dtype)
    result, expected = np.linalg.matrix_power(Tensor(a), n), np.linalg.matrix_power(a, n)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected)


def test_the_power_0_has_the_slope_0() -> None:
    a = Tensor(np.full((2, 2), np.inf), requires_grad=True)
    np.linalg.matrix_power(a, 0).sum().backward()
    np.testing.assert_array_equal(a.grad, 0)


def test_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    # 10x100, 100x5, 5x50: (AB)C takes 7500 multiplications, A(BC) takes 75000.
    a, b, c = (RANDOM.normal(size=shape) for shape in ((10, 100), (100, 5), (5, 50)))
    for arrays, shape in (((a, b, c), (10, 5)), ((c.T, b.T, a.T), (5, 10))):
        first, *rest = (Tensor(array, requires_grad=True) for array in arrays)
        result = np.linalg.multi_dot([first, *rest])
        inner = [node.shape for node in result._node.inputs if node.plan is not None]
        assert inner == [shape]
        np.testing.assert_allclose(result.numpy(), np.linalg.multi_dot(arrays))


def test_a_chain_is_freed_without_the_garbage_collector() -> None:
    gc.disable()
    try:
        a = Tensor(np.eye(3), requires_grad=True)
        result = np.linalg.multi_dot([a, a, a])
        gone = weakref.ref(a)
        del a, result
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "f",
    [
        lambda t: np.linalg.matrix_power(t, 0.5),
        lambda t: np.linalg.matrix_power(t[:1], 2),
        lambda t: np.linalg.matrix_power(0 * t, -1),
        lambda t: np.linalg.multi_dot([t]),
        lambda t: np.linalg.multi_dot([t, t[None], t]),
        lambda t: np.linalg.multi_dot([t, t[:1], t]),
        lambda t: np.linalg.outer(t, t),
    ],
)
def test_bad_input_is_told(f: Any) -> None:
    with pytest.raises(tg.TinygradError, match=r"test_matrix_products.py line \d+"):
        f(Tensor(np.eye(2), requires_grad=True))
