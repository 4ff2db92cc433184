"""A number is read off a Tensor where that is written out; every other way is refused, with what to write instead."""

from __future__ import annotations

import array
import cmath
import logging
import math
import statistics
import struct
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, errors

NAMES: dict[str, Any] = {
    "np": np, "tg": tg, "math": math, "cmath": cmath, "array": array, "struct": struct, "exp": math.exp,
    "statistics": statistics, "logging": logging, "operator": __import__("operator"), "Tensor": Tensor,
}  # fmt: skip


def run(code: str, inside: str, requires_grad: bool = True) -> Any:
    """Run the lines on t, a number, and ts, three of them: in a function, a module, a nested function or a class."""
    t = Tensor(0.5, requires_grad=requires_grad, name="t")
    variables = {**NAMES, "t": t, "ts": [t * 1, t * 2, t * 3], "out": np.zeros(3)}
    lines = {
        "a module": code,
        "a function": "def f(t, ts, out):\n" + textwrap.indent(code, "    ") + "\nf(t, ts, out)",
        "a function in another": "def g(t, ts, out):\n    def f():\n"
        + textwrap.indent(code, "        ")
        + "\n    f()\ng(t, ts, out)",
        "a class": "class C:\n" + textwrap.indent(code, "    "),
    }
    exec(compile(lines[inside], "/home/ada/loop.py", "exec"), variables)


WRITTEN_OUT = """\
x = float(t)
x = int(t)
x = bool(t)
x = t.item()
x = f"{t:.3f} {float(t)!r} {t}"
x = "%.3f" % t
x = "%d of %s, %.2f" % (t, "all", t)
x = "{:.3f} {}".format(t, t)
x = format(t, ".2f")
x = round(float(t), 3)
x = [float(l) for l in [t, t]]
x = {"loss": float(t), "half": float(t) / 2}
x = sum(float(l) for l in (t, t * 2))
x = list(map(float, ts))
x = sum(map(float, ts))
x, y, z = map(float, ts)
for x in map(float, ts): pass
x = sorted(ts, key=float)
x = max(ts, key=float)
ts.sort(key=float)
x = max(ts), min(ts)
out[0] = float(t)
out[0] += float(t)
out.fill(t.item())
x = np.array([float(l) for l in (t, t)])
x = math.exp(float(t))
x = math.exp(float(t if out is not None else 3)) + float(t)
x = np.isclose(float(t), 0.5)
x = math.isnan(t) or math.isinf(t) or not math.isfinite(t)
x = math.isclose(t, 0.5)
x = range(int(t))
x = 3 if t > 0 else 4
x = 3 if t else 4
x = not t
while t < 0: pass
assert t
assert float(t) == 0.5
assert 0 < float(t) < 1
print(float(t), "%.2f" % t, end="")
logging.getLogger("quiet").debug("%.3f", t)
x = float([l for l in [t]][0])
x = (lambda l: float(l))(t)
x = float(t.sum())
x = float(np.sum(np.stack([l for l in [t, t]])))
""".splitlines()


@pytest.mark.parametrize("inside", ["a module", "a function", "a function in another"])
@pytest.mark.parametrize("code", WRITTEN_OUT)
def test_a_number_is_read_where_that_is_written_out(code: str, inside: str) -> None:
    run(code, inside)


SLIPPING = {
    "out[0] = t": "tg.index_update",
    "out[0] += t": "tg.index_update",
    "out[0], out[1] = t, t * 2": "np.stack",
    "out[0] = out[0] * t": "np.stack",
    "out.fill(t)": "np.ones",
    "out[:] = ts": "np.stack",
    "out[:2] = t": "np.stack",
    "out[out == 0] = t": "np.stack",
    "operator.iadd(out, t)": "a = a + t",
    "np.add(out, t, out=out)": "a = a + t",
    "out.put(0, t)": "tg.index_update",
    "x = np.fromiter((l for l in ts), float)": "np.stack",
    "x = np.float64(t)": "np.stack",
    "x = np.float32(t)": "np.stack",
    "x = np.array(t)": "np.stack",
    "x = np.asarray(ts)": "np.stack",
    "x = np.full(3, t)": "",
    "x = complex(t)": "complex",
    "x = math.exp(t)": "np.exp",
    "x = exp(t)": "np.exp",
    "x = math.sin(t) * t": "np.sin",
    "x = math.sin(t) * float(t)": "np.sin",
    "x = float(math.log(t))": "np.log",
    "x = math.fabs(t)": "np.abs",
    "x = math.pow(2.0, t)": "np.power",
    "x = math.fsum(ts)": "np.sum",
    "x = math.hypot(3, t)": "np.hypot",
    "x = math.erf(t)": "tg.erf",
    "x = math.gamma(t)": "no gradient",
    "x = cmath.exp(t)": "np.exp",
    "x = list(map(math.exp, ts))": "np.exp",
    "x = max(map(math.exp, ts))": "np.exp",
    "x = [math.exp(l) for l in ts]": "np.exp",
    "x = array.array('d', ts)": "np.stack",
    "x = np.random.default_rng(0).normal(t, 1)": "",
    "x = statistics.fmean(ts)": "a function of statistics",
    "x = statistics.NormalDist(t, 1)": "a function of statistics",
}  # fmt: skip


