"""The primitives, by family; a gradient stands beside its forward. Plain NumPy: nothing here knows a Tensor.

`PRIMITIVES` is the table of them all, by name.
"""

from __future__ import annotations

import numpy as np

from ..primitive import NUMPY, Primitive
from . import (
    activation,
    arithmetic,
    branches,
    checks,
    comparison,
    convolution,
    correlation,
    cumulative,
    decomposition,
    determinant,
    differences,
    einstein,
    exponential,
    fourier,
    grids,
    hyperbolic,
    indexing,
    integers,
    interpolation,
    joining,
    linear_algebra,
    linear_systems,
    mapping,
    masks,
    matrices,
    matrix_products,
    missing,
    norm,
    ordering,
    packing,
    padding,
    patches,
    picking,
    pooling,
    products,
    real_parts,
    rearranging,
    reduction,
    reduction_options,
    rounding,
    selection,
    sets,
    shape,
    softmax,
    special,
    splitting,
    statistics,
    trigonometry,
    updates,
    windows,
)

FAMILIES = (
    checks,
    arithmetic,
    rounding,
    real_parts,
    exponential,
    hyperbolic,
    trigonometry,
    special,
    activation,
    softmax,
    masks,
    comparison,
    integers,
    selection,
    interpolation,
    branches,
    reduction,
    reduction_options,
    cumulative,
    statistics,
    missing,
    ordering,
    sets,
    differences,
    correlation,
    linear_algebra,
    linear_systems,
    determinant,
    packing,
    decomposition,
    norm,
    matrix_products,
    fourier,
    convolution,
    pooling,
    shape,
    joining,
    indexing,
    picking,
    updates,
    splitting,
    rearranging,
    padding,
    patches,
    windows,
    matrices,
    products,
    einstein,
    grids,
    mapping,
)

PRIMITIVES: dict[str, Primitive] = {
    member.name: member for family in FAMILIES for member in vars(family).values() if isinstance(member, Primitive)
}

for _name, _primitive in PRIMITIVES.items():
    # A primitive of the name of one of NumPy's functions is what that does on Tensors; but np.identity makes a matrix.
    if hasattr(np, _name) and _name != "identity":
        NUMPY.setdefault(getattr(np, _name), _primitive)
