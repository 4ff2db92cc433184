"""Fourier transforms: lengths that are cropped or filled, scalings, and the refusal of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.test_cases import slope
from tinygrad_np import Tensor

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("n", [None, 1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("f", [np.fft.irfft, np.fft.hfft])
def test_every_length_and_scaling(f: Any, n: int | None, length: int, norm: Any) -> None:
    x = RANDOM.normal(size=length)
    if n is None and length == 1:
        return
    scalar = lambda x: np.sum(np.cos(np.arange(f(x, n, norm=norm).size)) * f(x, n, norm=norm))  # noqa: E731
    np.testing.assert_allclose(tg.grad(scalar)(x), slope(scalar, [x], 0), atol=1e-9)


@pytest.mark.parametrize(
    "keywords",
    [{}, {"s": (2, 4), "axes": (0, 2)}, {"s": (5, 7, 3), "axes": (2, 0, 1)}, {"axes": (1,), "norm": "ortho"}],
)
def test_several_axes(keywords: Any) -> None:
    x = RANDOM.normal(size=(3, 2, 3))
    y = np.fft.irfftn(x, **keywords)
    weights = RANDOM.normal(size=y.shape)
    scalar = lambda x: np.sum(weights * np.fft.irfftn(x, **keywords) ** 2)  # noqa: E731
    np.testing.assert_allclose(np.fft.irfftn(Tensor(x), **keywords).numpy(), y)
    np.testing.assert_allclose(tg.grad(scalar)(x), slope(scalar, [x], 0), atol=1e-9)


@pytest.mark.parametrize(
    "f",
    [
        *(np.fft.fft, np.fft.ifft, np.fft.fft2, np.fft.ifft2, np.fft.fftn, np.fft.ifftn),
        *(np.fft.rfft, np.fft.rfft2, np.fft.rfftn, np.fft.ihfft),
        lambda t: np.fft.fft(t, 2, 0, norm="ortho"),
        lambda t: np.fft.rfftn(t, s=(2, 2), axes=(0, 1)),
    ],
)
def test_complex_results_are_refused(f: Any) -> None:
    with pytest.raises(tg.TinygradError, match=r"of t \(4, 4\) float64 failed, test_fourier.py line \d+.*complex"):
        f(Tensor(np.ones((4, 4)), requires_grad=True, name="t"))


@pytest.mark.parametrize(
    "f",
    [
        lambda t: np.fft.irfft(t, 0),
        lambda t: np.fft.irfft(t, -1),
        lambda t: np.fft.irfft(t, axis=2),
        lambda t: np.fft.irfft(t, norm="n"),
        lambda t: np.fft.hfft(t, norm="n"),
        lambda t: np.fft.irfftn(t, axes=(0, 0)),
        lambda t: np.fft.irfftn(t, (2,), (0, 1)),
        lambda t: np.fft.fftshift(t, axes=2),
    ],
)
def test_bad_input_is_told(f: Any) -> None:
    with pytest.raises(tg.TinygradError, match=r"test_fourier.py line \d+"):
        f(Tensor(np.ones((4, 4)), requires_grad=True))


def test_what_where_selected_of_a_transform_keeps_its_gradient() -> None:
    # The rule only adds up, with both signs: marks of what was selected must not cancel on the way back.
    x, weights = RANDOM.normal(size=4), np.arange(6.0)
    scalar = lambda x: np.sum(weights * np.fft.irfft(np.exp(x)))  # noqa: E731
    selected = lambda x: np.sum(weights * np.where(weights >= 0, np.fft.irfft(np.exp(x)), 0))  # noqa: E731
    np.testing.assert_allclose(tg.grad(selected)(x), tg.grad(scalar)(x))
