"""Programs: what a function does, captured, simplified, written out as NumPy source, and run in planned buffers."""

from .compiled import Compiled, compile
from .ir import Equation, Program, Variable

__all__ = ["Compiled", "Equation", "Program", "Variable", "compile"]
