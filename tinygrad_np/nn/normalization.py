"""Normalization layers: over the batch, the features, groups of channels, or each image alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError, described
from ..frames import user_place
from ..ops.arrays.shape import array_of
from ..ops.networks import normalization
from .module import Module
from .parameter import Parameter


class _ChannelNorm(Module):
    """What batch and instance norm have in common: a weight and a bias, and running statistics, for each channel."""

    ndims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features=num_features, eps=eps, momentum=momentum)
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(np.ones(num_features), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_features), dtype=dtype) if affine and bias else None
        for name, start in ("running_mean", np.zeros), ("running_var", np.ones):
            self.register_buffer(name, start(num_features, dtype) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", np.array(0) if track_running_stats else None)

    def _checked(self, input: Any) -> Any:
        input = array_of(input)
        if input.ndim not in self.ndims:
            raise ShapeError(
                f"{self!r} of {described(input)}, {user_place()}: of {' or '.join(map(str, self.ndims))} axes, axis "
                "1 that of the channels."
            )
        return input


class BatchNorm1d(_ChannelNorm):
    """Each feature standardized over the batch, then scaled and moved by what is learned: `tg.batch_norm`.

    Args:
        num_features: the length of axis 1 of the input (batch, features) or (batch, features, places).
        eps: what is added to the variance.
        momentum: by which part the running statistics move in each call in training; None for their plain mean.
        affine: whether a weight and (unless `bias` is False) a bias are learned.
        track_running_stats: whether there are running statistics, which are used out of training.
        dtype: of parameters and statistics.

    Raises ShapeError in training for a batch of one, which would become 0.
    """

    ndims: tuple[int, ...] = (2, 3)

    def forward(self, input: Any) -> Any:
        """`tg.batch_norm` of the input."""
        input, momentum = self._checked(input), self.momentum
        if self.training and self.num_batches_tracked is not None:
            batches = self.num_batches_tracked.numpy() + 1
            momentum = 1 / batches if momentum is None else momentum
        momentum = 0.0 if momentum is None else momentum
        statistics, parameters = (self.running_mean, self.running_var), (self.weight, self.bias)
        own = self.training or self.running_mean is None
        y = normalization.batch_norm(input, *statistics, *parameters, own, momentum, self.eps)
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.data = batches
        return y


class BatchNorm2d(BatchNorm1d):
    """Each channel of images (batch, channels, height, width) standardized over all of them; see BatchNorm1d."""

    ndims = (4,)


class InstanceNorm2d(_ChannelNorm):
    """Each channel of each image (batch, channels, height, width) standardized over its places; see BatchNorm1d."""

    ndims = (4, 3)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype=dtype, bias=bias)

    def forward(self, input: Any) -> Any:
        """`tg.instance_norm` of the input, with or without the batch."""
        input = self._checked(input)
        if input.ndim == 3:
            return self.forward(input[None])[0]
        own = self.training or self.running_mean is None
        statistics, parameters = (self.running_mean, self.running_var), (self.weight, self.bias)
        return normalization.instance_norm(input, *statistics, *parameters, own, self.momentum or 0.0, self.eps)


class LayerNorm(Module):
    """Each element of the batch standardized over the last axes, then scaled and moved: `tg.layer_norm`.

    Args:
        normalized_shape: the shape of the last axes, a number or a tuple.
        eps: what is added to the variance.
        elementwise_affine, bias: whether a weight, and whether a bias, is learned for each element.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        shape = tuple(normalized_shape) if isinstance(normalized_shape, list | tuple) else (normalized_shape,)
        super().__init__(normalized_shape=shape, eps=eps, elementwise_affine=elementwise_affine)
        self.weight = Parameter(np.ones(shape), dtype=dtype) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape), dtype=dtype) if elementwise_affine and bias else None

    def forward(self, input: Any) -> Any:
        """`tg.layer_norm` of the input."""
        return normalization.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Module):
    """Each element of the batch divided by the root of its mean square over the last axes: `tg.rms_norm`."""

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        shape = tuple(normalized_shape) if isinstance(normalized_shape, list | tuple) else (normalized_shape,)
        super().__init__(normalized_shape=shape, eps=eps, elementwise_affine=elementwise_affine)
        self.weight = Parameter(np.ones(shape), dtype=dtype) if elementwise_affine else None

    def forward(self, input: Any) -> Any:
        """`tg.rms_norm` of the input."""
        return normalization.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class GroupNorm(Module):
    """Groups of channels of each element of the batch standardized, each channel then scaled: `tg.group_norm`."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: Any = None,
        bias: bool = True,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ShapeError(
                f"GroupNorm of {num_channels} channels in {num_groups} groups, {user_place()}: the groups must share "
                "them evenly."
            )
        super().__init__(num_groups=num_groups, num_channels=num_channels, eps=eps, affine=affine)
        self.weight = Parameter(np.ones(num_channels), dtype=dtype) if affine else None
        self.bias = Parameter(np.zeros(num_channels), dtype=dtype) if affine and bias else None

    def forward(self, input: Any) -> Any:
        """`tg.group_norm` of the input."""
        return normalization.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
