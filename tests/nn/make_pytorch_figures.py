"""Runs the table of modules with PyTorch and stores its figures, beside this file, for test_pytorch_figures.py.

    python -m tests.nn.make_pytorch_figures        (in an environment that has PyTorch; made with 2.13)

For each row: what the module returns, the gradient of a weighted sum of it for each input and each parameter, and the
state after the calls. The parameters are set by the table's formula, under the keys of PyTorch's state.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.nn.modules import END_OF_FUNCTIONS, ROWS, ROWS_OF_FUNCTIONS, Input, Row

FILE = Path(__file__).with_name("pytorch_figures.npz")
SIGNATURES = Path(__file__).with_name("pytorch_signatures.json")


def tensor(value: Any) -> Any:
    return torch.tensor(value) if isinstance(value, np.ndarray) else value


def figures(number: int, row: Row) -> dict[str, Any]:
    torch.manual_seed(0)
    options = {name: tensor(value) for name, value in row.options.items()}
    arguments = [tensor(value) for value in row.arguments]
    if ROWS_OF_FUNCTIONS <= number < END_OF_FUNCTIONS:
        module: Any = getattr(torch.nn.functional, row.module)
        parameters: dict[str, Any] = {}
    else:
        module = getattr(torch.nn, row.module)(*arguments, **options).double().train(row.training)
        parameters = dict(module.named_parameters())
        for place, parameter in enumerate(parameters.values()):
            parameter.data = torch.tensor(Input(tuple(parameter.shape)).values(100 + place))
    given: list[Any] = []

    def made(value: Any, seed: int) -> Any:
        if isinstance(value, tuple) and not isinstance(value, Input):
            return tuple(made(one, seed + 50 + place) for place, one in enumerate(value))
        if not isinstance(value, Input):
            return value
        result = torch.tensor(np.asarray(value.values(seed)), requires_grad=value.is_differentiated)
        given.append(result)
        return result

    for call in range(abs(row.calls)):
        given.clear()
        inputs = [made(value, 10 * call + place) for place, value in enumerate(row.inputs)]
        named = {name: made(value, 30 + place) for place, (name, value) in enumerate(row.named_inputs.items())}
        if call and row.calls > 0:
            module.zero_grad()
        result = module(*inputs, **named)
    if row.calls < 0:
        module.eval()
        result = module(*inputs, **named)
    results = [one for one in flat(result) if one is not None]
    total = sum((one * weights(tuple(one.shape))).sum() for one in results)
    if total.requires_grad:
        total.backward()
    stored = {f"result{place}": one.detach().numpy() for place, one in enumerate(results)}
    stored |= {f"input{place}": one.grad.numpy() for place, one in enumerate(given) if one.grad is not None}
    stored |= {f"gradient.{name}": one.grad.numpy() for name, one in parameters.items() if one.grad is not None}
    if parameters or row.calls != 1:
        stored |= {f"state.{name}": one.numpy() for name, one in module.state_dict().items()}
    return {f"{row.label}/{name}": value for name, value in stored.items()}


def signatures() -> dict[str, list[list[str]]]:
    """For each of PyTorch's modules the names of its arguments and their defaults."""
    found = {}
    for name, kind in sorted(vars(torch.nn).items()):
        if isinstance(kind, type) and issubclass(kind, torch.nn.Module):
            arguments = list(inspect.signature(kind).parameters.values())
            found[name] = [[one.name, "" if one.default is one.empty else repr(one.default)] for one in arguments]
    return found


def flat(result: Any) -> list[Any]:
    return [leaf for one in result for leaf in flat(one)] if isinstance(result, tuple) else [result]


def weights(shape: tuple[int, ...]) -> Any:
    return torch.tensor(np.cos(np.arange(int(np.prod(shape)))).reshape(shape))


if __name__ == "__main__":
    torch.set_num_threads(1)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in signatures().items())
    SIGNATURES.write_text(f"{{\n{lines}\n}}\n")
    everything: dict[str, Any] = {}
    for number, one in enumerate(ROWS):
        everything |= figures(number, one)
    index = json.dumps({name: value.shape for name, value in everything.items()})
    values = np.concatenate([np.ravel(value) for value in everything.values()])
    np.savez_compressed(FILE, index=np.frombuffer(index.encode(), np.uint8), values=values)
    print(f"{len(ROWS)} rows, {len(everything)} arrays, {FILE.stat().st_size:,} bytes")
