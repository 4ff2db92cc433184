r"""The forward pass and the chain rule of a drawing as equations in LaTeX, for slides and the blackboard.

>>> equation("dZ1 = dA1 * (1 - A1**2)")
'\\mathrm{d}Z_{1} &= \\mathrm{d}A_{1} \\odot (1 - A_{1}^{2})'
"""

from __future__ import annotations

import ast
import re
from typing import Any

from .story import Story

SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: r"\odot", ast.MatMult: r"\,", ast.Mod: r"\bmod", ast.Gt: ">", ast.Lt: "<",
    ast.GtE: r"\ge", ast.LtE: r"\le", ast.Eq: "=", ast.NotEq: r"\ne", ast.BitAnd: r"\land", ast.BitOr: r"\lor",
}  # fmt: skip

TIGHTNESS: dict[type[ast.AST], int] = {
    ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.MatMult: 2, ast.Mod: 2, ast.USub: 2, ast.Pow: 4,
}  # fmt: skip
"""How tightly an operation holds together."""

FUNCTIONS = {"exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "tan", "max", "min"}

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


def to_latex(story: Story) -> str:
    """All equations, forward in the order of computing, backward in the order of the pass, in one align*."""
    forward = [step["forward"] for step in reversed(story.steps) if " = " in step["forward"]]
    backward = [to["formula"] for step in story.steps for to in step["to"]]
    lines = [*map(equation, forward), *map(equation, backward)]
    return "\\begin{align*}\n" + " \\\\\n".join(f"  {line}" for line in lines) + "\n\\end{align*}"


def equation(formula: str) -> str:
    """A formula `left = right`, aligned at its sign; what can't be read as Python is set as text."""
    is_added = " += " in formula
    left, _, right = formula.partition(" += " if is_added else " = ")
    sign = r"\mathrel{+}=" if is_added else "="
    return f"{expression(left)} &{sign} {expression(right)}"


def expression(text: str) -> str:
    r"""A Python expression in LaTeX.

    >>> expression("np.dot(A1.T, dZ2) / n")
    '\\frac{A_{1}^{\\top} \\, \\mathrm{d}Z_{2}}{n}'
    """
    try:
        return _set(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return rf"\text{{{_escaped(text)}}}"


def _set(node: ast.AST, tightness: int = 0) -> str:
    if isinstance(node, ast.Name):
        return name(node.id)
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _held(f"-{_set(node.operand, 2)}", 2, tightness)
    if isinstance(node, ast.BinOp):
        return _binary(node, tightness)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        inner = f"{_set(node.left, 1)} {SIGNS.get(type(node.ops[0]), '?')} {_set(node.comparators[0], 1)}"
        return rf"\mathbf{{1}}[{inner}]"
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return rf"{_set(node.value, 5)}^{{\top}}"
    if isinstance(node, ast.Call):
        return _call(node, tightness)
    return rf"\mathtt{{{_escaped(ast.unparse(node))}}}"


def _binary(node: ast.BinOp, tightness: int) -> str:
    kind = type(node.op)
    if kind is ast.Div:
        return rf"\frac{{{_set(node.left)}}}{{{_set(node.right)}}}"
    own = TIGHTNESS.get(kind, 0)
    if kind is ast.Pow:
        return _held(f"{_set(node.left, 5)}^{{{_set(node.right)}}}", own, tightness)
    is_number = isinstance(node.left, ast.Constant) or isinstance(node.right, ast.Constant)
    sign = r"\cdot" if kind is ast.Mult and is_number else SIGNS.get(kind, "?")
    return _held(f"{_set(node.left, own)} {sign} {_set(node.right, own + 1)}", own, tightness)


def _call(node: ast.Call, tightness: int) -> str:
    function = ast.unparse(node.func)
    short = function.rpartition(".")[2]
    arguments = [_set(argument) for argument in node.args]
    if function in ("np.dot", "np.matmul") and len(node.args) == 2:
        return _held(rf"{_set(node.args[0], 2)} \, {_set(node.args[1], 3)}", 2, tightness)
    reduces = short == "sum" or (short == "transpose" and not node.keywords)
    if isinstance(node.func, ast.Attribute) and reduces and not node.args:
        inner = _set(node.func.value, 3)
        if short == "transpose":
            return rf"{_set(node.func.value, 5)}^{{\top}}"
        axis = next((ast.unparse(word.value) for word in node.keywords if word.arg == "axis"), None)
        below = "" if axis is None else rf"_{{\text{{axis }}{axis}}}"
        return _held(rf"\textstyle\sum{below} {inner}", 2, tightness)
    if short in ("sqrt",) and arguments:
        return rf"\sqrt{{{arguments[0]}}}"
    if short == "square" and arguments:
        return f"{_set(node.args[0], 5)}^{{2}}"
    called = rf"\{short}" if short in FUNCTIONS else rf"\operatorname{{{_escaped(short)}}}"
    keywords = [rf"\mathtt{{{_escaped(ast.unparse(word))}}}" for word in node.keywords]
    if isinstance(node.func, ast.Attribute) and not function.startswith(("np.", "numpy.")):
        arguments.insert(0, _set(node.func.value))
    return rf"{called}({', '.join([*arguments, *keywords])})"


def _held(text: str, own: int, tightness: int) -> str:
    return f"({text})" if own < tightness else text


def name(text: str) -> str:
    r"""A name: a digit at its end is an index, a d before it a differential, as `dZ1`.

    >>> name("dW_ih"), name("theta2")
    ('\\mathrm{d}W_{ih}', '\\theta_{2}')
    """
    if re.fullmatch(r"d([A-Z]\w*|[a-z]\d*|\w+\d|loss|cost)", text):
        return rf"\mathrm{{d}}{name(text[1:])}"
    match = re.fullmatch(r"([A-Za-z]+?)_?(\d+|(?<=_)\w+)", text)
    stem, index = (match[1], rf"_{{{_escaped(match[2])}}}") if match else (text, "")
    if stem in GREEK:
        return rf"\{stem}{index}"
    return f"{stem}{index}" if len(stem) == 1 else rf"\mathit{{{_escaped(stem)}}}{index}"


def _escaped(text: str) -> str:
    special: dict[str, Any] = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(special.get(letter) or (f"\\{letter}" if letter in "_{}$&#%" else letter) for letter in text)
