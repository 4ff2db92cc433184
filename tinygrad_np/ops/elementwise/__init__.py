"""Element by element: arithmetic, exponentials, trigonometry, activations, comparison, selection."""

from . import (
    activation,
    arithmetic,
    branches,
    comparison,
    exponential,
    hyperbolic,
    masks,
    real_parts,
    rounding,
    selection,
    special,
    trigonometry,
)

FILES = (
    arithmetic,
    rounding,
    real_parts,
    exponential,
    hyperbolic,
    trigonometry,
    special,
    activation,
    masks,
    comparison,
    selection,
    branches,
)
