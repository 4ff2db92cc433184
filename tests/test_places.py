"""The line that an error, a warning or a node names is one of the user's own, called as the user knows it."""

from __future__ import annotations

import copy
import functools
import statistics
import sys
import types
import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors
from tinygrad_np.frames import place_of


def run(code: str, file: str, **variables: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"np": np, "tg": tg, "Tensor": Tensor, "copy": copy, **variables}
    exec(compile(code, file, "exec"), names)
    return names


@pytest.fixture
def in_library() -> Any:
    """A function of an installed package that calls what it is given."""
    file = f"{copy.__file__.rpartition('copy')[0]}site-packages/plots/axes.py"
    return run("def apply(f, *arguments):\n    return f(*arguments)\n", file)["apply"]


def test_a_library_between_the_user_and_the_tensor_is_passed_over(in_library: Any) -> None:
    W = Tensor(np.ones((2, 2)), requires_grad=True, name="W")
    code = "\n\ndef mine():\n    return apply(np.asarray, W)\nmine()"
    with pytest.raises(errors.NoGradientError, match=r"train.py line 4"):
        run(code, "/home/ada/train.py", apply=in_library, W=W)
    with pytest.raises(errors.ShapeError, match=r"train.py line 4"):
        run(code.replace("np.asarray, W", "np.matmul, W, np.ones(3)"), "/home/ada/train.py", apply=in_library, W=W)
    with pytest.raises(errors.NoGradientError, match=r"train.py line 2"):
        run("\ncopy.deepcopy([W * 2])", "/home/ada/train.py", W=W)
    with pytest.raises(errors.NoGradientError, match=r"train.py line 1"):
        run("statistics.fmean([W.sum()])", "/home/ada/train.py", W=W, statistics=statistics)


def test_a_node_that_a_library_made_has_the_users_line(in_library: Any) -> None:
    W = Tensor(np.ones(2), requires_grad=True)
    code = "\ny = apply(np.tanh, W)\nz = functools.reduce(lambda a, b: a + b, [W, y])\n"
    made = run(code, "/home/ada/train.py", apply=in_library, W=W, functools=functools)
    assert made["y"]._node.place == "train.py line 2"
    assert made["z"]._node.place == "train.py line 3"


def test_where_no_code_is_the_users_the_librarys_line_is_named() -> None:
    from tinygrad_np import frames

    passed = dict(frames.passed_over)
    try:
        frame = sys._getframe()
        while frame is not None:
            frames.passed_over[frame.f_code.co_filename] = True
            frame = frame.f_back  # type: ignore[assignment]
        assert frames.user_place().startswith("test_places.py line")
    finally:
        frames.passed_over.clear()
        frames.passed_over.update(passed)


def test_a_cell_of_a_notebook_is_called_what_the_notebook_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {"/tmp/ipykernel_7/123.py": ("Cell", "In[3]")}
    shell = types.SimpleNamespace(compile=types.SimpleNamespace(format_code_name=cells.get))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    assert place_of("/tmp/ipykernel_7/123.py", 1) == "Cell In[3], line 1"
    assert place_of("/home/ada/train.py", 1) == "train.py line 1"
    W = Tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(errors.ShapeError, match=r"failed, Cell In\[3\], line 2: "):
        run("\nW @ np.ones(3)", "/tmp/ipykernel_7/123.py", W=W)
    made = run("y = W * 2", "/tmp/ipykernel_7/123.py", W=W)
    assert made["y"]._node.place == "Cell In[3], line 1"
    rule = "double = tg.primitive(lambda x: 2 * x)\n{}"
    with pytest.raises(errors.RuleError, match=r"rule of <lambda> \(Cell In\[3\], line 2\) takes \(g\)"):
        run(rule.format("double.vjp(lambda g: g)"), "/tmp/ipykernel_7/123.py", tg=tg)
    with pytest.raises(errors.DTypeError, match=r"gradcheck of the lambda of Cell In\[3\], line 1 was given no"):
        run("tg.gradcheck(lambda x: x, 1)", "/tmp/ipykernel_7/123.py", tg=tg)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))  # type: ignore[arg-type]
    assert place_of("/tmp/ipykernel_7/123.py", 1) == "123.py line 1"


WARNING = {
    "log": lambda t: np.log(t),
    "log of a method": lambda t: (t * 1).log(),
    "divide": lambda t: 1 / t,
    "sqrt": lambda t: np.sqrt(t),
    "power": lambda t: t**-1.5,
    "backward": lambda t: np.sum(np.sqrt(t * t)).backward(),
    "grad": lambda t: tg.grad(lambda x: np.sum(np.sqrt(x)))(np.zeros(2)),
    "exp": lambda t: np.exp(t * 1000),
    "nanmean": lambda t: np.nanmean(t * np.nan),
    "sum": lambda t: np.sum(t * 0 + 1e308),
    "mean of nothing": lambda t: t[:0].mean(),
    "var": lambda t: (t * 1e200).var(),
}


@pytest.mark.parametrize("f", WARNING.values(), ids=WARNING)
@pytest.mark.parametrize("action", ["always", "default"])
def test_numpys_warnings_name_the_users_line(f: Any, action: Any) -> None:
    t = Tensor([-1.0, 0.0, 2.0], requires_grad=True)
    for _ in range(2):  # What the first run registered is another's line to the second.
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter(action)
            globals().pop("__warningregistry__", None)
            f(t)
        assert seen
        assert {(one.filename, one.lineno) for one in seen} <= {
            (__file__, line) for line in range(f.__code__.co_firstlineno, f.__code__.co_firstlineno + 2)
        }
        assert all(issubclass(one.category, RuntimeWarning) for one in seen)


def test_code_without_a_modules_name_is_warned_too() -> None:
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log") as seen:
        exec(compile("np.log(t)", "nameless.py", "exec"), {"np": np, "t": Tensor([-1.0], requires_grad=True)})
    assert seen[0].filename == "nameless.py"


def test_a_warning_is_shown_once_for_each_line_of_the_users() -> None:
    t = Tensor([-1.0], requires_grad=True)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            np.log(t)
        np.log(t)
        with np.errstate(invalid="ignore"):
            np.log(t)
    assert len({one.lineno for one in seen}) == len(seen) == 2


def test_warnings_of_the_users_own_numpy_stay_where_they_are() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        np.log(np.array([-1.0]))
        warnings.warn("mine", RuntimeWarning, stacklevel=1)
        np.sum(np.full(2, 1e308))
    assert [one.filename for one in seen[:-1]] == [__file__] * 2
    assert "numpy" in seen[-1].filename
    with pytest.raises(RuntimeWarning, match="invalid value"):
        np.log(Tensor([-1.0]))
