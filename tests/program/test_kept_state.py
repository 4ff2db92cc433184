"""tg.compile: what a capture must not leave behind, or change each time, is an error, and put back."""

from __future__ import annotations

import functools
import itertools
import queue
import random as python_random
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor
from tinygrad_np.errors import CaptureError
from tinygrad_np.program import compile

from .scripts import Config, Frozen, Layer, Slotted
from .test_guards import count, x

offset: Any


class Keeper:
    def __init__(self) -> None:
        self.h: Any = None
        self.step = 0
        self.log: dict[str, list[Any]] = {"losses": []}


kept: Any = None


def leaks() -> dict[str, tuple[Callable[..., Any], Callable[[], Any], str]]:
    """Functions that keep what they must not, what shows that it is gone, and what the error calls it."""
    history: list[Any] = []
    h: Any = None
    keeper, slotted, tensors = Keeper(), Slotted(), [Tensor([1.0])]
    found: dict[str, Any] = {}

    def in_a_list(x: Any) -> Any:
        history.append(np.sum(x))
        return x

    def as_a_tensor(x: Any) -> Any:
        history.append(Tensor([1.0]) * x)
        return x

    def in_an_attribute(x: Any) -> Any:
        keeper.h = np.tanh(x)
        return keeper.h

    def in_a_new_attribute(x: Any) -> Any:
        keeper.new = x  # type: ignore[attr-defined]
        return x

    def in_a_class(x: Any) -> Any:
        Keeper.last = x  # type: ignore[attr-defined]
        return x

    def in_a_slot(x: Any) -> Any:
        slotted.bias = x  # type: ignore[attr-defined]
        return x

    def in_a_dict(x: Any) -> Any:
        keeper.log["losses"].append([x])
        return x

    def in_a_closure(x: Any) -> Any:
        nonlocal h
        h = (1, [x])
        return x

    def in_a_global(x: Any) -> Any:
        global kept
        kept = x
        return x

    def in_a_global_that_did_not_exist(x: Any) -> Any:
        global offset
        offset = x
        return x

    def in_itself(x: Any) -> Any:
        in_itself.last = x  # type: ignore[attr-defined]
        return x

    def in_a_default(x: Any, cache: dict[str, Any] = found) -> Any:
        if "y" not in cache:
            cache["y"] = x
        return cache["y"]

    def in_a_queue(x: Any) -> Any:
        recent.append(x)
        return x

    recent: deque[Any] = deque(maxlen=2)

    shared: queue.Queue[Any] = queue.Queue()

    def in_an_object_of_a_library(x: Any) -> Any:
        shared.put(x)
        return x

    def in_place_of_a_tensor(x: Any) -> Any:
        tensors[0] = Tensor([1.0]) * x
        return x

    return {
        "list": (in_a_list, lambda: history == [], "history"),
        "tensor": (as_a_tensor, lambda: history == [], "history"),
        "attribute": (in_an_attribute, lambda: keeper.h is None, "keeper.h"),
        "new attribute": (in_a_new_attribute, lambda: not hasattr(keeper, "new"), "keeper.new"),
        "class": (in_a_class, lambda: not hasattr(Keeper, "last"), "Keeper.last"),
        "slot": (in_a_slot, lambda: not hasattr(slotted, "bias"), "slotted.bias"),
        "dict": (in_a_dict, lambda: keeper.log == {"losses": []}, r"keeper.log\['losses'\]"),
        "closure": (in_a_closure, lambda: h is None, "h"),
        "global": (in_a_global, lambda: kept is None, "kept"),
        "new global": (in_a_global_that_did_not_exist, lambda: "offset" not in globals(), "offset"),
        "function": (in_itself, lambda: not in_itself.__dict__, "in_itself.last"),
        "default": (in_a_default, lambda: found == {}, "in_a_default.__defaults__"),
        "deque": (in_a_queue, lambda: not recent, "recent"),
        "queue": (in_an_object_of_a_library, shared.empty, "shared.queue"),
        "tensors": (in_place_of_a_tensor, lambda: tensors[0].tolist() == [1.0], "tensors"),
    }


@pytest.mark.parametrize("name", list(leaks()))
def test_a_value_that_is_kept_is_an_error_and_put_back(name: str) -> None:
    f, is_gone, path = leaks()[name]
    with pytest.raises(CaptureError, match=rf"keeps a value in {path}.*return the value") as error:
        compile(f)(x)
    assert name == "default" or "test_kept_state.py line" in str(error.value)
    assert is_gone()


def test_the_line_that_keeps_a_value() -> None:
    keeper = Keeper()

    def f(x: Any) -> Any:
        keeper.h  # noqa: B018
        keeper.h = x

    line = f.__code__.co_firstlineno + 2
    with pytest.raises(CaptureError, match=rf"keeper\.h \(test_kept_state\.py line {line}\)"):
        compile(f)(x)


