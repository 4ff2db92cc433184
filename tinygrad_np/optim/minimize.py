"""scipy.optimize on trees of arrays: the function in, its exact gradient made, the tree of the minimum out.

>>> import numpy as np
>>> from tinygrad_np import optim
>>> result = optim.minimize(lambda p: np.sum((p["w"] - 3) ** 2) + p["b"] ** 2, {"w": np.zeros(2), "b": 1.0})
>>> result.x["w"].round(4)
array([3., 3.])
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..call import gradients_of, scalar
from ..errors import MissingDependencyError, ParameterError
from ..frames import user_place
from ..graph import enable_grad
from ..tensor import Tensor
from ..transforms import hvp, value_and_grad
from ..tree import flatten

_WITHOUT_SLOPE = frozenset({"nelder-mead", "powell", "cobyla", "cobyqa"})
_WITH_CURVATURE = frozenset({"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"})


def minimize(f: Callable[..., Any], params: Any, method: str = "L-BFGS-B", **options: Any) -> Any:
    """Minimize a scalar function by `scipy.optimize.minimize`, from `params` on.

    Args:
        f: takes a tree like `params`. Or it takes nothing and reads the Tensors that `params` holds, such as
            `model.parameters()`: these are then changed, and are at the minimum afterwards.
        params: arrays, Tensors and numbers in dicts, lists, tuples; or an iterator over Tensors.
        method: scipy's; those that use second derivatives are given products of the Hessian with vectors.
        options: what else scipy's function takes: `tol`, `options`, `bounds` (of the flattened tree) ...

    Returns scipy's result, in which `x` and the gradient (`jac`, or `grad`) are trees like `params`.

    Raises MissingDependencyError without scipy, ParameterError where there is nothing to change.
    """
    try:
        from scipy import optimize
    except ImportError:
        raise MissingDependencyError("optim.minimize needs scipy: pip install 'tinygrad_np[scipy]'.") from None
    leaves, rebuild = flatten(list(params) if hasattr(params, "__next__") else params)
    arrays = [np.asarray(leaf.numpy() if isinstance(leaf, Tensor) else leaf) for leaf in leaves]
    if not arrays or any(array.dtype.kind not in "fiu" for array in arrays):
        raise ParameterError(
            f"minimize was given nothing to change, {user_place()}: give arrays of numbers, or Tensors."
        )
    reads_tensors = not inspect.signature(f).parameters
    if reads_tensors and not all(isinstance(leaf, Tensor) and leaf.is_leaf and leaf.requires_grad for leaf in leaves):
        raise ParameterError(
            f"minimize was given a function without arguments, {user_place()}: what it reads and params name must be "
            "leaf Tensors that require a gradient."
        )
    ends = np.cumsum([array.size for array in arrays])[:-1]

    def parts(flat: Any) -> list[Any]:
        return [
            part.reshape(array.shape).astype(array.dtype if array.dtype.kind == "f" else np.float64)
            for part, array in zip(np.split(np.asarray(flat), ends), arrays, strict=True)
        ]

    def flat(branches: Any) -> Any:
        return np.concatenate([np.ravel(leaf).astype(np.float64) for leaf in branches])

    def value_and_slope(x: Any) -> tuple[float, Any]:
        if not reads_tensors:
            value, slope = value_and_grad(f)(rebuild(parts(x)))
            return float(value), flat(flatten(slope)[0])
        for leaf, part in zip(leaves, parts(x), strict=True):
            leaf.data = part
        with enable_grad():
            loss = scalar(f())
        return loss.item(), flat(gradients_of([loss], [np.ones(loss.shape, loss.dtype)], leaves, recorded=False))

    def curvature(x: Any, v: Any) -> Any:
        return flat(flatten(hvp(f, (rebuild(parts(x)),), (rebuild(parts(v)),)))[0])

    if method.lower() in _WITHOUT_SLOPE:
        result = optimize.minimize(lambda x: value_and_slope(x)[0], flat(arrays), method=method, **options)
    else:
        if method.lower() in _WITH_CURVATURE and not reads_tensors and not {"hess", "hessp"} & set(options):
            options["hessp"] = curvature
        result = optimize.minimize(value_and_slope, flat(arrays), method=method, jac=True, **options)
    if reads_tensors:
        for leaf, part in zip(leaves, parts(result.x), strict=True):
            leaf.data = part
    result.x = rebuild(parts(result.x))
    for name in ("jac", "grad"):
        if np.shape(result.get(name)) == (sum(array.size for array in arrays),):
            result[name] = rebuild(parts(result[name]))
    return result
