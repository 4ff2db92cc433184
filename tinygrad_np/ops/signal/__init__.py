"""Signals and images: convolution, pooling, correlation, Fourier transforms, interpolation, differences."""

from . import (
    convolution,
    correlation,
    differences,
    fourier,
    interpolation,
    patches,
    pooling,
)

FILES = (
    patches,
    convolution,
    pooling,
    correlation,
    fourier,
    interpolation,
    differences,
)
