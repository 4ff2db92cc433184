"""A program as the NumPy function that one would have written: a formula a line, with the user's names.

What the user gave a name has a line of its own; what has none and is used once stands in the formula that uses it. The
comment at the end of a line names the line of the user's code that it comes from.
"""

from __future__ import annotations

from typing import Any

from ..formula import Symbol
from .emit import General, expression, inlined_constants, signature
from .helpers import helper_sources
from .ir import Equation, Program, Variable

WIDTH = 88


def readable_source(program: Program, parameters: list[str], general: General | None = None) -> str:
    """The program as a Python function of these parameters that needs nothing but NumPy.

    Where rare values occur, for which the program was not made, the function calls that of the program for all values.
    """
    helpers, names = helper_sources(program, *([general.program] if general else []))
    parts = ["import numpy as np\n", *helpers, "", *_function(program, parameters, names, general)]
    if general is not None:
        parts += ["", "", *_function(general.program, signature(general.program), names, None)]
    return "\n".join(parts) + "\n"


def _function(program: Program, parameters: list[str], names: dict[Any, str], general: General | None) -> list[str]:
    texts = dict(inlined_constants(program))
    uses = program.uses()
    made_by = program.made_by()
    body: list[tuple[str, str]] = []
    for equation in program.equations:
        formula = expression(equation, lambda variable: texts.get(variable, Symbol(str(variable))), names)
        if equation.operation == "assume":
            body.append((f"if not np.all({texts.get(equation.arguments[0], equation.arguments[0])}):", ""))
            body.append((f"    return {general.call if general else None}", ""))
        elif _stands_in_another(equation, formula, uses, program):
            texts[equation.output] = formula
        else:
            targets = ", ".join(map(str, equation.outputs))
            body.append((f"{targets} = {formula}", _comment(equation, made_by)))
    results = [str(texts.get(variable, Symbol(str(variable)))) for variable in program.outputs]
    body.append((f"return {', '.join(results)}", ""))
    width = min(max(len(line) for line, _ in body), WIDTH)
    lines = [f"    {line.ljust(width)}  # {comment}" if comment else f"    {line}" for line, comment in body]
    warnings = any(equation.ignores for equation in program.equations)
    head = ['@np.errstate(all="ignore")'] if warnings else []
    return ["", *head, f"def {program.name}({', '.join(parameters)}):", *lines]


def _stands_in_another(equation: Equation, formula: Symbol, uses: dict[Variable, int], program: Program) -> bool:
    if len(equation.outputs) != 1 or equation.output in program.outputs:
        return False
    if equation.operation in ("greater", "less", "transpose") and len(str(formula)) < 20:
        return True  # As cheap to repeat as to name.
    return equation.output.is_numbered and uses.get(equation.output, 0) == 1 and len(str(formula)) < WIDTH - 20


def _comment(equation: Equation, made_by: dict[Variable, Equation]) -> str:
    return equation.place
