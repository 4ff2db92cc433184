"""Write pytorch_figures.json: what PyTorch's optimisers and schedules do. Run it where PyTorch is installed:

PYTHONPATH=. python tests/optim/make_pytorch_figures.py
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
runs: Any = importlib.import_module("runs")

FIGURES = Path(__file__).with_name("pytorch_figures.json")


def parameters(torch: Any, dtype: Any) -> list[Any]:
    return [torch.tensor(start, dtype=dtype, requires_grad=True) for start in runs.START]


def trajectory(torch: Any, name: str, options: dict[str, object], dtype: Any) -> dict[str, object]:
    params = parameters(torch, dtype)
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.03}]
    optimizer = getattr(torch.optim, name)(groups, foreach=False, **options)
    seen, state = [], None
    for step in range(1, max(runs.STEPS) + 1):
        for part, p in enumerate(params):
            p.grad = torch.tensor(runs.gradient(step, part, p.tolist()), dtype=dtype)
        optimizer.step()
        if step in runs.STEPS:
            seen.append([p.tolist() for p in params])
        if step == 10:
            state = optimizer.state_dict()
            state["state"] = {
                number: {
                    key: value.tolist() if isinstance(value, torch.Tensor) else value for key, value in own.items()
                }
                for number, own in state["state"].items()
            }
            state = json.loads(json.dumps(state))
    return {"name": name, "options": options, "dtype": str(dtype).split(".")[1], "figures": seen, "state": state}


def signature(kind: type) -> list[str]:
    left_out = {"self", "foreach", "capturable", "differentiable", "fused"}
    return [
        f"{name}={parameter.default if parameter.default is not parameter.empty else '?'}"
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if name not in left_out
    ]


def schedule(torch: Any, run: list[Any]) -> dict[str, Any]:
    groups = [{"params": [p], "lr": lr} for p, lr in zip(parameters(torch, torch.float64), (0.1, 0.05), strict=True)]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    schedules = runs.scheduled(optimizer, torch.optim.lr_scheduler, *run)
    seen = runs.rates(optimizer, schedules, run[0], range(runs.MIDDLE))
    states = [json.loads(json.dumps(each.state_dict(), default=str)) for each in schedules]
    return {"rates": seen + runs.rates(optimizer, schedules, run[0], range(runs.MIDDLE, runs.EPOCHS)), "states": states}


def main() -> None:
    torch = importlib.import_module("torch")
    # Without this PyTorch keeps NAdam's product in float32, whatever the parameters are.
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore")
    kinds = sorted({run[0] for run in runs.SCHEDULES.values()} - {"chained"})
    figures = {
        "version": torch.__version__,
        "optimizers": [
            trajectory(torch, name, options, dtype)
            for name, variants in runs.OPTIONS.items()
            for options in variants
            for dtype in (torch.float64, torch.float32)
        ],
        "schedules": {title: schedule(torch, run) for title, run in runs.SCHEDULES.items()},
        "signatures": {name: signature(getattr(torch.optim, name)) for name in runs.OPTIONS}
        | {name: signature(getattr(torch.optim.lr_scheduler, name)) for name in kinds},
    }
    FIGURES.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
