"""Lines that everybody writes: they are captured, or refused in a sentence; what a capture left behind is put back."""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import logging
import os
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn, optim
from tinygrad_np.errors import CaptureError, CaptureWarning

x = np.array([0.5, -1.0, 2.0])
EXTREME = np.array([0.0, 40.0, 800.0])


def logarithm(z: Any) -> Any:
    return np.log(1 - 1 / (1 + np.exp(-z)))


SAME: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "asarray": (lambda x: np.asarray(x) * 2, x),
    "asarray of another dtype": (lambda x: np.asarray(x, dtype=np.float32) * 2, x),
    "array": (lambda x: np.array(x) * 2, x),
    "array of more axes": (lambda x: np.array(x, ndmin=2) * 2, x),
    "ascontiguousarray": (lambda x: np.ascontiguousarray(x) * 2, x[::2]),
    "ascontiguousarray of a number": (lambda x: np.ascontiguousarray(np.sum(x)), x),
    "a list and an array": (lambda x: [1.0, 2.0, 3.0] @ x, x),
    "an array and a list": (lambda x: np.dot(x, [1.0, 2.0, 3.0]), x),
    "ldexp": (lambda x: np.ldexp(x, 3), x),
    "the gradient of ldexp": (tg.value_and_grad(lambda x: np.sum(np.ldexp(x, 3))), x),
    "a copy in any order": (lambda x: x.copy(order="K"), x[::-1]),
    "astype in any order": (lambda x: x.astype(np.float32, order="K"), x),
    "sorted under where": (tg.grad(lambda x: np.sum(np.where(x > 0, np.sort(x) ** 2, 0))), x),
    "a sum of no axes": (lambda x: x.sum(axis=0), np.array(3.0)),
    "the square of truths": (lambda x: (x > 0) ** 2, x),
    "an OrderedDict": (lambda x: collections.OrderedDict(a=x, b=x * 2), x),
    "a guard of a logarithm": (lambda z: (lambda v: np.where(np.isfinite(v), v, 0))(logarithm(z)), EXTREME),
    "a guard by a bound": (lambda z: (lambda v: np.where(v > -1e5, v, 0))(logarithm(z)), EXTREME),
    "nan_to_num": (lambda z: np.nan_to_num(logarithm(z)), EXTREME),
    "the gradient of a guard": (
        tg.grad(lambda z: np.sum((lambda v: np.where(np.isfinite(v), v, 0))(logarithm(z)))),
        EXTREME,
    ),
    "infinity that is not selected": (lambda x: np.where(x > 0, x, np.inf * np.where(x > 0, 0, 1)), x),
    "one piece": (lambda x: np.split(x, 1)[0] ** 2, x),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SAME)
def test_a_line_that_everybody_writes_is_captured(name: str) -> None:
    f, value = SAME[name]
    compiled = tg.compile(f, verify="always")
    for _ in range(2):
        expected, actual = f(value), compiled(value)
        assert type(actual) is type(expected)
        parts, expected_parts = (
            list(one.values()) if isinstance(one, dict) else one if isinstance(one, tuple) else [one]
            for one in (actual, expected)
        )
        for part, wanted in zip(parts, expected_parts, strict=True):
            assert part.dtype == wanted.dtype
            np.testing.assert_allclose(part, wanted, 1e-12)


def test_a_dict_of_another_class_stays_one_among_the_arguments() -> None:
    compiled = tg.compile(lambda d: d["a"] * (2 if isinstance(d, collections.OrderedDict) else 3))
    np.testing.assert_array_equal(compiled(collections.OrderedDict(a=x)), x * 2)
    np.testing.assert_array_equal(compiled({"a": x}), x * 3)


def test_a_refusal_that_the_function_catches_is_raised_all_the_same() -> None:
    def f(x: Any) -> Any:
        try:
            if np.sum(x) > 0:
                return x * 2
        except Exception:
            pass
        return x * 3

    with pytest.raises(CaptureError, match="asked whether it is true"):
        tg.compile(f)(x)


def test_a_cache_does_not_keep_what_a_capture_put_there() -> None:
    given = {}

    @functools.lru_cache
    def doubled(key: int) -> Any:
        return given[key] * 2

    def f(x: Any) -> Any:
        given[0] = x
        try:
            return doubled(0) + 1
        finally:
            del given[0]

    with contextlib.suppress(CaptureError):
        tg.compile(f)(x)
    np.testing.assert_array_equal(f(x), x * 2 + 1)
    assert type(doubled(0)) is np.ndarray


def test_logging_and_writing_are_refused(tmp_path: Path) -> None:
    def logs(x: Any) -> Any:
        logging.getLogger("steps").warning("step")
        return x

    def opens(x: Any) -> Any:
        with open(tmp_path / "log.txt", "a") as file:
            file.write("step")
        return x

    for f, said in ((logs, "logged 'step'"), (opens, "opens .*log.txt to write")):
        with pytest.raises(CaptureError, match=said):
            tg.compile(f)(x)
    with open(tmp_path / "open.txt", "w") as file:

        def writes(x: Any) -> Any:
            file.write("step")
            return x

        with pytest.raises(CaptureError, match="writes to file"):
            tg.compile(writes)(x)


