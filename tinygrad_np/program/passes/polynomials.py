"""Sums of products that become shorter when they are multiplied out: what cancels is not computed.

    (y c / a - (1 - y) c / (1 - a)) * (a * (1 - a))  =  c (y - a)

is the gradient of a sigmoid under its logarithmic loss. A product of elementwise sums and quotients is written as a
polynomial: a coefficient for each product of powers of variables. If that takes fewer operations, it replaces the
product; what cancels would otherwise be computed with an error, or as 0 times infinity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..ir import Equation, Program, Variable
from .patterns import Pattern
from .rewrite import Edit, rewrite

Monomial = frozenset[tuple[Variable, int]]
Polynomial = dict[Monomial, float]
ONE: Monomial = frozenset()
MOST = 8
"""Terms of a polynomial; longer ones are left as they are."""
DEEPEST = 40
"""Equations that are looked at for one polynomial: what comes before those is a variable."""
ARITHMETIC = {"add", "subtract", "multiply", "divide", "negative", "exp"}
"""Operations through which a NaN stays one."""


SIGMOID, REST = Pattern("1 / (total := 1 + (power := exp(z)))"), Pattern("1 - a")


class Part(NamedTuple):
    """A constant as a number times another constant, or times 1 minus that."""

    number: float
    weight: Variable
    value: Any
    is_rest: bool

    def polynomial(self) -> Polynomial:
        """Written with the other constant."""
        weight = frozenset([(self.weight, 1)])
        return {ONE: self.number, weight: -self.number} if self.is_rest else {weight: self.number}


def cancelled(program: Program) -> Program:
    """Elementwise products and sums multiplied out, where that leaves fewer operations."""
    found = _parts_of_numbers(program)
    sigmoids = _Sigmoids()

    def rule(equation: Equation, edit: Edit) -> Any:
        results = (_rule(equation, edit, parts, sigmoids) for parts in found)
        return next((result for result in results if result is not None), None)

    return rewrite(program, rule)


def _parts_of_numbers(program: Program) -> list[dict[Variable, Part]]:
    """Pairs of constants that add up to a number: where a function closes over labels y, c y and c (1 - y) are such.

    Each of the two may be the one that the other is written with.
    """
    found: dict[Variable, Part] = {}
    other: dict[Variable, Part] = {}
    for (first, a), (second, b) in _opposites(program):
        if first in found or second in found:
            continue
        with np.errstate(all="ignore"):
            total = a + b
        number = float(total.flat[0])
        if not _is_normal(number, a.dtype) or (total != number).any():
            continue
        value, rest = a / number, b / number
        if (value + rest == 1).all() and (number * value == a).all() and (number * rest == b).all():
            weight, weight_of_rest = Variable(first.shape, first.dtype), Variable(first.shape, first.dtype)
            found[first], found[second] = (Part(number, weight, value, is_rest) for is_rest in (False, True))
            other[first], other[second] = (Part(number, weight_of_rest, rest, is_rest) for is_rest in (True, False))
    return [found, other] if found else [found]


def _opposites(program: Program) -> Iterator[tuple[tuple[Variable, Any], tuple[Variable, Any]]]:
    """Pairs of constants of which one rises as the other falls, by half of their digits."""
    kinds = Counter((variable.shape, variable.dtype) for variable in program.constants)
    known: dict[Any, list[tuple[Variable, Any]]] = {}
    for variable, value in program.constants.items():
        kind = variable.shape, variable.dtype
        if kinds[kind] > 1 and variable.size > 1 and variable.dtype.char in "fd":
            array = np.asarray(value)
            half = f"f{variable.dtype.itemsize // 2}"
            with np.errstate(all="ignore"):
                rise, fall = (part.astype(half).tobytes() for part in (array - array.min(), array.max() - array))
            yield from ((one, (variable, array)) for one in known.get((kind, fall), ()))
            known.setdefault((kind, rise), []).append((variable, array))


def _rule(equation: Equation, edit: Edit, parts: dict[Variable, Part], sigmoids: _Sigmoids) -> Any:
    output = equation.output
    if equation.operation not in ("multiply", "divide", "negative") or output.dtype.char not in "fd" or not output.ndim:
        return None
    spent: list[Equation] = [equation]
    polynomial = _of_equation(equation, edit, spent, parts)
    if polynomial is None:
        return None
    best = polynomial
    expanded = _expanded(sigmoids.within(polynomial, edit), edit)
    # Multiplied out, a (1 - a) loses digits where a is near 1: only where terms cancel is it worth it.
    if 0 < len(expanded) <= len(polynomial) and _degree(expanded) < _degree(polynomial):
        best = expanded
    leaves = _leaves(spent, edit) - parts.keys()
    if _cost(best) >= len(spent) or not _is_accurate(best, output) or not _are_seen(leaves, best, edit):
        return None
    edit.constants.update({part.weight: part.value for part in parts.values()})
    return _emitted(best, edit)


def _is_accurate(polynomial: Polynomial, output: Variable) -> bool:
    """Whether it is a product, perhaps with one sum or difference of two values, that is computed as the output is.

    Sums of more, or of products, may lose digits that the order in which they are written keeps: (a - b) (a + b) does
    not as a a - b b. What is not of the output's dtype stands alone, and so is converted before anything is done to it.
    """
    shared, size = _common(polynomial)
    factors = [*shared, *(factor for monomial in _inner(polynomial) for factor in monomial)]
    if len(polynomial) > 1 and any(power != 1 for monomial in _inner(polynomial) for _, power in monomial):
        return False
    if len(polynomial) > 2 or max(map(len, _inner(polynomial))) > 1 < len(polynomial):
        return False
    if {abs(coefficient) for coefficient in polynomial.values()} != {size} or not _is_normal(size, output.dtype):
        return False
    others = [power for variable, power in factors if variable.dtype != output.dtype]
    if len(others) > 1 or any(power != 1 for power in others):
        return False
    if not all(variable.ndim == 0 or variable.shape == output.shape for variable, _ in factors):
        return False
    return any((variable.shape, variable.dtype) == (output.shape, output.dtype) for variable, _ in factors)


def _number(value: Any, edit: Edit) -> float | None:
    """The number that an operand is, if a coefficient can be made of it."""
    number = edit.number(value)
    return float(number) if number is not None and _is_normal(number) else None


def _is_normal(number: float, dtype: Any = np.float64) -> bool:
    """Whether a number has all its digits in a dtype."""
    return float(np.finfo(dtype).tiny) <= abs(number) <= float(np.finfo(dtype).max)


def _leaves(equations: list[Equation], edit: Edit) -> set[Variable]:
    """The variables that equations read and do not make."""
    read = {variable for equation in equations for variable in equation.inputs if _number(variable, edit) is None}
    return read - {equation.output for equation in equations}


def _are_seen(leaves: set[Variable], polynomial: Polynomial, edit: Edit) -> bool:
    """Whether a NaN among the leaves still comes out: x y / y is left alone, or one in y would be lost."""
    seen = {variable for monomial in polynomial for variable, _ in monomial}
    waiting = list(seen)
    while waiting and not leaves <= seen:
        maker = edit.made_by.get(waiting.pop())
        if maker is not None and maker.operation in ARITHMETIC:
            waiting += set(maker.inputs) - seen
            seen.update(maker.inputs)
    return all(leaf in seen or _is_made_of(leaf, seen, edit) for leaf in leaves)


def _is_made_of(value: Variable, others: set[Variable], edit: Edit) -> bool:
    maker = edit.made_by.get(value)
    return maker is not None and maker.operation in ARITHMETIC and others.issuperset(maker.inputs)


def _of_equation(
    equation: Equation, edit: Edit, spent: list[Equation], parts: dict[Variable, Part]
) -> Polynomial | None:
    operands = [_of(argument, edit, spent, parts) for argument in equation.arguments]
    if any(operand is None for operand in operands):
        return None
    known: list[Polynomial] = operands  # type: ignore[assignment]
    if equation.operation == "negative":
        return _product(known[0], {ONE: -1.0})
    if equation.operation in ("add", "subtract"):
        sign = 1.0 if equation.operation == "add" else -1.0
        return _added(known[0], _product(known[1], {ONE: sign}) or {})
    if equation.operation == "divide":
        if len(known[1]) != 1:
            return None
        ((monomial, coefficient),) = known[1].items()
        if not _is_normal(1 / coefficient):
            return None
        known[1] = {frozenset((variable, -power) for variable, power in monomial): 1 / coefficient}
    return _product(known[0], known[1])


def _of(value: Any, edit: Edit, spent: list[Equation], parts: dict[Variable, Part]) -> Polynomial | None:
    """The polynomial of an operand, through what is computed for it alone."""
    number = _number(value, edit)
    if number is not None:
        return {ONE: number}
    if not isinstance(value, Variable):
        return None
    if value in parts:
        return parts[value].polynomial()
    equation = edit.made_by.get(value)
    if (
        equation is not None
        and len(spent) < DEEPEST
        and edit.is_used_once(value)
        and equation.operation in ("multiply", "divide", "negative", "add", "subtract")
        and value.dtype == spent[0].output.dtype
        and not _differs_from_number(equation, edit)
    ):
        before = len(spent)
        spent.append(equation)
        inner = _of_equation(equation, edit, spent, parts)
        if inner is not None and len(inner) <= MOST:
            return inner
        del spent[before:]
    return {frozenset([(value, 1)]): 1.0}


class _Sigmoids:
    """The sigmoids a = 1 / (1 + e) of a program, by their parts 1 + e and e, and what is 1 - a."""

    def __init__(self) -> None:
        self.reciprocals: dict[Variable, Variable] = {}
        self.powers: dict[Variable, Variable] = {}
        self.rests: dict[Variable, Variable] = {}
        self.seen = 0

    def _look(self, edit: Edit) -> None:
        """Look at the equations that were added since."""
        for equation in edit.equations[self.seen :]:
            if equation.operation == SIGMOID.operation and (found := SIGMOID.match(equation, edit)):
                self.reciprocals[found["total"]] = self.powers[found["power"]] = equation.output
            if equation.operation == REST.operation and (found := REST.match(equation, edit)):
                self.rests[found["a"]] = equation.output
        self.seen = len(edit.equations)

    def within(self, polynomial: Polynomial, edit: Edit) -> Polynomial:
        """A polynomial written with the sigmoids where their parts stand: 1 / (1 + e) is a, and e a is 1 - a."""
        self._look(edit)
        powers, rests = self.powers, self.rests
        result: Polynomial = {}
        for monomial, coefficient in polynomial.items():
            factors: dict[Variable, int] = {}
            for variable, power in monomial:
                sigmoid = self.reciprocals.get(variable, variable)
                factors[sigmoid] = factors.get(sigmoid, 0) + (power if sigmoid is variable else -power)
            for variable in list(factors):
                sigmoid = powers.get(variable, variable)
                is_power = sigmoid in rests and sigmoid is not variable
                if is_power and factors[variable] == 1 and factors.get(sigmoid, 0) > 0:
                    del factors[variable]
                    factors[sigmoid] -= 1
                    factors[rests[sigmoid]] = factors.get(rests[sigmoid], 0) + 1
            result = _added(result, {frozenset((one, power) for one, power in factors.items() if power): coefficient})
        return result


def _differs_from_number(equation: Equation, edit: Edit) -> bool:
    """Whether this is a sum like 1 - a, which is better left as a factor."""
    is_sum = equation.operation in ("add", "subtract")
    return is_sum and any(edit.number(argument) is not None for argument in equation.arguments)


def _expanded(polynomial: Polynomial, edit: Edit) -> Polynomial:
    """With differences from a number, such as 1 - a, multiplied out where they stand in a numerator."""
    result: Polynomial = {}
    for monomial, coefficient in polynomial.items():
        term: Polynomial = {ONE: coefficient}
        for variable, power in monomial:
            factor: Polynomial = {frozenset([(variable, power)]): 1.0}
            difference = edit.made_by.get(variable)
            if power == 1 and difference is not None and difference.operation in ("subtract", "add"):
                first, second = difference.arguments
                if edit.number(first) is not None and isinstance(second, Variable):
                    sign = 1.0 if difference.operation == "add" else -1.0
                    factor = {ONE: float(edit.number(first)), frozenset([(second, 1)]): sign}
            product = _product(term, factor)
            if product is None:
                return {}
            term = product
        result = _added(result, term)
    return result


def _product(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The product, unless a coefficient is too large or too small for a number."""
    result: Polynomial = {}
    for one, first in a.items():
        for other, second in b.items():
            powers = dict(one)
            for variable, power in other:
                powers[variable] = powers.get(variable, 0) + power
            monomial = frozenset((variable, power) for variable, power in powers.items() if power)
            if not _is_normal(first * second):
                return None
            result = _added(result, {monomial: first * second})
    return result