def changes() -> dict[str, tuple[Callable[..., Any], Callable[[], Any], str]]:
    """Functions that change something in every call, what shows that it was put back, and what the error calls it."""
    keeper, config = Keeper(), Frozen(1.0, Config())
    steps, names, views = 0, {"a"}, np.arange(6.0)[::2]
    plain, memory, objects = np.ones((3, 2)), bytearray(b"ab"), np.array([1, None], dtype=object)
    tall = np.asfortranarray(plain)

    def an_attribute(x: Any) -> Any:
        keeper.step += 1
        return x

    def a_closure(x: Any) -> Any:
        nonlocal steps
        steps += 1
        return x

    def an_array(x: Any) -> Any:
        plain[0] += 1
        return x

    def a_tall_array(x: Any) -> Any:
        tall[1, 1] *= 0.5
        return x

    def an_array_with_gaps(x: Any) -> Any:
        np.add(views, 1, out=views)
        return x

    def an_array_of_objects(x: Any) -> Any:
        objects[0] += 1
        return x

    def bytes_of_their_own(x: Any) -> Any:
        memory[0] += 1
        return x

    def a_frozen_dataclass(x: Any) -> Any:
        object.__setattr__(config, "rate", config.rate + 1)
        return x

    def a_dict_by_its_popped_keys(x: Any) -> Any:
        keeper.log[f"key {len(keeper.log)}"] = []
        return x

    def a_set(x: Any) -> Any:
        names.add(f"name {len(names)}")
        return x

    def numpys_own_generator(x: Any) -> Any:
        return x if np.random.random() < 2 else -x

    def pythons_own_generator(x: Any) -> Any:
        return x if python_random.random() < 2 else -x

    def a_new_array_in_each_call(x: Any) -> Any:
        keeper.h = np.zeros(3)
        return x

    return {
        "attribute": (an_attribute, lambda: keeper.step == 0, "keeper.step"),
        "closure": (a_closure, lambda: steps == 0, "steps"),
        "array": (an_array, lambda: np.all(plain == 1), "plain"),
        "tall array": (a_tall_array, lambda: np.all(tall == 1), "tall"),
        "view": (an_array_with_gaps, lambda: np.all(views == [0, 2, 4]), "views"),
        "objects": (an_array_of_objects, lambda: objects[0] == 1, "objects"),
        "bytes": (bytes_of_their_own, lambda: memory == b"ab", "memory"),
        "frozen": (a_frozen_dataclass, lambda: config.rate == 1, "config.rate"),
        "dict": (a_dict_by_its_popped_keys, lambda: list(keeper.log) == ["losses"], "keeper.log"),
        "set": (a_set, lambda: names == {"a"}, "names"),
        "np.random": (numpys_own_generator, lambda: True, "np.random.random"),
        "random": (pythons_own_generator, lambda: True, "python_random.random"),
        "new array": (a_new_array_in_each_call, lambda: keeper.h is None, "keeper.h"),
    }


@pytest.mark.parametrize("name", list(changes()))
def test_what_is_changed_in_every_call_is_an_error_and_put_back(name: str) -> None:
    f, is_back, path = changes()[name]
    with pytest.raises(CaptureError, match=rf"{path}.*test_kept_state.py line.*second time"):
        compile(f)(x)
    assert is_back()


@pytest.mark.parametrize(
    "iterator",
    [iter([1.0, 2.0]), (rate for rate in (1.0, 2.0)), itertools.count(), zip([1.0]), map(abs, [1.0])],
    ids=lambda iterator: type(iterator).__name__,
)
def test_an_iterator_is_refused(iterator: Iterator[Any]) -> None:
    with pytest.raises(CaptureError, match="iterator, an iterator .*next"):
        compile(lambda x: x * next(iterator))(x)


def test_an_iterator_written_in_python_is_seen_to_move() -> None:
    class Rates:
        def __init__(self) -> None:
            self.number = 0

        def __iter__(self) -> Rates:
            return self

        def __next__(self) -> float:
            self.number += 1
            return 1.0

    rates = Rates()
    with pytest.raises(CaptureError, match="rates.number"):
        compile(lambda x: x * next(rates))(x)
    assert rates.number == 0


def test_what_is_done_once_is_done() -> None:
    cache: dict[int, Any] = {}
    layer = Layer()

    class Owner:
        @functools.cached_property
        def mask(self) -> Any:
            return np.tril(np.ones((3, 3)))

    owner = Owner()

    def f(x: Any) -> Any:
        if 3 not in cache:
            cache[3] = np.arange(3.0)
        layer.factor = 7.0
        return owner.mask @ (x * cache[3]) * layer.factor

    compiled, expected = compile(f), np.tril(np.ones((3, 3))) @ (x * np.arange(3.0)) * 7
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), expected)
    assert count(compiled) == 1
    cache[3][0] = 5.0
    np.testing.assert_allclose(compiled(x), f(x))
    layer.factor = 1.0
    np.testing.assert_allclose(compiled(x), expected + (owner.mask @ (x * [5.0, 0, 0])) * 7)
    assert layer.factor == 7.0


def test_an_error_of_the_users_puts_everything_back() -> None:
    keeper, tensor = Keeper(), Tensor([1.0])

    def f(x: Any) -> Any:
        keeper.step += 1
        keeper.log["losses"].append(x)
        tensor.data += 1.0
        raise KeyError("the user's")

    with pytest.raises(KeyError, match="the user's"):
        compile(f)(x)
    assert keeper.step == 0
    assert keeper.log == {"losses": []}
    assert tensor.item() == 1.0


def test_a_second_run_that_fails_by_what_the_first_one_took() -> None:
    rates = [0.5]
    with pytest.raises(CaptureError, match=r"changes rates .*second time"):
        compile(lambda x: x * rates.pop())(x)
    assert rates == [0.5]
