"""Pooling: each window becomes its largest element or its mean."""

from __future__ import annotations

from ..ops.signal import pooling
from .function import Function


class MaxPool1d(Function, of=pooling.max_pool1d, inputs=1):
    """The largest element of each window of signals."""


class MaxPool2d(Function, of=pooling.max_pool2d, inputs=1):
    """The largest element of each window of images."""


class AvgPool1d(Function, of=pooling.avg_pool1d, inputs=1):
    """The mean of each window of signals."""


class AvgPool2d(Function, of=pooling.avg_pool2d, inputs=1):
    """The mean of each window of images."""


class AdaptiveAvgPool1d(Function, of=pooling.adaptive_avg_pool1d, inputs=1):
    """The means of as many windows of signals as asked for."""


class AdaptiveAvgPool2d(Function, of=pooling.adaptive_avg_pool2d, inputs=1):
    """The means of as many windows of images as asked for."""