@pytest.mark.parametrize("inside", ["a module", "a function", "a function in another"])
@pytest.mark.parametrize(("code", "remedy"), SLIPPING.items())
def test_what_would_lose_the_gradient_is_refused_and_says_what_to_write(code: str, remedy: str, inside: str) -> None:
    with pytest.raises((errors.NoGradientError, ValueError)) as caught:
        run(code, inside)
    # NumPy puts a ValueError of its own before the sentence where an element is assigned; the sentence is its cause.
    error = caught.value if isinstance(caught.value, errors.TinygradError) else caught.value.__cause__
    assert isinstance(error, errors.NoGradientError)
    line = {"a module": 1, "a function": 2, "a function in another": 3}[inside]
    assert f"loop.py line {line}" in str(error)
    assert remedy in str(error)


@pytest.mark.parametrize("code", SLIPPING)
def test_a_tensor_that_needs_no_gradient_converts_freely(code: str) -> None:
    if "fmean" not in code and "NormalDist" not in code:
        run(code, "a function", requires_grad=False)


def filled(x: Tensor) -> Any:
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] ** 2
    return np.sum(out)


@pytest.mark.parametrize(
    "transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, lambda f: lambda x: tg.vjp(f, x)]
)
def test_within_a_transform_the_sentence_is_not_hidden_by_numpys(transform: Any) -> None:
    with pytest.raises(errors.NoGradientError, match=r"test_numbers_read.py line \d+, .*tg.index_update"):
        transform(filled)(np.ones(3))


def test_an_error_of_the_users_that_has_a_cause_stays_as_it_is() -> None:
    def f(x: Tensor) -> Any:
        try:
            return x["a"]
        except Exception as error:
            raise KeyError("mine") from error

    with pytest.raises(KeyError, match="mine"):
        tg.grad(f)(1.0)


def test_code_that_a_debugger_or_a_tracer_watches_reads_as_before() -> None:
    lines: list[int] = []

    def trace(frame: Any, event: str, argument: Any) -> Any:
        lines.append(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run("x = float(t)\nx = [float(l) for l in ts]", "a function")
        with pytest.raises(errors.NoGradientError):
            run("x = math.exp(t)", "a function")
    finally:
        sys.settrace(before)
    assert lines


def test_a_number_is_read_thousands_of_times_in_a_loop_of_one_line() -> None:
    t = Tensor(2.0, requires_grad=True)
    assert sum(float(t) for _ in range(5000)) == 10000.0


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("np.mean(ts)", r"join the tensors first: np\.mean\(np\.stack\(tensors\), \.\.\.\)"),
        ("np.dot(ts, [1.0, 2.0, 3.0])", r"join the tensors first: np\.dot"),
        ("out.dot(ts)", r"write a @ t or np\.dot\(a, t\)"),
        ("sum(map(math.sqrt, ts))", r"math\.sqrt tried .* write np\.sqrt in the place of math\.sqrt"),
        ("np.array(ts)", r"join tensors with np\.stack or np\.concatenate"),
        ("np.add.at(out, [0, 1, 2], np.stack(ts))", r"write a = tg\.index_add\(a, index, t\)"),
    ],
)
def test_the_advice_fits_what_was_called(code: str, advice: str) -> None:
    with pytest.raises(errors.NoGradientError, match=advice):
        run(code, "a function")
