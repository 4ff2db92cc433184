"""The readable source is what one would have written: its names, signs, quotients, comments, breaks of long lines."""

from __future__ import annotations

import ast
import gc
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import compile
from tinygrad_np.program.emit.readable import WIDTH, wrapped_line
from tinygrad_np.tree import flatten

random = np.random.default_rng(3)
X, W, v = random.normal(size=(30, 3)), random.normal(size=(3, 4)), random.normal(size=3)


def source_of(f: Callable[..., Any], *given: Any) -> str:
    """The source, which was run and gives what the function gives."""
    compiled = compile(f)
    expected = flatten(f(*given))[0]
    compiled(*given)
    names: dict[str, Any] = {}
    exec(compiled.source, names)
    made = flatten(names[compiled.program.name](*flatten(given)[0], *compiled.constants))[0]
    for actual, same in zip(made, expected, strict=True):
        np.testing.assert_allclose(actual, same, rtol=1e-13, atol=1e-15)
    return compiled.source


def test_what_a_differentiated_function_returns_is_named_after_it() -> None:
    def step(W: Any) -> Any:
        def loss(W: Any) -> Any:
            return np.mean((X @ W) ** 2)

        return tg.value_and_grad(loss)(W)

    assert "return loss, dW\n" in source_of(step, W)
    assert "    value = " in source_of(tg.value_and_grad(lambda W: np.sum(np.sin(W))), W)


def test_the_gradient_of_what_an_activation_was_given_is_raw() -> None:
    def step(X: Any, W: Any, b: Any) -> Any:
        def loss(W: Any, b: Any) -> Any:
            A = np.tanh(X @ W + b)
            return np.sum(A**3)

        return tg.grad(loss, (0, 1))(W, b)

    text = source_of(step, X, W, np.ones(4))
    assert "    dA_raw = " in text
    assert "db = np.sum(dA_raw, axis=0)" in text


def test_a_softmax_by_hand_reads_as_one_writes_it() -> None:
    def step(Y: Any, Z: Any) -> Any:
        def loss(Z: Any) -> Any:
            E = np.exp(Z)
            P = E / np.sum(E, axis=1, keepdims=True)
            return -np.sum(Y * P**2) / len(Y)

        return tg.value_and_grad(loss)(Z)

    text = source_of(step, X, X + 0.5)
    assert "- np.sum(" in text
    assert "loss = -np.sum(" in text
    assert not [name for name in ("np.ones", "reshape") if name in text]


def test_a_tensor_without_a_name_is_called_as_its_variable_or_attribute() -> None:
    class Network:
        def __init__(self) -> None:
            self.kernel = tg.Tensor(W, requires_grad=True)

    network, bias = Network(), tg.Tensor(np.zeros(4), requires_grad=True)

    def step(X: Any) -> Any:
        loss = np.sum((X @ network.kernel + bias) ** 2)
        loss.backward()
        for p in (network.kernel, bias):
            p.data -= 0.1 * p.grad
            p.grad = None
        return loss

    compiled = compile(step)
    compiled(X)
    assert "def step(X, kernel, bias):" in compiled.source
    assert "return loss, new_kernel, new_bias" in compiled.source


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda x: -(x / (x + 2)), "-x / (x + 2)"),
        (lambda x: -(x * np.exp(x)), "-x * np.exp(x)"),
        (lambda x: -(x @ x), "-(x @ x)"),
        (lambda x: -((x > 0) * x), "-((x > 0) * x)"),
        (lambda x: x * (1 / 960), "x * (1 / 960)"),
        (lambda x: x * (-2 / 30), "x * (-1 / 15)"),
        (lambda x: x * 0.00625, "x * 0.00625"),
        (lambda x: x * np.pi, f"x * {np.pi!r}"),
        (lambda x: np.logical_or(x > 1, x < -1), "(x > 1) | (x < -1)"),
    ],
)
def test_a_formula(f: Any, formula: str) -> None:
    text = source_of(f, v)
    assert formula in text.replace("np.dot(x, x)", "(x @ x)")


