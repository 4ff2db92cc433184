"""Right backward passes in the styles of many hands: a file each, with `forward`, `backward` and `inputs(random)`.

Classes that keep a cache, layers as objects, dicts of parameters, loops over layers and time, helper functions,
lambdas, functions within functions, nested results; named `dW1`, `grad_W1`, `W1_grad`, `g_h`, `delta2`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..corpus import Pair

_MODULES = [import_module(f"{__name__}.{file.stem}") for file in sorted(Path(__file__).parent.glob("[a-z]*.py"))]

STYLES = [Pair(one.__name__.rpartition(".")[2], one.forward, one.backward, one.inputs) for one in _MODULES]
