"""Rules that are one equation, because they look at values or write into arrays, as functions of the emitted source.

Their own source is copied, and that of all they call, until nothing but NumPy and Python is needed.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import types
from typing import Any

import numpy as np

from ...errors import TinygradError
from ...formula import text
from ...frames import is_our_module
from ...primitive import Primitive
from ..capture.refusals import NO_PLAIN_FUNCTION, NO_SOURCE, NO_STATEMENT, refusal
from ..ir import Program
from ..state.bytecode import codes_within


def helper_sources(*programs: Program) -> tuple[list[str], dict[Any, str]]:
    """The sources of the functions that are not NumPy's, and what each is called."""
    collector = _Collector({str(variable) for program in programs for variable in program.inputs})
    for equation in (equation for program in programs for equation in program.equations):
        if equation.operation.startswith("whole."):
            collector.name_of(equation.function, equation.operation.removeprefix("whole."))
    return collector.sources(), collector.names


class _Collector:
    def __init__(self, taken: set[str]) -> None:
        self.names: dict[Any, str] = {}
        self.taken = taken | {"np"}
        self.modules: set[str] = set()
        self.texts: list[str] = []

    def sources(self) -> list[str]:
        imports = [line for line in sorted(self.modules) if line != "import numpy as np"]
        return [*imports, *self.texts]

    def name_of(self, function: Any, wanted: str) -> str:
        """The name of a function in the source, which is added when it is met first."""
        if isinstance(function, Primitive):
            function = function.forward
        if function in self.names:
            return self.names[function]
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        self.names[function] = name
        self._add(function, name)
        return name

    def _add(self, function: Any, name: str) -> None:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        except (OSError, TypeError, SyntaxError) as error:
            raise refusal(NO_SOURCE, function=function, error=error) from None
        if not isinstance(tree, ast.FunctionDef):
            raise refusal(NO_PLAIN_FUNCTION, function=function)
        tree.name = name
        tree.decorator_list = []
        tree.returns = None
        text = ast.get_docstring(tree)
        if text is not None:
            tree.body[0] = ast.Expr(ast.Constant(text.partition("\n")[0]))
        scope = function.__globals__
        tree = _WithoutModules(function, self).visit(_OfArraysAlone().visit(tree))
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        local = {node.id for node in nodes if isinstance(node.ctx, ast.Store)} | {*function.__code__.co_varnames}
        read = {node.id for node in nodes} - local
        names = [name for code in codes_within(function.__code__) for name in code.co_names]
        known = {key: scope[key] for key in [*names, *sorted(read)] if key in scope}
        known |= inspect.getclosurevars(function).nonlocals
        renamed = {key: self._reference(key, value, scope) for key, value in known.items() if key in read}
        for node in nodes:
            node.id = renamed.get(node.id, node.id)
        self.texts.append("\n" + ast.unparse(ast.fix_missing_locations(tree)))

    def _reference(self, key: str, value: Any, scope: dict[str, Any]) -> str:
        """What stands in the source for a global of a function."""
        if isinstance(value, types.ModuleType):
            if value is np:
                return "np"
            if not is_our_module(value.__name__):
                self.modules.add(f"import {value.__name__} as {key}" if value.__name__ != key else f"import {key}")
            return key
        if isinstance(value, np.ndarray):
            return self._constant(key, value, scope)
        if isinstance(value, Primitive) or (isinstance(value, types.FunctionType) and not _is_standard(value)):
            return self.name_of(value, key)
        if isinstance(value, type) and issubclass(value, TinygradError):
            return next(base.__name__ for base in value.__mro__ if base.__module__ == "builtins")
        if callable(value):
            module = getattr(value, "__module__", None)
            if module is None:
                return self._constant(key, value, scope)
            called: str = getattr(value, "__name__", key)
            if getattr(np, called, None) is value:
                return f"np.{called}"
            self.modules.add(f"from {module} import {called} as {key}")
            return key
        return text(value)

    def _constant(self, key: str, value: Any, scope: dict[str, Any]) -> str:
        """What is neither a function nor a number, as the assignment that made it."""
        if key not in self.taken:
            source = ast.parse(inspect.getsource(sys.modules[scope["__name__"]]))
            for statement in source.body:
                if isinstance(statement, ast.Assign) and key in _assigned(statement):
                    break
            else:
                raise refusal(NO_STATEMENT, name=key)
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Name) and node.id in scope:
                    node.id = self._reference(node.id, scope[node.id], scope)
            self.taken |= _assigned(statement)
            self.texts.append(ast.unparse(statement))
        return key


def _assigned(statement: ast.Assign) -> set[str]:
    return {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}


class _WithoutModules(ast.NodeTransformer):
    """Puts the functions themselves instead of `module.function` of our own modules."""

    def __init__(self, function: Any, collector: _Collector) -> None:
        self.globals = function.__globals__
        self.collector = collector

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name):
            module = self.globals.get(node.value.id)
            if isinstance(module, types.ModuleType) and is_our_module(module.__name__):
                return ast.Name(self.collector.name_of(getattr(module, node.attr), node.attr), node.ctx)
        return node


class _OfArraysAlone(ast.NodeTransformer):
    """Leaves out what rules do with arrays of other libraries, annotations, and places of the user's code in errors."""

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        test = ast.unparse(node.test)
        return node.body if test.startswith("isinstance(") and test.endswith(", np.ndarray | np.generic)") else node

    def visit_arg(self, node: ast.arg) -> Any:
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return ast.Assign([node.target], node.value) if node.value else ast.Pass()

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Any:
        return ast.Constant("in this program") if ast.unparse(node.value) == "user_place()" else node


def _is_standard(function: Any) -> bool:
    return (function.__module__ or "").partition(".")[0] in ("numpy", "math", "itertools", "functools")
