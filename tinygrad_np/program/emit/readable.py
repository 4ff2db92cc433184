"""A program as the NumPy function that one would have written: a formula a line, with the user's names.

What the user gave a name has a line of its own; what has none and is used once stands in the formula that uses it. The
comment at the end of a line names the line of the user's code that it comes from.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...formula import Symbol
from ..ir import Equation, Program, Variable
from .expression import NEVER_WARN, General, expression, inlined_constants, signature
from .helpers import helper_sources
from .mathematics import LATEX, MATHML, formulas

WIDTH = 88


def readable_source(program: Program, parameters: list[str], general: General | None = None) -> str:
    """The program as a Python function of these parameters that needs nothing but NumPy.

    Where rare values occur, for which the program was not made, the function calls that of the program for all values.
    The functions that both call and that are not NumPy's come last.
    """
    helpers, names = helper_sources(program, *([general.program] if general else []))
    imports = [text for text in helpers if text.startswith(("import ", "from "))]
    functions = [text.strip("\n") for text in helpers if text not in imports]
    file = _file_of_most(program)
    origin = f"Derived from {program.name}, {program.line}"
    text = f"{origin}; lines below are of {file}." if file else f"{origin}."
    parts = _function(program, parameters, names, text, file, general)
    if general is not None:
        text = f"{program.name} for all values: it calls this where rare ones occur (ties, zeros at a kink, inf, NaN)."
        parts += ["", "", *_function(general.program, signature(general.program), names, text, file)]
    for function in functions:
        parts += ["", "", function]
    return "\n".join([*imports, "import numpy as np", "", "", *parts]) + "\n"


class ReadableProgram(Program):
    """A program that says in formulas what it computes."""

    @classmethod
    def of(cls, program: Program) -> ReadableProgram:
        """A program as one."""
        return cls(**{field.name: getattr(program, field.name) for field in dataclasses.fields(program)})

    def latex(self) -> str:
        """The program as equations in LaTeX, aligned: forward and backward, in the user's names."""
        return LATEX.display(self._formulas())

    def mathml(self) -> str:
        """The same in MathML, for a page."""
        return MATHML.display(self._formulas())

    def _formulas(self) -> list[str]:
        return [*formulas(readable_source(self, signature(self)))]


class _Line(NamedTuple):
    """A line of code, what its comment says, whether NumPy's warnings are off in it, and whether they may be."""

    code: str
    comment: str = ""
    is_quiet: bool = False
    may_be_quiet: bool = True


def _function(
    program: Program,
    parameters: list[str],
    names: dict[Any, str],
    text: str,
    file: str,
    general: General | None = None,
) -> list[str]:
    texts = dict(inlined_constants(program))
    uses, made_by = program.uses, program.made_by
    within: dict[Variable, list[Equation]] = {}
    body: list[_Line] = []

    def symbol(variable: Variable) -> Symbol:
        return texts.get(variable, Symbol(str(variable)))

    for equation in program.equations:
        if equation.operation == "assume":
            body.append(_Line(f"if {_fails(equation.arguments[0], made_by, symbol)}:", "rare values"))
            body.append(_Line(f"    return {general.call if general else None}"))
            continue
        formula = expression(equation, symbol, names)
        computed = [equation, *(inner for variable in equation.inputs for inner in within.get(variable, ()))]
        if _stands_in_another(equation, formula, uses, program):
            texts[equation.output] = formula
            within[equation.output] = computed
            continue
        code = f"{equation.targets} = {formula}"
        warn = [inner for inner in computed if inner.operation not in NEVER_WARN]
        is_quiet = any(inner.ignores for inner in warn)
        body.append(_Line(code, equation.line.replace(f"{file} line", "line"), is_quiet, not warn))
    body.append(_Line(f"return {', '.join(str(symbol(variable)) for variable in program.outputs)}"))
    definition = wrapped_line(f"def {program.name}({', '.join(parameters)}):")
    return [*definition, f'    """{text}"""', *_with_comments(_with_warnings_off(body))]