def _added(a: Polynomial, b: Polynomial) -> Polynomial:
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = total.get(monomial, 0.0) + coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def _common(polynomial: Polynomial) -> tuple[Monomial, float]:
    """The factor that all terms share, and the size that all coefficients share (else 1); the first is positive."""
    shared = frozenset.intersection(*polynomial)
    sizes = {abs(coefficient) for coefficient in polynomial.values()}
    return shared, sizes.pop() if len(sizes) == 1 else 1.0


def _inner(polynomial: Polynomial) -> list[Monomial]:
    """The terms without what they share: those of a sum of plain variables have one factor each."""
    shared, _ = _common(polynomial)
    return [monomial - shared for monomial in polynomial]


def _degree(polynomial: Polynomial) -> int:
    return max((sum(abs(power) for _, power in monomial) for monomial in polynomial), default=0)


def _cost(polynomial: Polynomial) -> float:
    """The number of operations that computing it takes."""
    if not polynomial:
        return float("inf")
    shared, size = _common(polynomial)
    is_single = len(polynomial) == 1
    operations = 0 if is_single else _operations(shared, True)
    for monomial, coefficient in polynomial.items():
        operations += _operations(monomial if is_single else monomial - shared, False)
        operations += abs(coefficient / size) != 1
    all_negative = all(coefficient < 0 for coefficient in polynomial.values())
    return operations + len(polynomial) - 1 + (size != 1 or all_negative)


