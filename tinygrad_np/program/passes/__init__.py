"""The passes: each a small function from a program to a program that means the same and is simpler."""

from __future__ import annotations

from ..ir import Program
from .cleaning import common_subexpressions, dead_code, folded_constants
from .identities import identities
from .lowering import converted_once, shared_softplus
from .naming import named
from .polynomials import cancelled
from .products import stacked_products, transposed_products
from .scales import hoisted_scales
from .stable import stable_logarithms

__all__ = ["lowered", "simplified"]


def simplified(program: Program) -> Program:
    """All passes, again and again until nothing changes any more."""
    for _ in range(12):
        before = len(program.equations), [str(equation) for equation in program.equations]
        for one in PASSES:
            program = one(program)
        if before == (len(program.equations), [str(equation) for equation in program.equations]):
            break
    return named(program)


PASSES = (
    folded_constants,
    identities,
    common_subexpressions,
    dead_code,
    transposed_products,
    stacked_products,
    stable_logarithms,
    cancelled,
    hoisted_scales,
    dead_code,
)

LOWERING = (shared_softplus, common_subexpressions, converted_once, common_subexpressions, dead_code)


def lowered(program: Program) -> Program:
    """What only makes it faster, and longer to read."""
    for one in LOWERING:
        program = one(program)
    return named(program)
