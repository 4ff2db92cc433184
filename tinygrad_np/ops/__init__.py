"""The primitives, by family; a gradient stands beside its forward. Plain NumPy: nothing here knows a Tensor.

`PRIMITIVES` is the table of them all, by name.
"""

from __future__ import annotations

import numpy as np

from ..primitive import NUMPY, Primitive
from . import activation, arithmetic, comparison, exponential, indexing, joining, linear_algebra, reduction, selection, shape

FAMILIES = (arithmetic, exponential, activation, comparison, selection, reduction, linear_algebra, shape, joining, indexing)

PRIMITIVES: dict[str, Primitive] = {
    member.name: member for family in FAMILIES for member in vars(family).values() if isinstance(member, Primitive)
}

for _name, _primitive in PRIMITIVES.items():
    # A primitive of the name of one of NumPy's functions is what that function does on Tensors.
    if hasattr(np, _name):
        NUMPY.setdefault(getattr(np, _name), _primitive)
