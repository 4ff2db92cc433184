r"""Formulas of code as they stand on a blackboard: in LaTeX for slides, in MathML for pages.

>>> LATEX.expression("np.dot(A1.T, dZ2) / n")
'\\frac{A_{1}^{\\top} \\, \\mathrm{d}Z_{2}}{n}'
>>> MATHML.expression("x**2")
'<msup><mi>x</mi><mn>2</mn></msup>'
"""

from __future__ import annotations

import ast
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

SIGNS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "+"), ast.Sub: ("-", "\N{MINUS SIGN}"), ast.Mult: (r"\odot", "⊙"),
    ast.MatMult: (r"\,", "\N{INVISIBLE TIMES}"), ast.Mod: (r"\bmod", "mod"), ast.Gt: (">", "&gt;"),
    ast.Lt: ("<", "&lt;"), ast.GtE: (r"\ge", "≥"), ast.LtE: (r"\le", "≤"), ast.Eq: ("=", "="),
    ast.NotEq: (r"\ne", "≠"), ast.BitAnd: (r"\land", "∧"), ast.BitOr: (r"\lor", "\N{LOGICAL OR}"),
}  # fmt: skip
"""The signs of operations in LaTeX and in MathML."""

SCALED = (r"\cdot", "⋅")
"""The sign of a product with a number."""

TIGHTNESS: dict[type[ast.AST], int] = {
    ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.MatMult: 2, ast.Mod: 2, ast.USub: 2, ast.Pow: 4,
}  # fmt: skip
"""How tightly an operation holds together."""

FUNCTIONS = {"exp", "log", "tanh", "sinh", "cosh", "sin", "cos", "tan", "max", "min"}

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi",
    "rho", "sigma", "tau", "phi", "chi", "psi", "omega",
}  # fmt: skip


class Notation:
    """A language for formulas: a template for each construction, which sign of two it takes, how text is escaped."""

    def __init__(self, templates: Mapping[str, str], place: int, escaped: Callable[[str], str]) -> None:
        self.templates = templates
        self.place = place
        self.escaped = escaped

    def display(self, formulas: Sequence[str]) -> str:
        """Formulas `left = right` or `left += right`, one below the other, aligned at their signs."""
        return self._put("display", self.templates["next line"].join(map(self.equation, formulas)))

    def equation(self, formula: str) -> str:
        """One of these lines; what can't be read as Python is set as text."""
        is_added = " += " in formula
        left, _, right = formula.partition(" += " if is_added else " = ")
        return self._put("added" if is_added else "equation", self.expression(left), self.expression(right))

    def expression(self, text: str) -> str:
        """A Python expression."""
        try:
            return self._set(ast.parse(text, mode="eval").body)
        except SyntaxError:
            return self._put("text", self.escaped(text))

    def name(self, text: str) -> str:
        """A name: a digit at its end is an index, a d before it a differential, as `dZ1`."""
        if re.fullmatch(r"d([A-Z]\w*|[a-z]\d*|\w+\d|loss|cost)", text):
            return self._put("differential", self.name(text[1:]))
        match = re.fullmatch(r"([A-Za-z]+?)_?(\d+|(?<=_)\w+)", text)
        stem = match[1] if match else text
        kind = "greek" if stem in GREEK else "letter" if len(stem) == 1 else "word"
        letter = stem if kind != "greek" or self.place == 0 else _greek(stem)
        shown = self._put(kind, self.escaped(letter))
        return self._put("index", shown, self.escaped(match[2])) if match else shown

    def _put(self, construction: str, *parts: str) -> str:
        return self.templates[construction].format(*parts)

    def _held(self, text: str, own: int, tightness: int) -> str:
        return self._put("held", text) if own < tightness else text

    def _code(self, node: ast.AST) -> str:
        return self._put("code", self.escaped(ast.unparse(node)))

    def _set(self, node: ast.AST, tightness: int = 0) -> str:
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.Constant):
            return self._put("number", self.escaped(str(node.value)))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._held(self._put("minus", self._set(node.operand, 2)), 2, tightness)
        if isinstance(node, ast.BinOp):
            return self._binary(node, tightness)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            sign = SIGNS.get(type(node.ops[0]), ("?", "?"))[self.place]
            return self._put("indicator", self._set(node.left, 1), sign, self._set(node.comparators[0], 1))
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return self._put("transposed", self._set(node.value, 5))
        if isinstance(node, ast.Tuple):
            return self.templates["comma"].join(map(self._set, node.elts))
        return self._call(node, tightness) if isinstance(node, ast.Call) else self._code(node)

    def _binary(self, node: ast.BinOp, tightness: int) -> str:
        kind = type(node.op)
        if kind is ast.Div:
            return self._put("fraction", self._set(node.left), self._set(node.right))
        own = TIGHTNESS.get(kind, 0)
        if kind is ast.Pow:
            return self._held(self._put("power", self._set(node.left, 5), self._set(node.right)), own, tightness)
        is_number = isinstance(node.left, ast.Constant) or isinstance(node.right, ast.Constant)
        sign = SCALED if kind is ast.Mult and is_number else SIGNS.get(kind, ("?", "?"))
        infix = self._put("infix", self._set(node.left, own), sign[self.place], self._set(node.right, own + 1))
        return self._held(infix, own, tightness)

    def _call(self, node: ast.Call, tightness: int) -> str:
        function = ast.unparse(node.func)
        short = function.rpartition(".")[2]
        arguments = [self._set(argument) for argument in node.args]
        if function in ("np.dot", "np.matmul") and len(node.args) == 2:
            sign = SIGNS[ast.MatMult][self.place]
            return self._held(
                self._put("infix", self._set(node.args[0], 2), sign, self._set(node.args[1], 3)), 2, tightness
            )
        if function == "np.array":
            return self._put("text", f"array {_shape(node.args[0])}")
        method = isinstance(node.func, ast.Attribute) and not function.startswith(("np.", "numpy."))
        of: list[Any] = [node.func.value, *node.args] if isinstance(node.func, ast.Attribute) and method else node.args
        if short == "transpose" and len(of) == 1 and not node.keywords:
            return self._put("transposed", self._set(of[0], 5))
        if short == "sum" and len(of) == 1:
            axis = next((ast.unparse(word.value) for word in node.keywords if word.arg == "axis"), None)
            kind = ["sum"] if axis is None else ["sum along", self.escaped(axis)]
            return self._held(self._put(*kind, self._set(of[0], 3)), 2, tightness)
        if short == "sqrt" and arguments:
            return self._put("root", arguments[0])
        if short == "square" and arguments:
            return self._put("power", self._set(node.args[0], 5), self._put("number", "2"))
        called = self._put("function" if short in FUNCTIONS else "operator", self.escaped(short))
        listed = [*map(self._set, of), *map(self._code, node.keywords)]
        return self._put("call", called, self.templates["comma"].join(listed))