@pytest.mark.parametrize(
    "make", [lambda: argparse.Namespace(lr=0.1), lambda: types.SimpleNamespace(lr=0.1)], ids=["argparse", "types"]
)
@pytest.mark.parametrize(
    "read",
    [lambda c: getattr(c, "lr"), lambda c: vars(c)["lr"], lambda c: c.lr],  # noqa: B009
    ids=["getattr", "vars", "dot"],
)
def test_namespaces_are_watched_however_they_are_read(make: Any, read: Any) -> None:
    config = make()
    compiled = tg.compile(lambda x: x * read(config), verify=False)
    compiled(x)
    config.lr = 0.5
    np.testing.assert_array_equal(compiled(x), x * 0.5)


def test_an_object_that_refuses_to_be_looked_into_is_left_alone() -> None:
    class Foreign:
        def __getattribute__(self, name: str) -> Any:
            if name == "__class__":
                return Foreign
            raise RuntimeError(name)

    foreign = Foreign()

    def f(x: Any) -> Any:
        return x * 2 if foreign is not None else x

    np.testing.assert_array_equal(tg.compile(f)(x), x * 2)


def test_a_rate_that_a_schedule_sets_is_given_and_a_schedule_in_the_step_is_named() -> None:
    model = nn.Linear(3, 1, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = np.mean(model(x) ** 2)
        loss.backward()
        optimizer.step()
        return loss

    compiled = tg.compile(step, verify="always")
    compiled(x[None])
    schedule.step()
    compiled(x[None])

    def scheduled(x: Any) -> Any:
        loss = step(x)
        schedule.step()
        return loss

    with pytest.raises(CaptureError, match="last_epoch|param_groups"):
        tg.compile(scheduled)(x[None])


class Settings:
    """The one instance of an application's settings, as frameworks make it."""

    rate = 2.0


@functools.lru_cache
def settings() -> Settings:
    return Settings()


def changed(owner: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(owner, name, value)


def states() -> dict[str, tuple[Callable[[Any], Any], Callable[[], None]]]:
    """Functions of a state, and how it changes."""
    frame, series, flagged = pd.DataFrame({"a": [1.0, 2.0, 3.0]}), pd.Series([1.0, 2.0, 3.0]), Tensor([1.0])
    os.environ["TINYGRAD_NP_RATE"] = "2"
    return {
        "the instance that a cached function makes": (lambda x: x * settings().rate, changed(settings(), "rate", 3.0)),
        "an environment variable": (
            lambda x: x * float(os.getenv("TINYGRAD_NP_RATE", "1")),
            lambda: os.environ.update(TINYGRAD_NP_RATE="3"),
        ),
        "another column": (lambda x: x * frame["a"].to_numpy(), lambda: frame.update({"a": [4.0, 5.0, 6.0]})),
        "a column in its place": (lambda x: x * frame["a"].sum(), lambda: frame.__setitem__("a", [4.0, 5.0, 6.0])),
        "one more column": (lambda x: x * frame.shape[1], lambda: frame.__setitem__("b", [4.0, 5.0, 6.0])),
        "an entry of a column": (lambda x: x * frame.a.mean(), lambda: frame.loc.__setitem__((0, "a"), 9.0)),
        "names of columns": (lambda x: x * len(frame.columns[0]), changed(frame, "columns", ["long"])),
        "an entry of a series": (lambda x: x * series.values, lambda: series.__setitem__(0, 9.0)),
        "a flag": (lambda x: x * (2.0 if flagged.requires_grad else 3.0), changed(flagged, "requires_grad", True)),
    }


@pytest.mark.parametrize("kind", states())
def test_what_everyday_state_holds_is_watched(kind: str) -> None:
    f, change = states()[kind]
    compiled = tg.compile(f, verify=False)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x), f(x))
    change()
    np.testing.assert_array_equal(compiled(x), f(x))
    settings().rate = 2.0


def test_a_cached_function_keeps_the_instance_that_a_capture_made() -> None:
    @functools.cache
    def made() -> Settings:
        return Settings()

    compiled = tg.compile(lambda x: x * made().rate, verify=False)
    compiled(x)
    made().rate = 5.0
    np.testing.assert_array_equal(compiled(x), x * 5)


def test_the_net_shows_a_function_the_error_state_that_it_has() -> None:
    compiled = tg.compile(lambda x: x * (2.0 if np.geterr()["divide"] == "warn" else 3.0), verify="always")
    for _ in range(2):
        np.testing.assert_array_equal(compiled(x), x * 2)


def test_who_captures_again_and_again_is_told_once() -> None:
    compiled = tg.compile(lambda x, rate: x * rate)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for number in range(8):
            compiled(x, 0.5 * number)
    (warning,) = seen
    assert warning.category is CaptureWarning
    assert "an argument of Python's float was 1.0, and is 1.5" in str(warning.message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(1, 8):
            compiled(np.ones(number), 0.5)
