"""Convolutions of signals and images, and their transposes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..frames import user_place
from ..ops.arrays.shape import array_of
from ..ops.signal import convolution
from ..ops.signal.patches import Each, for_each_axis
from ..options import chosen
from .module import Module
from .parameter import Random, uniform

_np: Any = np
PADDINGS = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""For each padding_mode of PyTorch that of np.pad."""


class _Convolution(Module):
    """What the four have in common: the parameters, spread over +-1/sqrt(channels that a weight sees times window)."""

    axes: int
    transposed = False

    def _make_parameters(self, in_channels: int, out_channels: int, bias: bool, dtype: Any, rng: Random) -> None:
        size, groups = for_each_axis(self.kernel_size, self.axes, "kernel_size", 1), self.groups
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"{type(self).__name__} of {in_channels} to {out_channels} channels with groups={groups}, "
                f"{user_place()}: the groups must share both evenly."
            )
        if not self.transposed:
            convolution.ends_of(self.padding, size, self.stride, self.dilation)
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        bound, rng = 1 / math.sqrt(max(channels[1] * math.prod(size), 1)), np.random.default_rng(rng)
        self.weight = uniform((*channels, *size), bound, rng, dtype)
        self.bias = uniform((out_channels,), bound, rng, dtype) if bias else None


class Conv1d(_Convolution):
    """The convolution of signals, `tg.conv1d`; the arguments are those of Conv2d."""

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: Each | str = 0,
        dilation: Each = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        super().__init__(in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size, stride=stride)
        self.padding, self.dilation, self.groups = padding, dilation, groups
        self.padding_mode = chosen("padding_mode", padding_mode, PADDINGS)
        self._make_parameters(in_channels, out_channels, bias, dtype, rng)

    def forward(self, input: Any) -> Any:
        """The convolution of the input (batch, channels, places), or without the batch."""
        input, padding = array_of(input), self.padding
        if self.padding_mode != "zeros":
            ends = convolution.ends_of(padding, self.weight.shape[2:], self.stride, self.dilation)
            input = _np.pad(input, ((0, 0),) * (input.ndim - self.axes) + ends, mode=PADDINGS[self.padding_mode])
            padding = 0
        convolve = convolution.conv1d if self.axes == 1 else convolution.conv2d
        return convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(Conv1d):
    """The convolution of images (batch, in_channels, height, width), or of one: `tg.conv2d` with a learned weight.

    Args:
        in_channels, out_channels: how many channels the input and the result have.
        kernel_size, stride, padding, dilation, groups: as in `tg.conv2d`.
        bias: whether a number is added for each channel.
        padding_mode: what stands beyond the ends: "zeros", "reflect", "replicate" or "circular".
        dtype, rng: as in Linear.

    The weight is (out_channels, in_channels / groups, height, width of the window).

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> nn.Conv2d(1, 8, 3, padding=1)(np.ones((5, 1, 28, 28))).shape
    (5, 8, 28, 28)
    """

    axes = 2


class ConvTranspose1d(_Convolution):
    """The transpose of Conv1d, `tg.conv_transpose1d`; the weight is (in_channels, out_channels / groups, window)."""

    axes, transposed = 1, True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Each,
        stride: Each = 1,
        padding: Each = 0,
        output_padding: Each = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Each = 1,
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        super().__init__(in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size, stride=stride)
        self.padding, self.output_padding, self.groups, self.dilation = padding, output_padding, groups, dilation
        self._make_parameters(in_channels, out_channels, bias, dtype, rng)

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """The transposed convolution of the input (batch, channels, places), or without the batch.

        Of the sizes that a stride leaves open, `output_size` chooses one, as `output_padding` does.
        """
        convolve = convolution.conv_transpose1d if self.axes == 1 else convolution.conv_transpose2d
        more = self.output_padding if output_size is None else self._output_padding(array_of(input), output_size)
        return convolve(input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)

    def _output_padding(self, input: Any, output_size: Any) -> tuple[int, ...]:
        wanted = tuple(np.atleast_1d(output_size).tolist())[-self.axes :]
        names = ("stride", "padding", "dilation")
        stride, padding, dilation = (for_each_axis(getattr(self, name), self.axes, name, 0) for name in names)
        windows = zip(input.shape[-self.axes :], self.weight.shape[2:], stride, padding, dilation, strict=True)
        least = [(length - 1) * s - 2 * p + d * (window - 1) + 1 for length, window, s, p, d in windows]
        most = [length + s - 1 for length, s in zip(least, stride, strict=True)]
        if len(wanted) != self.axes or any(not a <= w <= b for a, w, b in zip(least, wanted, most, strict=True)):
            raise ShapeError(f"output_size={output_size!r}, {user_place()}: it must be from {least} to {most}.")
        return tuple(w - a for w, a in zip(wanted, least, strict=True))


class ConvTranspose2d(ConvTranspose1d):
    """The transpose of Conv2d, `tg.conv_transpose2d`."""

    axes = 2
