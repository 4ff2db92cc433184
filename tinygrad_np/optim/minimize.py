"""scipy.optimize on trees of arrays: the function and its gradient in, the tree of the minimum out.

>>> import numpy as np
>>> from tinygrad_np import optim
>>> result = optim.minimize(lambda p: np.sum((p["w"] - 3) ** 2) + p["b"] ** 2, {"w": np.zeros(2), "b": 1.0})
>>> result.x["w"].round(4), result.success
(array([3., 3.]), True)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import MissingDependencyError, ParameterError
from ..frames import user_place
from ..graph import no_grad
from ..tensor import Tensor
from ..transforms import hvp, value_and_grad
from ..tree import flatten

_SECOND_ORDER = frozenset({"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"})
"""Methods that ask for products of the Hessian with a vector, which `tg.hvp` gives them."""


def minimize(f: Callable[[Any], Any], params: Any, method: str = "L-BFGS-B", **options: Any) -> Any:
    """Minimize a scalar function of a tree of arrays by `scipy.optimize.minimize`, with its exact gradient.

    Args:
        f: takes one tree like `params`, returns a scalar. If `params` holds Tensors that require a gradient (or is a
            list of a model's parameters), f may also take nothing and read them: they are set to the minimum.
        params: arrays, Tensors and numbers in dicts, lists, tuples.
        method: of scipy; those that use second derivatives get Hessian-vector products.
        options: what else `scipy.optimize.minimize` takes: `tol`, `bounds` (of the flattened tree), `options` ...

    Returns scipy's result, in which `x` and `jac` are trees like `params`.

    Raises MissingDependencyError without scipy, ParameterError where there is nothing to change.
    """
    try:
        from scipy import optimize
    except ImportError:
        raise MissingDependencyError("optim.minimize needs scipy: pip install 'tinygrad_np[scipy]'.") from None
    leaves, rebuild = flatten(params)
    arrays = [np.asarray(leaf._data if isinstance(leaf, Tensor) else leaf) for leaf in leaves]
    if not arrays or any(array.dtype.kind not in "fiu" for array in arrays):
        raise ParameterError(f"minimize needs numbers and floating arrays to change, {user_place()}.")
    shapes = [array.shape for array in arrays]
    ends = np.cumsum([array.size for array in arrays])[:-1]
    kinds = [array.dtype if array.dtype.kind == "f" else np.dtype(np.float64) for array in arrays]

    def tree(flat: Any) -> Any:
        parts = np.split(np.asarray(flat), ends)
        return rebuild(part.reshape(shape).astype(kind) for part, shape, kind in zip(parts, shapes, kinds, strict=True))

    def flat(branches: Any) -> Any:
        return np.concatenate([np.ravel(leaf).astype(np.float64) for leaf in flatten(branches)[0]])

    def loss_and_slope(x: Any) -> tuple[float, Any]:
        value, slope = value_and_grad(f)(tree(x))
        return float(value), flat(slope)

    if method.lower() in _SECOND_ORDER and "hessp" not in options and "hess" not in options:
        options["hessp"] = lambda x, v: flat(hvp(f, (tree(x),), (tree(v),))[0])
    is_model = all(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves)
    with no_grad():
        result = optimize.minimize(loss_and_slope, flat(arrays), method=method, jac=True, **options)
    if is_model:
        for leaf, value in zip(leaves, flatten(tree(result.x))[0], strict=True):
            leaf.data = value
    result.x = tree(result.x)
    if "jac" in result:
        result.jac = tree(result.jac)
    return result
