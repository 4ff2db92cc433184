"""The net: beside some calls of its program the function itself runs, and a difference is an error."""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.program import variant
from tinygrad_np.program.passes import lowered

X = np.arange(6.0).reshape(2, 3) - 2.5


@pytest.fixture(autouse=True)
def _interval() -> Iterator[None]:
    """A state that nobody can watch: the interpreter's own."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.25)
    yield
    sys.setswitchinterval(before)


def hidden(X: Any) -> Any:
    return X * sys.getswitchinterval()


def test_a_hidden_change_is_noticed_at_the_next_power_of_two() -> None:
    f = tg.compile(hidden)
    for _ in range(4):
        f(X)
    sys.setswitchinterval(0.5)
    for _ in range(3):
        f(X)
    with pytest.raises(tg.TinygradError) as caught:
        f(X)
    text = str(caught.value)
    assert "at call 8" in text
    assert "calls 5 to 7 may have been wrong" in text
    assert "the result is -1.25 at (0, 0), and its program gives -0.625, a difference of 0.625" in text
    assert re.search(r"At test_net\.py line \d+ the function does not do what it did", text)
    np.testing.assert_array_equal(f(X), hidden(X))


def test_always_means_at_every_call_and_false_at_none() -> None:
    watched, free = tg.compile(hidden, verify="always"), tg.compile(hidden, verify=False)
    for _ in range(3):
        watched(X), free(X)
    sys.setswitchinterval(0.5)
    for _ in range(20):
        np.testing.assert_array_equal(free(X), X * 0.25)
    with pytest.raises(tg.TinygradError, match="at call 4"):
        watched(X)
    with pytest.raises(tg.TinygradError, match="doubling"):
        tg.compile(hidden, verify="never")


def test_the_function_runs_a_logarithmic_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    run = variant.Beside.run
    monkeypatch.setattr(variant.Beside, "run", lambda beside: (runs.append(1), run(beside)))
    f = tg.compile(hidden)
    for _ in range(1000):
        f(X)
    assert len(runs) == 9


def step_on(W: Tensor) -> Callable[[Any], Any]:
    def step(X: Any) -> Any:
        loss = np.mean((X @ W) ** 2)
        loss.backward()
        W.data -= sys.getswitchinterval() * W.grad
        W.zero_grad()
        return loss

    return step


def test_updates_of_the_function_are_undone() -> None:
    plain, other = (Tensor(np.ones((3, 1)), requires_grad=True) for _ in range(2))
    step, compiled = step_on(plain), tg.compile(step_on(other), verify="always")
    held = other.data
    for _ in range(6):
        np.testing.assert_allclose(compiled(X).numpy(), step(X).numpy())
    np.testing.assert_allclose(other.data, plain.data)
    np.testing.assert_allclose(held, plain.data)
    assert other.grad is None


def test_a_wrong_update_is_named_and_taken_back() -> None:
    W = Tensor(np.ones((3, 1)), requires_grad=True, name="W")
    step = tg.compile(step_on(W))
    for _ in range(3):
        step(X)
    before = W.data.copy()
    sys.setswitchinterval(0.5)
    with pytest.raises(tg.TinygradError, match="the new value of W"):
        step(X)
    np.testing.assert_array_equal(W.data, before)


def test_an_error_of_the_function_alone_is_a_difference() -> None:
    def f(x: Any) -> Any:
        if sys.getswitchinterval() > 0.4:
            raise KeyError("gone")
        return x + 1

    compiled = tg.compile(f)
    compiled(X)
    sys.setswitchinterval(0.5)
    with pytest.raises(tg.TinygradError, match="the function itself raises KeyError"):
        compiled(X)


def test_an_error_of_both_is_the_error() -> None:
    compiled = tg.compile(np.linalg.inv, verify="always")
    compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        compiled(np.zeros((2, 2)))


def test_another_dtype_shape_or_tree_is_a_difference() -> None:
    for other in (lambda x: x.astype(np.float32), lambda x: x[:1], lambda x: [x], lambda x: Tensor(x)):

        def f(x: Any, other: Any = other) -> Any:
            return other(x + 1) if sys.getswitchinterval() > 0.4 else x + 1

        sys.setswitchinterval(0.25)
        compiled = tg.compile(f)
        compiled(X)
        sys.setswitchinterval(0.5)
        with pytest.raises(tg.TinygradError, match="is not the function any more"):
            compiled(X)


def test_a_wrong_program_is_told_from_a_changed_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(program: Any, exact: bool) -> Any:
        program = lowered(program, exact)
        wrongly = [
            dataclasses.replace(one, operation="sin", function=np.sin) if one.operation == "cos" else one
            for one in program.equations
        ]
        return dataclasses.replace(program, equations=tuple(wrongly))

    monkeypatch.setattr(variant, "lowered", wrong)
    compiled = tg.compile(lambda x: np.cos(x) + 1)
    compiled(X)
    with pytest.raises(tg.TinygradError, match="exact=True"):
        compiled(X)


def test_what_algebra_may_change_is_not_a_difference() -> None:
    def loss(z: Any) -> Any:
        a = 1 / (1 + np.exp(-z))
        return -np.mean(np.log(a) + np.log(1 - a))

    compiled = tg.compile(tg.value_and_grad(loss), verify="always")
    with np.errstate(all="ignore"):
        for z in (0.5, 20.0, 34.0, 36.7, 37.5, 800.0, -30.0, -800.0):
            compiled(np.array([z, -z, 0.1]))
            compiled(np.full(3, z, np.float32))


def test_not_a_number_that_rounding_makes_is_not_a_difference() -> None:
    with np.errstate(all="ignore"):
        compiled = tg.compile(lambda x: np.sqrt(np.arctan2(np.log(1 - tg.sigmoid(x)), x)), verify="always")
        for number in range(5):
            compiled(np.linspace(-50, -40 + number, 4))  # 1 - 1e-18 is 1, and its logarithm of another sign.


def test_a_sum_that_is_zero_but_for_rounding_is_not_a_difference() -> None:
    normalised = lambda x: tg.softmax(x).sum()  # noqa: E731
    compiled = tg.compile(tg.grad(normalised), verify="always")
    rng = np.random.default_rng(0)
    for _ in range(10):
        compiled(rng.normal(size=50))


def test_exact_is_the_function_to_the_last_bit() -> None:
    def f(z: Any, y: Any) -> Any:
        a = 1 / (1 + np.exp(-z))
        return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)) + np.sum((z - y) ** 3 / 7)

    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(2, 40)) * 9
    slope = tg.value_and_grad(f, (0, 1))
    exact = tg.compile(slope, exact=True, verify="always")
    differs = tg.compile(slope)
    for values in ((z, y), (z[:10] * 0, y[:10])):
        wanted, given, simplified = slope(*values), exact(*values), differs(*values)
        assert wanted[0].tobytes() == given[0].tobytes()
        assert [one.tobytes() for one in wanted[1]] == [one.tobytes() for one in given[1]]
    assert any(a.tobytes() != b.tobytes() for a, b in zip(slope(z, y)[1], differs(z, y)[1], strict=True)), simplified


def test_threads_that_call_at_once_are_not_confused() -> None:
    compiled = tg.compile(lambda x: np.tanh(x) * x, verify="always")
    compiled(X)
    errors = []

    def work(number: int) -> None:
        try:
            for _ in range(30):
                np.testing.assert_allclose(compiled(X + number), np.tanh(X + number) * (X + number))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
