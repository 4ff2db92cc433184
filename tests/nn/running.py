"""A row of the table of modules, run with tinygrad_np: what it returns, its gradients and its state, as stored ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_np as tg
from tests.nn.modules import END_OF_FUNCTIONS, ROWS, ROWS_OF_FUNCTIONS, Input, Row
from tinygrad_np import Tensor, nn


def stored_figures() -> dict[str, Any]:
    """PyTorch's figures, by row and name."""
    with np.load(Path(__file__).with_name("pytorch_figures.npz")) as file:
        shapes = json.loads(file["index"].tobytes())
        values, place, figures = file["values"], 0, {}
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        figures[name] = values[place : place + size].reshape(shape)
        place += size
    return figures


def flat(result: Any) -> list[Any]:
    return [leaf for one in result for leaf in flat(one)] if isinstance(result, tuple) else [result]


def figures(row: Row, dtype: Any = np.float64) -> dict[str, Any]:
    """What tinygrad_np makes of a row."""
    module: Any
    if ROWS_OF_FUNCTIONS <= ROWS.index(row) < END_OF_FUNCTIONS:
        module, parameters = getattr(tg, row.module), {}
    else:
        made_in = {"dtype": dtype} if takes_dtype(row.module) and dtype != np.float64 else {}
        module = getattr(nn, row.module)(*row.arguments, **row.options, **made_in).train(row.training)
        parameters = dict(module.named_parameters())
        for place, parameter in enumerate(parameters.values()):
            parameter.data = Input(parameter.shape).values(100 + place)
    given: list[Any] = []

    def made(value: Any, seed: int) -> Any:
        if isinstance(value, tuple) and not isinstance(value, Input):
            return tuple(made(one, seed + 50 + place) for place, one in enumerate(value))
        if not isinstance(value, Input):
            return value
        values = np.asarray(value.values(seed))
        values = values.astype(dtype) if values.dtype.kind == "f" else values
        given.append(Tensor(values, requires_grad=True) if value.is_differentiated else values)
        return given[-1]

    for call in range(abs(row.calls)):
        given.clear()
        inputs = [made(value, 10 * call + place) for place, value in enumerate(row.inputs)]
        named = {name: made(value, 30 + place) for place, (name, value) in enumerate(row.named_inputs.items())}
        result = module(*inputs, **named)
    if row.calls < 0:
        result = module.eval()(*inputs, **named)
    results = [one for one in flat(result) if one is not None]
    total = sum(np.sum(one * np.cos(np.arange(one.size)).reshape(one.shape).astype(dtype)) for one in results)
    if total.requires_grad:
        total.backward()
    found = {f"result{place}": one.numpy() for place, one in enumerate(results)}
    found |= {f"input{place}": one.grad for place, one in enumerate(given) if getattr(one, "grad", None) is not None}
    found |= {f"gradient.{name}": one.grad for name, one in parameters.items() if one.grad is not None}
    if parameters or row.calls != 1:
        found |= {f"state.{name}": value for name, value in module.state_dict().items()}
    return {f"{row.label}/{name}": value for name, value in found.items()}


def takes_dtype(module: str) -> bool:
    return "dtype" in __import__("inspect").signature(getattr(nn, module)).parameters
