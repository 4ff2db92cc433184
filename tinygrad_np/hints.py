"""Habits from elsewhere: what a name that other libraries have is called here.

`tg.tensor`, `t.view` and `dim=` do not exist; the error says what to write in their place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import FOREIGN_KEYWORDS, DTypeError, MissingAttributeError
from .frames import user_place

_OF_THE_PACKAGE = {
    "tensor": "Tensor(data), with a capital T",
    "as_tensor": "Tensor(data)",
    "from_numpy": "Tensor(array)",
    **dict.fromkeys(("parameter", "variable"), "Tensor(data, requires_grad=True)"),
    "cat": "np.concatenate",
    **dict.fromkeys(("matmul", "mm", "bmm"), "a @ b"),
    "rand": "Tensor(np.random.default_rng(seed).uniform(size=shape))",
    "randn": "Tensor(np.random.default_rng(seed).normal(size=shape))",
    "manual_seed": "np.random.default_rng(seed)",
    **dict.fromkeys(("set_grad_enabled", "inference_mode"), "tg.no_grad()"),
    "numpy": "import numpy as np: NumPy's own functions take Tensors",
    "jit": "tg.compile",
    "checkpoint": "tg.no_grad() where no gradient is wanted",
    "vmap": "a leading axis of the arrays, over which NumPy's functions broadcast",
    "set_detect_anomaly": "with tg.detect_anomaly():",
    "gradgradcheck": "tg.gradcheck(f, x, order=2)",
    "grad_and_value": "tg.value_and_grad, which gives (value, gradient)",
}

OF_A_TENSOR = {
    "view_as": "t.reshape(other.shape)",
    "permute": "t.transpose(axes)",
    "unsqueeze": "np.expand_dims(t, axis)",
    "expand": "np.broadcast_to(t, shape)",
    "expand_as": "np.broadcast_to(t, other.shape)",
    "t": "t.T",
    **dict.fromkeys(("mm", "bmm", "mv"), "a @ b"),
    "pow": "t**exponent",
    "add": "t + other",
    "sub": "t - other",
    "mul": "t * other",
    "div": "t / other",
    "neg": "-t",
    "eq": "t == other",
    "numel": "t.size",
    "dim": "t.ndim",
    "clone": "t.copy()",
    "contiguous": "nothing in its place",
    "cpu": "nothing in its place: arrays are in this machine's memory",
    "cuda": "nothing in its place: NumPy is the only engine",
    "to": "t.astype(dtype) for another dtype",
    "float": "t.astype(np.float32)",
    "double": "t.astype(np.float64)",
    "half": "t.astype(np.float16)",
    "long": "t.astype(np.int64)",
    "type": "t.astype(dtype), or t.dtype",
    "cat": "np.concatenate",
    "gather": "np.take_along_axis(t, indices, axis)",
    "masked_fill": "np.where(mask, value, t)",
    "chunk": "np.split(t, parts)",
    "grad_fn": "tg.draw_graph(t), which shows the whole graph",
    "requires_grad_": "t.requires_grad = True, or False",
    "detach_": "t = t.detach()",
    **dict.fromkeys(("values", "to_numpy"), "t.numpy()"),
}

IN_PLACE = (
    "sub", "mul", "div", "true_divide", "pow", "copy", "fill", "zero", "clamp", "neg", "relu", "sigmoid", "normal",
    "uniform", "t", "unsqueeze", "index_add", "index_copy", "index_fill", "masked_fill", "scatter", "scatter_add",
    "addcmul", "addcdiv", "addmm", "lerp", "bernoulli", "random",
)  # fmt: skip
"""Methods that in other libraries change a tensor if they end in "_", beside those that NumPy has functions for."""


def unknown_name(name: str) -> MissingAttributeError:
    """The error of asking the package for a name that it does not have."""
    hint = _OF_THE_PACKAGE.get(name)
    if hint is None and callable(getattr(np, name, None)):
        hint = f"np.{name}, which takes Tensors"
    return MissingAttributeError(f"tinygrad_np has no {name!r}, {user_place()}{_in_its_place(hint)}")


def of_attribute(name: str) -> str | None:
    """What to write for an attribute that other libraries' tensors have."""
    if name.endswith("_") and not name.startswith("_") and name not in OF_A_TENSOR:
        return "write an operator such as `t -= ...` inside tg.no_grad(), or t.data = ..., to change a tensor's values"
    return f"write {OF_A_TENSOR[name]}" if name in OF_A_TENSOR else None


def unknown_keyword(function: str, name: str) -> DTypeError:
    """The error of giving a function an argument that it does not have."""
    return DTypeError(f"{function}() does not take {name}=, {user_place()}{_in_its_place(FOREIGN_KEYWORDS.get(name))}")


def refuse(function: str, foreign: dict[str, Any]) -> None:
    """DTypeError for any argument that a function does not have."""
    for name in foreign:
        raise unknown_keyword(function, name)


def known(function: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options for a function of NumPy; DTypeError for one that only other libraries call so."""
    refuse(function, {name: value for name, value in options.items() if name in FOREIGN_KEYWORDS})
    return options


def _in_its_place(hint: str | None) -> str:
    return f"; write {hint}." if hint else "."
