"""The passes: each a small function from a program to a program that means the same and is simpler."""

from __future__ import annotations

from ..ir import Program
from .algebra import stable_forms, transposed_products
from .cleaning import common_subexpressions, dead_code, folded_constants, named
from .identities import identities
from .logistic import shared_exponentials
from .loops.batching import batched
from .loops.pieces import early_terms, rejoined, summed_pieces
from .loops.stacking import stacked_products
from .lowering import converted_once, early_truths, updated_where_picked, variances
from .polynomials import cancelled
from .reductions import summed_products
from .scales import hoisted_scales

__all__ = ["lowered", "simplified"]


def simplified(program: Program, exact: bool = False) -> Program:
    """All passes, or those that change no bit, again and again until nothing changes any more."""
    passes = EXACT if exact else PASSES
    unchanged = 0
    for one in passes * 12:
        before, program = program, one(program)
        unchanged = unchanged + 1 if program is before else 0
        if unchanged == len(passes):
            break
    return named(program)


PASSES = (
    folded_constants,
    identities,
    common_subexpressions,
    dead_code,
    transposed_products,
    stacked_products,
    rejoined,
    early_terms,
    batched,
    summed_pieces,
    stable_forms,
    cancelled,
    dead_code,
)

EXACT = (folded_constants, common_subexpressions, dead_code)
"""The passes that change no bit of any value."""

LOWERING = (
    updated_where_picked,
    variances,
    common_subexpressions,
    hoisted_scales,
    cancelled,
    dead_code,
    shared_exponentials,
    common_subexpressions,
    summed_products,
    converted_once,
    common_subexpressions,
    dead_code,
    early_truths,
)


def lowered(program: Program, exact: bool = False) -> Program:
    """What only makes it faster, and longer to read."""
    for one in () if exact else LOWERING:
        program = one(program)
    return named(program)
