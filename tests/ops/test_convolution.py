"""Convolutions: every combination of their arguments against a slow loop, and refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.references import convolved, convolved_back
from tests.test_cases import slope
from tinygrad_np import Tensor

RANDOM = np.random.default_rng(8)


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), list(itertools.product((1, 2), (0, 2), (1, 2), (1, 2)))
)
def test_every_combination(stride: int, padding: int, dilation: int, groups: int) -> None:
    x, w = RANDOM.normal(size=(2, 4, 5, 6)), RANDOM.normal(size=(2, 4 // groups, 2, 3))
    moves = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected = convolved(x, w, **moves)
    np.testing.assert_allclose(tg.conv2d(x, w, **moves), expected, atol=1e-12)
    upstream = RANDOM.normal(size=expected.shape)

    def scalar(x: Any, w: Any) -> Any:
        return np.sum(upstream * tg.conv2d(x, w, **moves))

    # The scalar is linear in either argument: its slopes are exact, and so are its values by them.
    by_x, by_w = tg.grad(scalar, (0, 1))(x, w)
    value = np.sum(upstream * expected)
    assert np.sum(by_x * x) == pytest.approx(value)
    assert np.sum(by_w * w) == pytest.approx(value)
    np.testing.assert_allclose(by_w, slope(scalar, [x, w], 1), atol=1e-8)
    other = RANDOM.normal(size=x.shape)
    assert np.sum(by_x * other) == pytest.approx(scalar(other, w))


def test_the_gradient_of_either_input_is_differentiable_in_the_other() -> None:
    x, w = RANDOM.normal(size=(1, 2, 4)), RANDOM.normal(size=(2, 2, 2))
    loss = lambda x, w: np.sum(np.tanh(tg.conv1d(x, w, stride=2, padding=1)))  # noqa: E731
    directions = RANDOM.normal(size=x.shape), RANDOM.normal(size=w.shape)

    def along(x: Any, w: Any) -> Any:
        return sum(np.sum(g * d) for g, d in zip(tg.grad(loss, (0, 1))(x, w), directions, strict=True))

    for place, product in enumerate(tg.hvp(loss, (x, w), directions)):
        np.testing.assert_allclose(product, slope(along, [x, w], place), atol=1e-8)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_and_valid_padding(size: int, dilation: int) -> None:
    x, w = RANDOM.normal(size=(1, 1, 9)), RANDOM.normal(size=(1, 1, size))
    missing = dilation * (size - 1)
    padded = np.pad(x, ((0, 0), (0, 0), (missing // 2, missing - missing // 2)))
    same = tg.conv1d(x, w, padding="same", dilation=dilation)
    assert same.shape == x.shape
    np.testing.assert_allclose(same, convolved(padded, w, dilation=dilation), atol=1e-12)
    valid = tg.conv1d(x, w, padding="valid", dilation=dilation)
    np.testing.assert_allclose(valid, convolved(x, w, dilation=dilation), atol=1e-12)


def test_each_axis_has_numbers_of_its_own() -> None:
    x, w = RANDOM.normal(size=(1, 1, 5, 7)), RANDOM.normal(size=(1, 1, 2, 2))
    whole = tg.conv2d(x, w, padding=(0, 1), dilation=(1, 3))
    np.testing.assert_allclose(tg.conv2d(x, w, None, (1, 2), (0, 1), [1, 3]), whole[..., ::2], atol=1e-12)


def test_one_image_needs_no_batch_and_no_images_give_none() -> None:
    x, w, b = RANDOM.normal(size=(2, 5, 4)), RANDOM.normal(size=(3, 2, 2, 2)), RANDOM.normal(size=3)
    np.testing.assert_array_equal(tg.conv2d(x, w, b), tg.conv2d(x[None], w, b)[0])
    assert tg.grad(lambda w: np.sum(tg.conv2d(x[None, ...][:0], w)))(w).tolist() == np.zeros_like(w).tolist()


@pytest.mark.parametrize("output_padding", [0, 1])
def test_the_transposed_convolution(output_padding: int) -> None:
    g, w, b = RANDOM.normal(size=(2, 3, 4)), RANDOM.normal(size=(3, 2, 3)), RANDOM.normal(size=2)
    y = tg.conv_transpose1d(g, w, b, stride=2, padding=1, output_padding=output_padding)
    expected = convolved_back(g, w, (7 + output_padding,), stride=2, padding=1) + b[:, None]
    np.testing.assert_allclose(y, expected, atol=1e-12)


def test_the_transposed_convolution_is_the_transpose() -> None:
    x, w = RANDOM.normal(size=(1, 4, 5, 5)), RANDOM.normal(size=(6, 2, 3, 2))
    moves = {"stride": 2, "padding": 1, "groups": 2, "dilation": 2}
    y = tg.conv2d(x, w, **moves)
    g = RANDOM.normal(size=y.shape)
    back = tg.conv_transpose2d(g, w, output_padding=(0, 0), **moves)
    assert np.sum(back * x[..., : back.shape[2], : back.shape[3]]) == pytest.approx(np.sum(g * y))
    np.testing.assert_allclose(tg.conv_transpose2d(g[0], w, **moves), back[0])


def test_integers_travel_as_data() -> None:
    x, w = np.arange(9).reshape(1, 1, 3, 3), Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    tg.conv2d(x, w).sum().backward()
    np.testing.assert_array_equal(w.grad, [[[[8, 12], [20, 24]]]])
    assert tg.conv2d(x, np.ones((1, 1, 2, 2), int)).dtype == int


X = Tensor(np.ones((1, 2, 4, 4)), requires_grad=True, name="X")
W = Tensor(np.ones((3, 2, 2, 2)), requires_grad=True, name="W")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.conv2d(X, W[0]), r"must be \(batch, channels, height, width\)"),
        (lambda: tg.conv1d(X, W), r"must be \(batch, channels, length\)"),
        (lambda: tg.conv2d(X, np.ones((3, 3, 2, 2))), "for 3 channels, and x has 2"),
        (lambda: tg.conv2d(X, W, groups=2), "for 4 channels, and x has 2"),
        (lambda: tg.conv2d(X, np.ones((3, 1, 2, 2)), groups=2), "groups=2"),
        (lambda: tg.conv2d(X, np.ones((3, 2, 5, 2))), r"extends over \(5, 2\) does not fit into \(4, 4\)"),
        (lambda: tg.conv2d(X, W, np.ones(2)), r"bias \(2,\) for 3"),
        (lambda: tg.conv2d(X, W, np.ones((3, 1))), r"bias \(3, 1\) for 3"),
        (lambda: tg.conv2d(X, W, stride=0), "stride=0"),
        (lambda: tg.conv2d(X, W, stride=1.5), "stride=1.5"),
        (lambda: tg.conv2d(X, W, dilation=(1, 1, 1)), "dilation="),
        (lambda: tg.conv2d(X, W, padding=-1), "padding=-1"),
        (lambda: tg.conv2d(X, W, padding="full"), "padding='full'"),
        (lambda: tg.conv2d(X, W, padding="same", stride=2), "only with stride=1"),
        (lambda: tg.conv2d(X, W, groups=0), "groups=0"),
        (lambda: tg.conv_transpose2d(X, W), "for 3 channels, and x has 2"),
        (lambda: tg.conv_transpose2d(X, W.transpose(1, 0, 2, 3), padding=5), "leaves nothing"),
    ],
)
def test_bad_input_is_told(call: Any, message: str) -> None:
    with pytest.raises(tg.TinygradError, match=message):
        call()
