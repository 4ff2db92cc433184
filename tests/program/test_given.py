"""What a program is given anew in each call: numbers that change, random draws; and what the first call alone makes."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn, optim
from tinygrad_np.errors import CaptureError
from tinygrad_np.tree import flatten

random = np.random.default_rng(0)
X, Y = random.normal(size=(13, 3)), random.normal(size=(13, 1))


def count(compiled: Any) -> int:
    return sum(map(len, compiled.variants.values()))


def trained(make: Callable[[Any], Any], dtype: Any, compiled: bool) -> tuple[list[Any], Any]:
    """Losses, parameters, statistics and states of 20 steps of a network with dropout, batch norm and a schedule."""
    model = nn.Sequential(
        nn.Linear(3, 8, rng=1, bias=False, dtype=dtype),  # A bias before it has no gradient but rounding.
        nn.BatchNorm1d(8, dtype=dtype),
        nn.Tanh(),
        nn.Dropout(0.3, rng=3),
        nn.Linear(8, 1, rng=2, dtype=dtype),
    )
    optimizer = make(model.parameters())
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    run = tg.compile(step, verify=False) if compiled else step
    losses = []
    for _ in range(20):
        losses.append(run(X.astype(dtype), Y.astype(dtype)).item())
        schedule.step()
    states = optimizer.state_dict()["state"].values()
    kept = [value for state in states for value in state.values()]
    return [*losses, *model.state_dict().values(), *kept], run


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "make",
    [
        optim.Adam,
        optim.RMSprop,
        functools.partial(optim.SGD, lr=0.1, momentum=0.9),
        functools.partial(optim.SGD, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1),
        functools.partial(optim.SGD, lr=0.1, momentum=0.5, dampening=1.0, maximize=True),
        functools.partial(optim.AdamW, amsgrad=True),
        functools.partial(optim.RAdam, weight_decay=0.1),
        functools.partial(optim.NAdam, lr=0.01),
        functools.partial(optim.Adagrad, initial_accumulator_value=0.1),
        functools.partial(optim.Adadelta, lr=1.0),
        optim.Adamax,
    ],
    ids=lambda make: getattr(make, "func", make).__name__,
)
def test_a_schedule_dropout_batch_norm_and_a_first_step_are_one_capture(make: Any, dtype: Any) -> None:
    expected, _ = trained(make, dtype, compiled=False)
    actual, compiled = trained(make, dtype, compiled=True)
    assert count(compiled) == 1
    for one, other in zip(expected, actual, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9 if dtype is np.float64 else 1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore::tinygrad_np.errors.CaptureWarning")
def test_going_back_and_forth_between_training_and_use_costs_no_capture() -> None:
    def trained(is_compiled: bool) -> tuple[list[Any], Any]:
        model = nn.Sequential(nn.Linear(3, 8, rng=1), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3, rng=3))
        model.append(nn.Linear(8, 1, rng=2))
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.5)
        schedule = optim.lr_scheduler.StepLR(optimizer, 1, 0.9)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = ((model(x) - Y) ** 2).mean()
            if model.training:
                loss.backward()
                optimizer.step()
            return loss

        run, losses = tg.compile(step, verify="always") if is_compiled else step, []
        for epoch in range(5):
            for mode in (True, False):
                model.train(mode)
                model[0].requires_grad_(epoch % 2 == 0)
                losses.append(run(X).item())
            schedule.step()
        return losses, run

    losses, compiled = trained(True)
    np.testing.assert_allclose(losses, trained(False)[0], rtol=1e-9)
    assert count(compiled) == 4


def test_a_momentum_that_a_cycle_moves_is_given_after_it_has_moved_once() -> None:
    def parameters(is_compiled: bool) -> list[Any]:
        model = nn.Linear(3, 1, rng=0)
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=12)

        def step() -> None:
            optimizer.zero_grad()
            ((model(X) - Y) ** 2).mean().backward()
            optimizer.step()

        run = tg.compile(step, verify="always") if is_compiled else step
        for _ in range(12):
            run()
            schedule.step()
        assert not is_compiled or count(run) == 2
        return [p.numpy() for p in model.parameters()]

    for one, other in zip(parameters(False), parameters(True), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-10)


def test_a_rate_of_numpys_is_given_too_and_stays_one() -> None:
    w, v = (Tensor(np.ones(3, np.float32), requires_grad=True) for _ in range(2))
    one, other = (optim.SGD([p], lr=np.float64(0.5)) for p in (w, v))

    def step_of(p: Tensor, optimizer: Any) -> Callable[[], Any]:
        def step() -> Any:
            optimizer.zero_grad()
            np.sum(p**2).backward()
            optimizer.step()
            return p.data * optimizer.param_groups[0]["lr"]

        return step

    step, compiled = step_of(w, one), tg.compile(step_of(v, other), verify="always")
    for number in range(6):
        expected, actual = step(), compiled()
        assert (expected.dtype, actual.dtype) == (np.float64, np.float64)
        np.testing.assert_array_equal(actual, expected)
        for optimizer in (one, other):
            optimizer.param_groups[0]["lr"] = np.cos(number / 8) / 2
    assert count(compiled) == 1


@dataclasses.dataclass
class Settings:
    rate: float = 0.5


RATES = {
    "an attribute": (Settings(), "attribute"),
    "a namespace": (SimpleNamespace(rate=0.5), "attribute"),
    "a dict": ({"rate": 0.5}, "item"),
    "a list": ([0.5], 0),
}


@pytest.mark.parametrize("kind", RATES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_number_that_has_changed_is_given_from_then_on(kind: str, dtype: Any) -> None:
    state, how = RATES[kind]

    def rate() -> float:
        return getattr(state, "rate") if how == "attribute" else state["rate" if how == "item" else 0]  # noqa: B009

    f = tg.compile(lambda x: (1 - rate() / 2) * x + np.where(x > rate(), rate(), x), verify="always")
    x = np.arange(4).astype(dtype)
    for number in range(8):
        value = number / 8 + 0.125
        if how == "attribute":
            state.rate = value
        else:
            state["rate" if how == "item" else 0] = value
        result = f(x)
        assert result.dtype == dtype
        np.testing.assert_allclose(result, (1 - value / 2) * x + np.where(x > value, value, x), rtol=1e-6)
    assert count(f) == 2


def test_a_number_that_closures_share_is_given_too() -> None:
    rate = 0.5
    f = tg.compile(lambda x: rate * x, verify="always")
    for number in range(6):
        rate = number / 4 + 0.25
        np.testing.assert_array_equal(f(X), rate * X)
    assert count(f) == 2


def test_a_number_that_is_tested_is_given_while_it_is_as_true_as_then() -> None:
    state = SimpleNamespace(decay=0.5)
    f = tg.compile(lambda x: x - state.decay * x if state.decay else x.copy(), verify="always")
    for decay in (0.5, 0.25, 0.125, 0.0, 0.0, 0.75):
        state.decay = decay
        np.testing.assert_array_equal(f(X), X - decay * X)
    assert count(f) == 3


@pytest.mark.filterwarnings("ignore::tinygrad_np.errors.CaptureWarning")
def test_a_number_on_which_a_branch_or_a_result_depends_stays_a_constant() -> None:
    state = SimpleNamespace(limit=0.5)
    f = tg.compile(lambda x: (x * 2 if state.limit > 0.3 else x, state.limit), verify="always")
    for limit in (0.5, 0.4, 0.2, 0.1, 0.6):
        state.limit = limit
        value, returned = f(X)
        assert type(returned) is float
        assert returned == limit
        np.testing.assert_array_equal(value, X * 2 if limit > 0.3 else X)


@pytest.mark.filterwarnings("ignore::tinygrad_np.errors.CaptureWarning")
@pytest.mark.parametrize("verify", ["always", "doubling", False])
def test_a_number_whose_type_is_asked_stays_a_constant(verify: Any) -> None:
    state = SimpleNamespace(rate=0.5)
    f = tg.compile(lambda x: x * state.rate if type(state.rate) is float else x * 7, verify=verify)
    for rate in (0.5, 0.4, 0.3, 0.2):
        state.rate = rate
        np.testing.assert_array_equal(f(X), X * rate)
    assert count(f) == 4


def test_a_number_is_given_where_functions_clip_or_divide_by_it() -> None:
    state = SimpleNamespace(**{"lambda": 0.5})
    f = tg.compile(
        lambda x: np.clip(x, -getattr(state, "lambda"), 1) * divmod(vars(state)["lambda"], 0.1)[0], verify="always"
    )
    for rate in (0.5, 0.4, 0.3, 0.2):
        setattr(state, "lambda", rate)
        result = f(X.astype(np.float32))
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, np.clip(X, -rate, 1) * divmod(rate, 0.1)[0], rtol=1e-6)
    assert count(f) == 2


@dataclasses.dataclass(frozen=True)
class Noisy:
    rng: np.random.Generator

    def __call__(self, x: Any) -> Any:
        return x + self.rng.normal(size=x.shape)


def with_a_default(rng: np.random.Generator) -> Callable[[Any], Any]:
    def f(x: Any, rng: np.random.Generator = rng) -> Any:
        return x * rng.uniform(0.5, 1.5, x.shape)

    return f


def with_a_method(rng: np.random.Generator) -> Callable[[Any], Any]:
    normal = rng.normal
    return lambda x: x + normal(size=x.shape) + normal()


def with_slopes(rng: np.random.Generator) -> Callable[[Any], Any]:
    W = Tensor(np.ones((3, 1)), requires_grad=True, name="W")

    def f(x: Any) -> Any:
        chosen = rng.permutation(len(x))[:4]
        loss = np.sum(tg.dropout(tg.relu((Tensor(x) @ W)[chosen]), 0.5, random=rng))
        loss.backward()
        W.data -= 0.01 * W.grad
        W.zero_grad()
        return loss.detach(), W.detach()

    return f


DRAWING: list[Callable[[np.random.Generator], Callable[[Any], Any]]] = [
    lambda rng: lambda x: x + rng.normal(size=x.shape),
    lambda rng: lambda x: x * rng.random() + rng.integers(0, 5) + rng.standard_normal(3),
    lambda rng: lambda x: x.astype(np.float32) * rng.random() + (1 - rng.normal() / 2) * np.sqrt(rng.random()),
    lambda rng: (lambda state: lambda x: x + state["rngs"][0].random(x.shape))({"rngs": [rng]}),
    lambda rng: lambda x: tg.dropout(x, 0.25, random=rng) + tg.rrelu(x, training=True, random=rng),
    lambda rng: lambda x: np.where(rng.random(x.shape) < 0.5, x, rng.choice(5, size=x.shape)),
    Noisy,
    with_a_default,
    with_a_method,
    with_slopes,
]


@pytest.mark.parametrize("make", DRAWING, ids=range(len(DRAWING)))
def test_a_draw_is_made_in_each_call_from_the_generator(make: Any) -> None:
    one, other = np.random.default_rng(7), np.random.default_rng(7)
    f, compiled = make(one), tg.compile(make(other), verify="always")
    for call in range(5):
        x = X - 5 if call == 3 else X  # Rare values for relu: the program for all values draws no more than once.
        for expected, actual in zip(flatten(f(x))[0], flatten(compiled(x))[0], strict=True):
            expected, actual = (getattr(value, "_data", value) for value in (expected, actual))
            np.testing.assert_allclose(actual, expected, rtol=1e-12)
    assert one.random() == other.random()
    assert count(compiled) == 1


def test_rare_values_draw_no_second_time() -> None:
    one, other = np.random.default_rng(7), np.random.default_rng(7)

    def make(rng: Any) -> Any:
        return tg.grad(lambda x: np.sum(tg.relu(x * rng.integers(0, 2, x.shape))))

    f, compiled = make(one), tg.compile(make(other), verify=False)
    for _ in range(10):
        np.testing.assert_array_equal(compiled(X[:2]), f(X[:2]))
    assert one.random() == other.random()


def test_a_generator_may_be_an_argument() -> None:
    one, other = np.random.default_rng(7), np.random.default_rng(7)
    compiled = tg.compile(lambda x, rng: x + rng.normal(size=x.shape))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X, other), X + one.normal(size=X.shape))


def test_a_capture_draws_nothing_itself_and_leaves_the_generator_where_it_was() -> None:
    state = SimpleNamespace(rng=np.random.default_rng(0))
    generator, before = state.rng, copy.deepcopy(state.rng)
    with pytest.raises(CaptureError):
        tg.compile(lambda x: float(x[0, 0]) + state.rng.random())(X)
    assert state.rng is generator
    assert generator.random() == before.random()


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        (lambda x, rng: rng.normal(x), "compute with what is drawn"),
        (lambda x, rng: rng.shuffle(np.arange(3)), r"rng\.permutation"),
        (lambda x, rng: x + rng.bit_generator.random_raw(), "bit_generator of a random generator is used"),
        (lambda x, rng: x + np.random.default_rng().random(), "a random number"),
        (lambda x, rng: x + np.random.random(), "numpy.random.Generator that the function closes over"),
    ],
)
def test_draws_that_a_program_can_not_make_are_refused(f: Any, sentence: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(CaptureError, match=sentence):
        tg.compile(lambda x: f(x, rng))(X)


def test_a_function_that_draws_otherwise_by_now_is_a_difference() -> None:
    rng, hidden = np.random.default_rng(0), iter([False, False, False, True, True])
    del hidden
    import sys

    interval = sys.getswitchinterval()
    f = tg.compile(lambda x: x + rng.random() if sys.getswitchinterval() == interval else x + 0 * rng.normal())
    f(X)
    try:
        sys.setswitchinterval(2 * interval)
        with pytest.raises(tg.TinygradError, match="is not the function any more"):
            f(X)
    finally:
        sys.setswitchinterval(interval)


def test_what_the_first_call_alone_makes_is_made_while_it_is_captured() -> None:
    class Causal:
        mask: Any = None

        def __call__(self, x: Any) -> Any:
            if self.mask is None:
                self.mask = np.tril(np.ones((13, 13)))
            return self.mask @ x

    f = tg.compile(Causal(), verify="always")
    for _ in range(3):
        np.testing.assert_allclose(f(X), np.cumsum(X, axis=0), rtol=1e-12)
    assert count(f) == 1


def test_a_failed_first_step_leaves_no_state() -> None:
    model = nn.Linear(3, 1, rng=0)
    optimizer = optim.Adam(model.parameters(), lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        loss = (model(X) ** 2).mean()
        loss.backward()
        optimizer.step()
        return float(loss)

    with pytest.raises(CaptureError, match="read as a number"):
        tg.compile(step)()
    assert optimizer.state == {}
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_compile_decorates_with_options_and_counts_the_calls_of_each_program() -> None:
    @tg.compile(verify=False, exact=True)
    def f(x: Any) -> Any:
        """Doubled."""
        return 2 * x

    assert f.__doc__ == "Doubled."
    assert (f.verify, f.exact, f.calls) == (False, True, [])
    for x in (X, X, Y, X):
        f(x)
    assert f.calls == [3, 1]


def test_what_a_capture_says_can_be_caught_by_its_name() -> None:
    assert issubclass(tg.CaptureError, tg.TinygradError)
    assert issubclass(tg.DifferenceError, tg.TinygradError)
    assert issubclass(tg.CaptureWarning, Warning)