def _with_warnings_off(body: list[_Line]) -> list[_Line]:
    """The lines in which NumPy's warnings are off in blocks of their own, from the first such to the last."""
    lines: list[_Line] = []
    number = 0
    while number < len(body):
        end = start = number
        while end < len(body) and (body[end].is_quiet or (end > start and body[end].may_be_quiet)):
            end += 1
        while end > start and not body[end - 1].is_quiet:
            end -= 1
        if end > start:
            lines.append(_Line('with np.errstate(all="ignore"):'))
            lines += [line._replace(code=f"    {line.code}") for line in body[start:end]]
        else:
            lines.append(body[start])
        number = max(end, start + 1)
    return lines


def _with_comments(body: list[_Line]) -> list[str]:
    """The lines with their comments in a column, and a blank line between the passes forward and backward."""
    wrapped = [(wrapped_line(line.code), line.comment) for line in body]
    width = max((len(line[0]) for line, comment in wrapped if comment), default=0)
    lines: list[str] = []
    blanks = []
    was_gradient: bool | None = None
    for (first, *more), comment in wrapped:
        if "line " in comment:
            is_gradient = comment.startswith("gradient of")
            if was_gradient not in (None, is_gradient):
                blanks.append(len(lines) - lines[-1].lstrip().startswith("with "))
            was_gradient = is_gradient
        lines.append(f"    {first.ljust(width)}  # {comment}" if comment else f"    {first}")
        lines += [f"    {line}" for line in more]
    if len(blanks) <= 2:  # Forward, backward, update: else the passes are not that plain.
        for number in reversed(blanks):
            lines.insert(number, "")
    return lines


def _fails(condition: Variable, made_by: Mapping[Variable, Equation], symbol: Any) -> str:
    """The text of the question whether an assumption fails."""
    maker = made_by.get(condition)
    if maker is not None and maker.operation == "logical_not":
        return f"np.any({symbol(maker.arguments[0])})"
    return f"not np.all({symbol(condition)})"


def _file_of_most(program: Program) -> str:
    """The file that most of the program's lines come from."""
    lines = [equation.line.removeprefix("gradient of ") for equation in program.equations if equation.line]
    files = Counter(line.rpartition(" line ")[0] for line in lines)
    return files.most_common(1)[0][0] if files else ""


def _stands_in_another(equation: Equation, formula: Symbol, uses: Mapping[Variable, int], program: Program) -> bool:
    if len(equation.outputs) != 1 or equation.unpacks or equation.output in program.outputs:
        return False
    if equation.operation in ("greater", "less", "transpose") and len(str(formula)) < 20:
        return True  # As cheap to repeat as to name.
    return equation.output.is_numbered and uses.get(equation.output, 0) == 1 and len(str(formula)) < WIDTH - 20


def wrapped_line(line: str) -> list[str]:
    """A line of code as several, none longer than WIDTH if it can be helped, broken where it is least nested."""
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    breaks = _breaks(code)
    width = WIDTH - 4 - len(indent)
    if len(line) <= WIDTH or not breaks:
        return [line]
    head, tail = "", []
    if min(depth for _, depth in breaks) == 0:
        head = code[: code.index(" = ") + 3] if " = " in code else "return "
        tail = [")"]
    parts: list[str] = []
    for least in sorted({depth for _, depth in breaks}):
        ends = [end - len(head) for end, depth in breaks if depth <= least]
        parts = _filled(code[len(head) :], ends, width)
        if all(len(part) <= width for part in parts):
            break
    first, *more = [f"{head}(", *parts] if head else parts
    return [indent + part for part in (first, *[f"    {part}" for part in more], *tail)]


def _filled(text: str, ends: list[int], width: int) -> list[str]:
    """The text cut at some of these ends, in parts as long as the width lets them be."""
    parts, start = [], 0
    for end, following in zip(ends, [*ends[1:], len(text)], strict=True):
        if following - start > width and end > start:
            parts.append(text[start:end].strip())
            start = end
    return [*parts, text[start:].strip()]


def _breaks(line: str) -> list[tuple[int, int]]:
    """Where a line may be broken, after a comma or before an operator of a sum, and in how many brackets that is."""
    found, depth, quote = [], 0, ""
    for number, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif line.startswith((", ", " + ", " - "), number):
            found.append((number + (sign == ","), depth))
    return found