def _operations(monomial: Monomial, follows: bool) -> int:
    """Products and quotients in a product of powers; `follows` says that something is multiplied by it."""
    above = sum(power for _, power in monomial if power > 0)
    below = -sum(power for _, power in monomial if power < 0)
    return (above if follows else max(above - 1, 0)) + below


def _emitted(polynomial: Polynomial, edit: Edit) -> Any:
    shared, size = _common(polynomial)
    result: Any = None
    sign = 1.0
    # Positive terms first, and of several the later variable first, as one writes a - y.
    ordered = sorted(polynomial.items(), key=lambda term: -term[1])
    if all(coefficient < 0 for coefficient in polynomial.values()):
        sign = -1.0
    for monomial, coefficient in ordered:
        scale = sign * coefficient / size
        factor = _monomial(monomial - shared, abs(scale), edit)
        if result is None:
            result = factor if scale > 0 else edit.apply(np.negative, factor)
        else:
            result = edit.apply(np.add if scale > 0 else np.subtract, result, factor)
    if shared:
        result = _times(shared, None if result == 1.0 and not isinstance(result, Variable) else result, edit)
    if sign * size != 1:
        result = edit.apply(np.negative, result) if sign * size == -1 else edit.apply(np.multiply, result, sign * size)
    return result


def _monomial(monomial: Monomial, scale: float, edit: Edit) -> Any:
    if not monomial:
        return scale
    result = _times(monomial, None, edit)
    return result if scale == 1 else edit.apply(np.multiply, scale, result)


def _times(monomial: Monomial, start: Any, edit: Edit) -> Any:
    """A value times a product of powers."""
    result = start
    for variable, power in sorted(monomial, key=lambda factor: (factor[1] < 0, edit.place(factor[0]))):
        for _ in range(abs(power)):
            if power > 0:
                result = variable if result is None else edit.apply(np.multiply, result, variable)
            else:
                result = edit.apply(np.divide, 1.0 if result is None else result, variable)
    return result
