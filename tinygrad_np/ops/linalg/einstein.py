"""Einstein's summation, np.einsum: products summed over the letters that the result does not have.

The gradient of an einsum is an einsum: of the upstream gradient and the other operands, to the letters of the one.
"""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ...primitive import implements, primitive
from ..arrays.shape import array_of

LETTERS = string.ascii_uppercase + string.ascii_lowercase


@implements(np.einsum)
def einsum(*operands, optimize=False):
    """np.einsum in all its forms: with or without "->", with "...", or with lists of numbers in place of letters."""
    subscripts, arrays = _as_text(operands)
    explicit = _explicit(subscripts, [array.ndim for array in arrays])
    return contracted(*arrays, subscripts=explicit, optimize=optimize)


@primitive(name="einsum")
def contracted(*operands, subscripts: str, optimize=False):
    """The product of the operands, axes of the same letter together, summed over the letters not after "->"."""
    # Of three operands or more, products of pairs: all at once would be a product for each tuple of indices.
    return np.einsum(subscripts, *operands, optimize=optimize or len(operands) > 2)


@contracted.vjp(...)
def _(index: int, g, y, *operands, subscripts: str, optimize=False):
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    factors = [(output, g)]
    factors += [pair for place, pair in enumerate(zip(terms, operands, strict=True)) if place != index]
    lengths: dict[str, int] = {}
    for term, factor in factors:
        for letter, length in zip(term, factor.shape, strict=True):
            lengths[letter] = max(length, lengths.get(letter, 0))
    unused = (letter for letter in LETTERS if letter not in subscripts)
    result = ""
    for letter, length in zip(terms[index], operands[index].shape, strict=True):
        if letter in result:
            # A letter that comes twice stands for a diagonal: the gradient is zero beside it.
            twin = next(unused)
            factors.append((letter + twin, np.eye(length, dtype=g.dtype)))
            letter = twin
        elif lengths.get(letter, -1) < length:
            # What was summed over, or repeated, has the same gradient all along.
            factors.append((letter, np.ones(length, g.dtype)))
        result += letter
    terms_of_all = ",".join(term for term, _ in factors)
    return np.einsum(f"{terms_of_all}->{result}", *(factor for _, factor in factors), optimize=True)


def _as_text(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The subscripts as one text, and the arrays."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [array_of(array) for array in operands[1:]]
    arrays, lists = operands[: len(operands) // 2 * 2 : 2], operands[1::2]
    text = ",".join(map(_letters, lists))
    if len(operands) % 2:
        text += "->" + _letters(operands[-1])
    return text, [array_of(array) for array in arrays]


def _letters(numbers) -> str:
    return "".join("..." if number is Ellipsis else LETTERS[number] for number in numbers)


def _explicit(subscripts: str, ndims: list[int]) -> str:
    """The subscripts with the letters of the result, and with letters in place of "..."."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"{subscripts!r} is for {len(terms)} operands, and {len(ndims)} are given")
    named = [term.replace("...", "") for term in terms]
    if not arrow:
        letters = "".join(named)
        output = "..." * ("..." in inputs) + "".join(sorted(one for one in set(letters) if letters.count(one) == 1))
    # Axes behind "..." broadcast: the last of them stand together.
    counts = [
        max(0, ndim - len(name)) if "..." in term else 0 for term, name, ndim in zip(terms, named, ndims, strict=True)
    ]
    most = max(counts)
    if most and "..." not in output:
        raise ValueError(f"{subscripts!r} has axes after '...' that are not in the result; write '...' there too")
    dots = "".join(letter for letter in LETTERS if letter not in subscripts)[:most]
    terms = [term.replace("...", dots[most - count :]) for term, count in zip(terms, counts, strict=True)]
    return ",".join(terms) + "->" + output.replace("...", dots)
