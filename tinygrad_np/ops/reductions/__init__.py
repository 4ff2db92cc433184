"""Over axes: sums, means, statistics, norms, softmax, cumulative sums, sorting."""

from . import (
    cumulative,
    missing,
    norm,
    ordering,
    reduction,
    reduction_options,
    sets,
    softmax,
    statistics,
)

FILES = (
    reduction,
    reduction_options,
    cumulative,
    softmax,
    statistics,
    missing,
    ordering,
    sets,
    norm,
)