@pytest.mark.parametrize("f", [lambda x: -(x * x), lambda x: -(x // 2), lambda x: -(x / 2.0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_the_sign_of_small_integers_stays_where_it_is(f: Any, dtype: Any) -> None:
    source_of(f, np.array([1, 3, 100, 127]).astype(dtype))


def test_the_numbers_of_rows_are_written_as_a_range() -> None:
    def loss(Z: Any, labels: Any) -> Any:
        return np.sum(np.log(Z[np.arange(len(Z)), labels]))

    compiled = compile(tg.grad(loss))
    compiled(np.exp(X), np.arange(30) % 3)
    assert compiled.constants == []
    assert "np.arange(30)" in compiled.source


def test_rare_values_and_helpers_come_after_what_is_read_first() -> None:
    def loss(Z: Any, labels: Any) -> Any:
        return np.sum(np.maximum(Z, 0)[np.arange(len(Z)), labels] ** 2)

    text = source_of(tg.grad(loss), X, np.arange(30) % 3)
    places = [text.index(f"def {name}(") for name in ("loss", "loss_for_rare_values", "scatter")]
    assert places == sorted(places)
    assert '"""Derived from loss, test_readable.py line ' in text
    assert "# rare values\n" in text
    assert '"""loss for all values: ' in text


def test_the_passes_are_set_apart() -> None:
    def loss(W: Any) -> Any:
        A = np.tanh(X @ W)
        return np.sum(A**3)

    forward, backward = source_of(tg.grad(loss), W).split('"""\n')[1].split("\n\n")
    assert "gradient of line" not in forward
    assert "gradient of line" in backward


@pytest.mark.parametrize(
    "line",
    [
        f"joined = np.concatenate([{', '.join(f'first_{number}' for number in range(40))}], axis=1)",
        f"total = {' + '.join(f'np.dot(a_{number}, b_{number})' for number in range(20))}",
        f"return {', '.join(f'gradient_{number}' for number in range(20))}",
        f"z = np.einsum('ij, jk, kl, lm -> im', {', '.join(f'parameter_{number}' for number in range(10))})",
    ],
)
def test_a_long_line_is_broken(line: str) -> None:
    parts = wrapped_line(line)
    assert len(parts) > 2
    assert all(len(part) <= WIDTH for part in parts)
    text = "\n".join(f"    {part}" for part in parts)
    plain = "".join("".join(parts).split())
    assert plain.replace("=(", "=").replace("return(", "return").rstrip(")") == "".join(line.split()).rstrip(")")
    ast.parse(f"def f():\n{text}")


def test_a_short_line_stays() -> None:
    assert wrapped_line("a = b + c") == ["a = b + c"]


def test_a_refusal_names_the_value() -> None:
    def f(X: Any) -> Any:
        loss = np.sum(X**2)
        return loss if loss.item() > 0 else X

    with pytest.raises(CaptureError, match=r"^loss \(\) float64 of a compiled function was read as a number, .*line"):
        compile(f)(X)
    with pytest.raises(CaptureError, match=r"np\.round"):
        compile(lambda x: round(np.sum(x), 2))(X)


def test_a_program_tells_the_number_that_a_constant_is() -> None:
    compiled = compile(lambda x: x * np.full(3, 0.25) + np.array([1.0, 2.0, 3.0]))
    compiled(v)
    constants = [line.split() for line in str(compiled.captured).splitlines() if " constant" in line]
    assert [line[-1] for line in constants] == ["0.25", "constant"]


def test_a_long_line_within_an_if_stays_within_it() -> None:
    names = ", ".join(f"parameter_{number}" for number in range(12))
    parts = wrapped_line(f"    return step_for_rare_values({names})")
    assert len(parts) > 1
    assert all(part.startswith("    ") and len(part) <= WIDTH for part in parts)
    ast.parse("\n".join(["if True:", *parts]).replace("return ", ""))


def test_a_plain_step_prints_its_gradients_and_the_rate_where_it_is_used() -> None:
    W1, W2 = (tg.Tensor(random.normal(size=shape), requires_grad=True) for shape in ((3, 4), (4, 1)))

    def step(X: Any) -> Any:
        A1 = np.tanh(X @ W1)
        loss = np.mean((A1 @ W2) ** 2)
        loss.backward()
        for W in (W1, W2):
            W.data -= 0.1 * W.grad
            W.zero_grad()
        return loss

    compiled = compile(step)
    compiled(X)
    assert "new_W1 = W1 - 0.1 * dW1" in compiled.source
    assert "dA1 = " in compiled.source
    assert "scaled_" not in compiled.source
    assert "scaled_dW1" in compiled.fast_source


def squared(parameters: Any) -> Any:
    hidden = np.tanh(X @ parameters["W"] + parameters["layer"]["b"])
    return np.mean(hidden**2)


PARAMETERS = {"W": W, "layer": {"b": np.zeros(4)}}


def test_keys_of_dicts_are_names() -> None:
    def step(parameters: Any) -> Any:
        value, slopes = tg.value_and_grad(squared)(parameters)
        return value, {"W": parameters["W"] - 0.1 * slopes["W"], "slope": slopes["layer"]["b"] * 2}

    text = source_of(step, PARAMETERS)
    assert "def step(W, layer_b, " in text
    assert "new_W = W - 0.1 * dW" in text
    assert "slope = dlayer_b * 2" in text
    assert "return squared, new_W, slope" in text


def test_tensors_in_a_dict_are_called_by_their_keys() -> None:
    tensors = {"kernel": tg.Tensor(W, requires_grad=True)}

    def step(X: Any) -> Any:
        loss = np.sum((X @ tensors["kernel"]) ** 2)
        loss.backward()
        for p in tensors.values():
            p.data -= 0.1 * p.grad
            p.grad = None
        return loss

    compiled = compile(step)
    compiled(X)
    assert "def step(X, kernel):" in compiled.source


def test_warnings_are_off_around_the_lines_that_need_it() -> None:
    def f(x: Any) -> Any:
        before = np.tanh(x) * 2
        with np.errstate(over="ignore"):
            power = np.exp(1000 * before)
        return before, power, 1 / power

    text = source_of(f, np.abs(v))
    assert 'with np.errstate(all="ignore"):\n        power = ' in text
    assert "\n    before = " in text
    assert text.count("errstate") == 1


def test_tracebacks_show_the_line_that_runs() -> None:
    compiled = compile(lambda x: np.linalg.inv(x))
    compiled(np.eye(2))
    variant = compiled.latest
    assert variant is not None
    number = 1 + variant.emitted.text[: variant.emitted.text.index("inv(x)")].count("\n")
    assert "np.linalg.inv(x)" in linecache.getline(variant.emitted.file, number)
    file = variant.emitted.file
    del variant, compiled
    gc.collect()
    assert not linecache.getlines(file)


def test_programs_and_equations_show_themselves_in_a_line() -> None:
    compiled = compile(lambda x: np.exp(x) * 2)
    compiled(v)
    assert repr(compiled.program) == "<program f(x): 2 operations>"
    assert repr(compiled.program.equations[0]) == "<t1 = exp(x)>"


def test_a_source_needs_nothing_of_this_package_nor_of_the_machine() -> None:
    """What rules say of the user's line in their errors would drag in the files of the package."""
    step = tg.compile(lambda z, y: tg.grad(lambda z: tg.cross_entropy(z, y))(z))
    z, y = np.eye(3), np.array([2, 0, 1])
    slopes = step(z, y)
    for source in (step.source, step.fast_source):
        assert "tinygrad_np" not in source
        assert str(Path(tg.__file__).parent) not in source
        assert "_getframe" not in source
    names: dict[str, Any] = {}
    exec(step.source, names)
    np.testing.assert_allclose(names[step.program.name](z, y, *step.constants), slopes)
    with pytest.raises(TypeError, match="in this program"):
        names["one_hot"](None, 3)
