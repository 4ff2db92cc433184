"""Tensors over Dask arrays, chunked by rows: the circles network and its gradients, lazily and without the data."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor

ROWS, CHUNK = 1000, 100
SHAPES = [(2, 10), (1, 10), (10, 5), (1, 5), (5, 1), (1, 1)]


def gradients(X: Any, y: Any, parameters: list[Any]) -> tuple[Tensor, list[Any]]:
    W1, b1, W2, b2, W3, b3 = tensors = [Tensor(value, requires_grad=True) for value in parameters]
    a1 = np.maximum(0, np.dot(X, W1) + b1)
    a2 = np.maximum(0, np.dot(a1, W2) + b2)
    a3 = tg.sigmoid(np.dot(a2, W3) + b3)
    logarithms = np.multiply(-np.log(a3), y) + np.multiply(-np.log(1 - a3), 1 - y)
    loss = 1.0 / ROWS * np.nansum(logarithms)
    loss.backward()
    return loss, [tensor.grad for tensor in tensors]


def rows_of_block(block: Any, block_info: Any = None) -> Any:
    """The rows of the data that a worker makes for itself: the client never has them."""
    start = block_info[None]["array-location"][0][0]
    return np.random.default_rng(start).normal(size=block_info[None]["chunk-shape"])


def made_by_workers(columns: int) -> Any:
    return da.map_blocks(rows_of_block, da.zeros((ROWS, columns), chunks=(CHUNK, columns)), dtype=float)


def never(*arguments: Any, **keywords: Any) -> Any:
    raise AssertionError("a value was looked at")


def test_the_circles_network_over_dask() -> None:
    random = np.random.default_rng(0)
    parameters = [random.normal(size=shape) for shape in SHAPES]
    X, y = made_by_workers(2), (made_by_workers(1) > 0).astype(float)
    with dask.config.set(scheduler=never):
        loss, lazy = gradients(X, y, parameters)
    assert all(isinstance(gradient, da.Array) for gradient in lazy)
    for array in (loss.data, *lazy):
        held = [value for value in array.__dask_graph__().values() if isinstance(value, np.ndarray)]
        assert all(value.shape[:1] != (ROWS,) for value in held)
    largest = []

    def watched(dsk: Any, keys: Any, **options: Any) -> Any:
        with dask.callbacks.Callback(posttask=lambda key, value, *_: largest.append(getattr(value, "shape", ()))):
            return dask.get(dsk, keys, **options)

    with dask.config.set(scheduler=watched):
        computed = [gradient.compute() for gradient in lazy]
    assert max(shape[0] for shape in largest if shape) <= CHUNK
    expected_loss, expected = gradients(X.compute(scheduler="sync"), y.compute(scheduler="sync"), parameters)
    assert loss.data.compute(scheduler="sync") == pytest.approx(expected_loss.item(), rel=1e-12)
    for gradient, same in zip(computed, expected, strict=True):
        np.testing.assert_allclose(gradient, same, rtol=1e-12, atol=1e-15)


def test_transforms_over_dask() -> None:
    X = made_by_workers(2)
    with dask.config.set(scheduler=never):
        slope = tg.grad(lambda x: np.sum(np.where(x > 0, np.log(x), np.tanh(x) ** 2)))(X)
    values = X.compute(scheduler="sync")
    with np.errstate(all="ignore"):
        expected = np.where(values > 0, 1 / values, 2 * np.tanh(values) * (1 - np.tanh(values) ** 2))
        np.testing.assert_allclose(slope.compute(scheduler="sync"), expected, rtol=1e-12)
