"""Arrays and their elements: shapes, indexing, joining, splitting, rearranging, padding."""

from . import (
    checks,
    grids,
    indexing,
    joining,
    mapping,
    padding,
    picking,
    rearranging,
    shape,
    splitting,
    updates,
)

FILES = (
    checks,
    shape,
    indexing,
    picking,
    updates,
    joining,
    splitting,
    rearranging,
    padding,
    grids,
    mapping,
)
