"""The primitives, in the chapters of NumPy's reference; a gradient stands beside its forward.

Plain NumPy: nothing here knows a Tensor. `PRIMITIVES` is the table of them all, by name.
"""

from __future__ import annotations

import numpy as np

from ..primitive import NUMPY, Primitive
from . import arrays, elementwise, linalg, networks, reductions, signal

CHAPTERS = (elementwise, reductions, arrays, linalg, signal, networks)

PRIMITIVES: dict[str, Primitive] = {
    member.name: member
    for chapter in CHAPTERS
    for file in chapter.FILES
    for member in vars(file).values()
    if isinstance(member, Primitive)
}

for _name, _primitive in PRIMITIVES.items():
    # A primitive of the name of one of NumPy's functions is what that does on Tensors; but np.identity makes a matrix.
    if hasattr(np, _name) and _name != "identity":
        NUMPY.setdefault(getattr(np, _name), _primitive)