def _greek(name: str) -> str:
    return unicodedata.lookup(f"GREEK SMALL LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


def _shape(literal: ast.AST) -> tuple[int, ...]:
    """The shape of an array that is written out."""
    shape: tuple[int, ...] = ()
    while isinstance(literal, ast.List):
        shape += (len(literal.elts),)
        literal = literal.elts[0] if literal.elts else ast.Constant(0)
    return shape


def formulas(source: str) -> Iterator[str]:
    """The formulas of a function's source, in their order: its assignments, and what it returns and has no name."""
    function = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    waiting: list[ast.stmt] = list(reversed(function.body))
    while waiting:
        line = waiting.pop()
        if isinstance(line, ast.With):
            waiting += reversed(line.body)
        elif isinstance(line, ast.Assign):
            yield f"{ast.unparse(line.targets[0])} = {ast.unparse(line.value)}"
        elif isinstance(line, ast.AugAssign) and isinstance(line.op, ast.Add):
            yield f"{ast.unparse(line.target)} += {ast.unparse(line.value)}"
        elif isinstance(line, ast.Return) and line.value is not None:
            returned = line.value.elts if isinstance(line.value, ast.Tuple) else [line.value]
            yield from (f"{function.name} = {ast.unparse(one)}" for one in returned if not isinstance(one, ast.Name))


def _latex_text(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(special.get(letter) or (f"\\{letter}" if letter in "_{}$&#%" else letter) for letter in text)


LATEX = Notation(
    {
        "display": "\\begin{{align*}}\n  {}\n\\end{{align*}}",
        "next line": " \\\\\n  ",
        "equation": "{} &= {}",
        "added": r"{} &\mathrel{{+}}= {}",
        "held": "({})",
        "minus": "-{}",
        "infix": "{} {} {}",
        "fraction": r"\frac{{{}}}{{{}}}",
        "power": "{}^{{{}}}",
        "transposed": r"{}^{{\top}}",
        "root": r"\sqrt{{{}}}",
        "indicator": r"\mathbf{{1}}[{} {} {}]",
        "sum": r"\textstyle\sum {}",
        "sum along": r"\textstyle\sum_{{\text{{axis }}{}}} {}",
        "call": "{}({})",
        "comma": ", ",
        "function": r"\{}",
        "operator": r"\operatorname{{{}}}",
        "differential": r"\mathrm{{d}}{}",
        "index": "{}_{{{}}}",
        "greek": r"\{}",
        "letter": "{}",
        "word": r"\mathit{{{}}}",
        "number": "{}",
        "code": r"\mathtt{{{}}}",
        "text": r"\text{{{}}}",
    },
    0,
    _latex_text,
)

MATHML = Notation(
    {
        "display": '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'
        '<mtable columnalign="right left">\n{}\n</mtable></math>',
        "next line": "\n",
        "equation": "<mtr><mtd>{}</mtd><mtd><mo>=</mo>{}</mtd></mtr>",
        "added": "<mtr><mtd>{}</mtd><mtd><mo>+=</mo>{}</mtd></mtr>",
        "held": "<mrow><mo>(</mo>{}<mo>)</mo></mrow>",
        "minus": "<mrow><mo>\N{MINUS SIGN}</mo>{}</mrow>",
        "infix": "<mrow>{}<mo>{}</mo>{}</mrow>",
        "fraction": "<mfrac>{}{}</mfrac>",
        "power": "<msup>{}{}</msup>",
        "transposed": "<msup>{}<mo>\N{DOWN TACK}</mo></msup>",
        "root": "<msqrt>{}</msqrt>",
        "indicator": "<mrow><mn>1</mn><mo>[</mo>{}<mo>{}</mo>{}<mo>]</mo></mrow>",
        "sum": "<mrow><mo>∑</mo>{}</mrow>",
        "sum along": "<mrow><msub><mo>∑</mo><mtext>axis {}</mtext></msub>{}</mrow>",
        "call": "<mrow>{}<mo>\N{FUNCTION APPLICATION}</mo><mo>(</mo>{}<mo>)</mo></mrow>",
        "comma": "<mo>,</mo>",
        "function": "<mi>{}</mi>",
        "operator": "<mi>{}</mi>",
        "differential": '<mrow><mi mathvariant="normal">d</mi>{}</mrow>',
        "index": "<msub>{}<mi>{}</mi></msub>",
        "greek": "<mi>{}</mi>",
        "letter": "<mi>{}</mi>",
        "word": "<mi>{}</mi>",
        "number": "<mn>{}</mn>",
        "code": "<mtext>{}</mtext>",
        "text": "<mtext>{}</mtext>",
    },
    1,
    html.escape,
)
