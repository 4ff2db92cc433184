"""What `where` did not select has the gradient 0, through every operation that its mask passes on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg

random = np.random.default_rng(0)
X, W, LENGTHS = random.normal(size=(2, 5, 3)), random.normal(size=(4, 3)), np.array([3, 5])
MASK = random.random((2, 5, 4)) < 0.6
CAUSAL = np.tri(5, dtype=bool)


def attention(W: Any) -> Any:
    """Causal attention over a batch of sequences, of which each is padded."""
    keys = X @ W.T
    seen = CAUSAL & (np.arange(5) < LENGTHS[:, None, None])
    return np.sum((tg.softmax(np.where(seen, keys @ keys.swapaxes(-1, -2), -np.inf)) @ keys) ** 2)


MASKED: dict[str, Callable[[Any], Any]] = {
    "where": lambda W: np.sum(np.where(MASK, X @ W.T, 0) ** 2),
    "mean": lambda W: np.mean((X @ W.T) ** 2, where=MASK),
    "select": lambda W: np.sum(np.select([MASK], [X @ W.T], 0) ** 2),
    "nanmean": lambda W: np.nanmean(np.where(MASK, X @ W.T, np.nan) ** 2),
    "nanmean of rows": lambda W: np.sum(np.nanmean(np.where(MASK, X @ W.T, np.nan), axis=1) ** 2),
    "masked nansum": lambda W: np.sum(np.where(MASK[:, 0], np.nansum(np.where(MASK, X @ W.T, np.nan), axis=1), 0) ** 2),
    "sequence loss": lambda W: np.sum(np.where(np.arange(5) < LENGTHS[:, None], np.tanh(X @ W.T).sum(-1), 0) ** 2),
    "a vector": lambda W: np.sum(np.where(MASK[..., 0], X @ W[0], 0) ** 2),
    "a vector before": lambda W: np.sum(np.where(MASK[:, 0, :3], W[:, 0] @ MASK.swapaxes(1, 2)[:, :, :3], 0) ** 2),
    "stacks that broadcast": lambda W: np.sum(np.where(MASK, X @ W.T[None, None] @ np.eye(4), 0)[:, 0] ** 2),
    "einsum": lambda W: np.sum(np.where(MASK, np.einsum("bij,kj->bik", X, W), 0) ** 2),
    "einsum of length 1": lambda W: np.sum(np.where(MASK, np.einsum("bij,bjk->bik", X, W.T[None]), 0) ** 2),
    "tensordot": lambda W: np.sum(np.where(MASK, np.tensordot(X, W, (2, 1)), 0) ** 2),
    "dot": lambda W: np.sum(np.where(MASK, np.dot(X, W.T), 0) ** 2),
    "broadcast": lambda W: np.sum(np.where(MASK, W[:, 0] * X[..., :1], 0) ** 2),
    "sort": lambda W: np.sum(np.where([True, False, True, True], np.sort(W[:, 0]), 0) ** 2),
    "attention": attention,
}


def slope(f: Callable[[Any], Any], at: Any) -> Any:
    """Central differences of a function whose result may be an array, summed."""
    gradient = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        step = np.zeros(at.shape)
        step[index] = 1e-6
        gradient[index] = np.sum(np.asarray(f(at + step)) - np.asarray(f(at - step))) / 2e-6
    return gradient


@pytest.mark.parametrize("f", MASKED.values(), ids=MASKED)
def test_a_mask_passes_products_over_a_batch(f: Any) -> None:
    np.testing.assert_allclose(tg.grad(f)(W), slope(f, W), rtol=1e-6, atol=1e-7)
    product = tg.hvp(f, (W,), (np.ones(W.shape),))[0]
    np.testing.assert_allclose(product, slope(tg.grad(f), W), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("f", MASKED.values(), ids=MASKED)
def test_a_mask_passes_products_in_a_program(f: Any) -> None:
    program = tg.compile(tg.grad(f))
    for _ in range(3):
        np.testing.assert_allclose(program(W), tg.grad(f)(W), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 5, 4), (5, 4), (4,), ()])
def test_what_is_not_selected_may_be_infinite_before_the_product(shape: tuple[int, ...]) -> None:
    """The slope of a root at 0 is infinite; the product multiplies it with the 0 that `where` sends."""
    mask = np.broadcast_to(MASK[0, 0] if shape else True, shape) & (np.arange(4) != 1 if shape else True)
    roots = np.ones((4, 3))
    roots[1] = 0 if shape else 1
    f = lambda W: np.sum(np.where(mask, X @ np.sqrt(W).T, 0))  # noqa: E731
    gradient = tg.grad(f)(roots)
    reached = np.broadcast_to(mask, (2, 5, 4))
    np.testing.assert_allclose(gradient, np.einsum("bik,bij->kj", reached, X) / 2)
    second = tg.hvp(f, (roots,), (np.ones((4, 3)),))[0]
    np.testing.assert_allclose(second, -np.einsum("bik,bij->kj", reached, X) / 4)


def test_a_gradient_that_happens_to_be_0_keeps_its_derivative() -> None:
    """(X W - y)**2 at a W that fits: the upstream gradient is 0 where it is selected, and the curvature is not."""
    targets = X @ W.T
    f = lambda W: np.sum(np.where(MASK, X @ W.T - targets, 0) ** 2)  # noqa: E731
    assert not np.any(tg.grad(f)(W))
    expected = 2 * np.einsum("bik,bij,bil->kj", MASK, X, X)
    np.testing.assert_allclose(tg.hvp(f, (W,), (np.ones(W.shape),))[0], expected)


ROWS = np.arange(5) < LENGTHS[:, None]
PADDED = np.where(ROWS[..., None], X, np.nan)
PADDED[0, 4, 1] = np.inf

OF_ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "matmul": lambda x, W: np.tanh(x @ W.T),
    "einsum": lambda x, W: np.tanh(np.einsum("...j,kj->...k", x, W)),
    "a vector": lambda x, W: (x @ W[0])[..., None] ** 2,
    "softmax": lambda x, W: tg.softmax(x * W[0]),
    "norm": lambda x, W: np.linalg.norm(x * W[0], axis=-1, keepdims=True),
    "std": lambda x, W: np.std(x * W[0], axis=-1, keepdims=True),
    "prod": lambda x, W: np.prod(x * W[0], axis=-1, keepdims=True),
}


@pytest.mark.parametrize("f", OF_ROWS.values(), ids=OF_ROWS)
def test_rows_of_nan_that_were_not_selected_are_as_if_they_were_left_out(f: Any) -> None:
    """Sequences may be padded with NaN: 0 times that is NaN, and would be added to the gradient of what all share."""
    masked = lambda W: np.sum(np.where(ROWS[..., None], f(PADDED.astype(W.dtype), W), 0) ** 2)  # noqa: E731
    left_out = lambda W: np.sum(f(X[ROWS].astype(W.dtype), W) ** 2)  # noqa: E731
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(tg.grad(masked)(W), tg.grad(left_out)(W), rtol=1e-12)
        single = W.astype(np.float32)
        np.testing.assert_allclose(tg.grad(masked)(single), tg.grad(left_out)(single), rtol=1e-4)
        products = [tg.hvp(loss, (W,), (np.ones(W.shape),))[0] for loss in (masked, left_out)]
        np.testing.assert_allclose(*products, rtol=1e-9)


@pytest.mark.parametrize("f", OF_ROWS.values(), ids=OF_ROWS)
@pytest.mark.parametrize("exact", [False, True])
def test_rows_of_nan_are_left_out_by_a_program_too(f: Any, exact: bool) -> None:
    """Whether it was captured for rows that are all finite, or for padded ones."""
    step = tg.value_and_grad(lambda W, x: np.sum(np.where(ROWS[..., None], f(x, W), 0) ** 2))
    with np.errstate(all="ignore"):
        for inputs in ((X, PADDED, X), (PADDED, X)):
            program = tg.compile(step, exact=exact, verify="always")
            for x in inputs:
                for actual, expected in zip(program(W, x), step(W, x), strict=True):
                    np.testing.assert_allclose(actual, expected, rtol=1e-11)


def test_a_nan_that_was_selected_stays() -> None:
    chosen = ROWS.copy()
    chosen[0, 3] = True
    for f in (OF_ROWS["matmul"], OF_ROWS["prod"]):
        with np.errstate(all="ignore"):
            gradient = tg.grad(lambda W, f=f: np.sum(np.where(chosen[..., None], f(PADDED, W), 0)))(W)
        assert np.isnan(gradient[0]).all()
    column = np.array([[1.0], [2.0]])
    products = tg.grad(lambda w: np.sum(np.where([True, True, False], np.cumprod(w), 0)))(np.array([1.0, 2.0, np.inf]))
    np.testing.assert_array_equal(products, [3.0, 1.0, 0.0])
    with np.errstate(all="ignore"):
        infinite = tg.grad(lambda w: np.sum(np.where(column > 1, np.array([[np.nan], [np.inf]]) @ w, 0)))(
            np.ones((1, 2))
        )
    np.testing.assert_array_equal(infinite, [[np.nan, np.nan]])
