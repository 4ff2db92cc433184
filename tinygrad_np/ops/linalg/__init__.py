"""Linear algebra: products of vectors and matrices, systems, determinants, decompositions."""

from . import (
    decomposition,
    determinant,
    einstein,
    linear_systems,
    matrices,
    packing,
    products,
)

FILES = (
    products,
    einstein,
    linear_systems,
    determinant,
    packing,
    decomposition,
    matrices,
)
