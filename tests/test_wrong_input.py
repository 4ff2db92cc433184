"""Wrong input, to whatever the package offers: a sentence that names what was tried, with what, and the user's line."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tests.nn.modules import END_OF_FUNCTIONS, ROWS, ROWS_OF_FUNCTIONS, Input, Row
from tinygrad_np import Tensor, errors, nn, optim
from tinygrad_np.optim import lr_scheduler

HERE = f"{Path(__file__).name} line "

A = np.linspace(0.1, 0.9, 12).reshape(3, 4)
LABELS = np.array([0, 2, 1])
IMAGES = np.linspace(0, 1, 288).reshape(2, 4, 6, 6)
SIGNALS = np.linspace(0, 1, 64).reshape(2, 4, 8)

RIGHT: dict[str, tuple[Any, ...]] = {
    "adaptive_avg_pool1d": (SIGNALS, 2),
    "adaptive_avg_pool2d": (IMAGES, 2),
    "avg_pool1d": (SIGNALS, 2),
    "avg_pool2d": (IMAGES, 2),
    "batch_norm": (A, np.zeros(4), np.ones(4)),
    "bilinear": (A, A, np.ones((2, 4, 4)), np.ones(2)),
    "conv1d": (SIGNALS, np.ones((4, 4, 3))),
    "conv2d": (IMAGES, np.ones((4, 4, 3, 3))),
    "conv_transpose1d": (SIGNALS, np.ones((4, 4, 3))),
    "conv_transpose2d": (IMAGES, np.ones((4, 4, 3, 3))),
    "cosine_embedding_loss": (A, A, np.array([1, -1, 1])),
    "cross_entropy": (A, LABELS),
    "embedding": (A, LABELS),
    "gaussian_nll_loss": (A, A, A),
    "group_norm": (IMAGES, 2),
    "hinge_embedding_loss": (A, np.sign(A)),
    "index_add": (A, 0, np.ones(4)),
    "index_update": (A, 0, np.ones(4)),
    "instance_norm": (IMAGES,),
    "layer_norm": (A, 4),
    "linear": (A, np.ones((5, 4)), np.ones(5)),
    "margin_ranking_loss": (A, A, np.sign(A)),
    "max_pool1d": (SIGNALS, 2),
    "max_pool2d": (IMAGES, 2),
    "multi_margin_loss": (A, LABELS),
    "nll_loss": (np.log(A), LABELS),
    "one_hot": (LABELS, 4),
    "pairwise_distance": (A, A + 0.1),
    "prelu": (A, np.ones(4)),
    "rms_norm": (A, 4),
    "scaled_dot_product_attention": (SIGNALS, SIGNALS, SIGNALS),
    "soft_margin_loss": (A, np.sign(A)),
    "threshold": (A, 0.1, 2.0),
    "triplet_margin_loss": (A, A + 0.1, A + 0.2),
}
"""Arguments that are right, of functions of other arguments than one array, or two of the same shape."""

WRONG: dict[str, Any] = {
    "None": None,
    "a string": "x",
    "a ragged list": [[1.0, 2.0], [3.0]],
    "strings": np.array(["a", "b"]),
    "objects": np.array([None, 1.0], dtype=object),
    "nothing": np.zeros(0),
    "another shape": np.ones(7),
    "more axes": np.ones((1, 2, 1, 2, 3)),
    "a number": 5,
    "a negative number": -9,
    "NaN": float("nan"),
    "complex numbers": np.ones((3, 4)) * 1j,
    "labels out of range": np.array([99, 0, 0]),
    "a tuple": (1, 2, 3),
    "a function": len,
}

FUNCTIONS = [name for name in tg.__all__ if getattr(getattr(tg, name), "__module__", "").startswith("tinygrad_np.ops")]


def right(name: str) -> tuple[Any, ...]:
    parameters = inspect.signature(getattr(tg, name)).parameters.values()
    arrays = [one for one in parameters if one.default is one.empty and one.kind is not one.KEYWORD_ONLY]
    return RIGHT.get(name, (A,) * len(arrays))


def assert_right_or_told(call: Callable[[], Any], what: str) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            call()
        except tg.TinygradError as error:
            told = HERE in str(error)
        except Exception:
            told = False
        else:
            told = True
        assert told, what


def as_given(value: Any, tensors: bool) -> Any:
    is_floating = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return Tensor(value, requires_grad=True) if tensors and is_floating else value


@pytest.mark.parametrize("tensors", [False, True], ids=["arrays", "tensors"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_tells_of_wrong_input_in_a_sentence(name: str, tensors: bool) -> None:
    f = getattr(tg, name)
    given = [as_given(value, tensors) for value in right(name)]
    f(*given)
    for what, value in WRONG.items():
        wrong = as_given(value, tensors)
        for index in range(len(given)):
            arguments = [*given[:index], wrong, *given[index + 1 :]]
            assert_right_or_told(lambda a=arguments: f(*a), f"{name} of {what} as argument {index}")
        for option in list(inspect.signature(f).parameters.values())[len(given) :]:
            options = {option.name: wrong}
            assert_right_or_told(lambda o=options: f(*given, **o), f"{name} with {option.name} {what}")
    assert_right_or_told(f, f"{name} of nothing")
    assert_right_or_told(lambda: f(*given, *[1] * 9), f"{name} of too much")
    assert_right_or_told(lambda: f(*given, dim=1), f"{name} with dim")


def made(value: Any, seed: int) -> Any:
    if isinstance(value, tuple) and not isinstance(value, Input):
        return tuple(made(part, seed + index) for index, part in enumerate(value))
    return np.asarray(value.values(seed)) if isinstance(value, Input) else value


MODULES = {row.module: row for row in ROWS if not ROWS_OF_FUNCTIONS <= ROWS.index(row) < END_OF_FUNCTIONS}


@pytest.mark.parametrize("row", MODULES.values(), ids=MODULES.keys())
def test_a_module_tells_of_wrong_input_in_a_sentence(row: Row) -> None:
    kind = getattr(nn, row.module)
    module = kind(*row.arguments, **row.options)
    inputs = [made(value, index) for index, value in enumerate(row.inputs)]
    module(*inputs)
    for what, value in WRONG.items():
        for index in range(len(inputs)):
            arguments = [*inputs[:index], value, *inputs[index + 1 :]]
            again = kind(*row.arguments, **row.options)
            assert_right_or_told(lambda m=again, a=arguments: m(*a), f"{row.module} called with {what}")
        bound = inspect.signature(kind).bind(*row.arguments, **row.options).arguments
        for option in inspect.signature(kind).parameters.values():
            if option.kind not in (option.VAR_POSITIONAL, option.VAR_KEYWORD):
                options = {**bound, option.name: value}
                assert_right_or_told(lambda o=options: kind(**o)(*inputs), f"{row.module} of {option.name} {what}")
    assert_right_or_told(lambda: module(*inputs, *[1] * 9), f"{row.module} called with too much")
    assert_right_or_told(lambda: module(*inputs, dim=1), f"{row.module} called with dim")
    assert_right_or_told(lambda: kind(nonsense=1), f"{row.module} of nonsense")


W = Tensor(np.ones((2, 3)), requires_grad=True, name="W")
X, Y = np.ones((6, 2)), np.ones((6, 1))


def sgd(**options: Any) -> Any:
    return optim.SGD(nn.Linear(2, 1, rng=0).parameters(), **{"lr": 0.1, **options})


def fitted(**options: Any) -> Any:
    model = nn.Linear(2, 1, rng=0)
    given = {"epochs": 1, "progress": False, "optimizer": optim.SGD(model.parameters(), lr=0.1), **options}
    return tg.fit(given.pop("model", model), given.pop("loss", tg.mse_loss), data=given.pop("data", (X, Y)), **given)


def set_rate(value: Any) -> None:
    sgd().lr = value


def step_with(value: Any) -> None:
    optimizer = optim.SGD([W], lr=0.1)
    optimizer.param_groups[0]["lr"] = value
    (W**2).sum().backward()
    try:
        optimizer.step()
    finally:
        W.zero_grad()


TOLD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a label too large": (
        lambda: tg.one_hot(LABELS, 2),
        ValueError,
        r"one_hot of an array \(3,\) int64 failed, .* labels of 2",
    ),
    "a window too large": (lambda: nn.MaxPool2d(9)(IMAGES), ValueError, r"an array \(2, 4, 6, 6\) float64 failed"),
    "an axis that is not there": (lambda: tg.softmax(A, axis=4), IndexError, "softmax of an array .* axis 4 is out"),
    "None": (lambda: tg.softmax(None), TypeError, "softmax of None failed, .* a NoneType is not an array of numbers"),
    "None in arithmetic": (lambda: tg.sigmoid(None), TypeError, "sigmoid of None failed"),
    "strings in a list": (lambda: tg.sigmoid([["x"]] * 99), TypeError, r"sigmoid of an array \(99, 1\) <U1 failed"),
    "a weight of the wrong shape": (lambda: tg.celu(A, alpha=(1, 2)), TypeError, "celu of an array"),
    "a Tensor in a list": (lambda: tg.softmax([W]), TypeError, "^W .* would become a plain array"),
    "widths that are not whole": (lambda: nn.Linear(3.0, 3), TypeError, "Linear of 3.0 and 3 failed"),  # type: ignore
    "an unknown padding": (lambda: nn.Conv2d(1, 1, 3, padding_mode="x"), ValueError, "one of 'zeros', 'reflect'"),
    "an unknown activation": (lambda: nn.TransformerEncoderLayer(4, 2, activation="x"), ValueError, "one of 'relu'"),
    "too many inputs": (lambda: nn.Linear(2, 1)(X, X), TypeError, "takes 2 positional arguments but 3 were given"),
    "half an epoch": (lambda: fitted(epochs=1.5), ValueError, "epochs=1.5, .* a whole number of at least 0"),
    "epochs in words": (lambda: fitted(epochs="3"), TypeError, "epochs='3', .* a whole number"),
    "no optimiser": (lambda: fitted(optimizer=None), ValueError, "NoneType as its optimizer"),
    "no loss": (lambda: fitted(loss=None), ValueError, "fit's loss is a NoneType"),
    "half a batch": (lambda: tg.batches(X, batch_size=0.5), ValueError, "batch_size=0.5"),  # type: ignore
    "a batch in words": (lambda: tg.batches(X, batch_size="x"), ValueError, "batch_size='x'"),  # type: ignore
    "an endless batch": (lambda: tg.batches(X, batch_size=np.inf), ValueError, "batch_size=inf"),  # type: ignore
    "ragged rows": (lambda: tg.batches([[1], [1, 2]]), ValueError, r"batches of \[\[1\], \[1, 2\]\] failed"),
    "a rate that no step reads": (lambda: set_rate(0.1), ValueError, r"SGD.lr was set.*param_groups\[0\]\['lr'\]"),
    "a rate in words": (lambda: step_with("x"), TypeError, "SGD.step of its arguments failed"),
    "an array of rates": (lambda: sgd(lr=np.ones(2)), ValueError, "SGD can't work with lr"),
    "no parameters": (lambda: optim.SGD(None, lr=0.1), TypeError, "SGD"),  # type: ignore
    "a schedule in words": (lambda: lr_scheduler.StepLR(sgd(), "x"), ValueError, "step_size='x'"),
    "a run that was not begun": (lambda: lr_scheduler.StepLR(sgd(), 2, last_epoch=3), ValueError, "'initial_lr'"),
    "no tensor to begin": (lambda: nn.init.normal_(None), TypeError, "normal_ of None failed"),  # type: ignore
    "a derivative of nothing": (lambda: tg.elementwise_grad(None), TypeError, "a derivative of a NoneType"),  # type: ignore
    "a function of no arguments": (lambda: tg.grad(lambda: 0.0)(X), TypeError, "<lambda> of a tensor .* failed"),
    "a primitive of nothing": (lambda: tg.primitive("x"), TypeError, "a primitive was made of a str"),  # type: ignore
    "a path that is none": (lambda: tg.load(None), TypeError, "load of None failed"),  # type: ignore
}


@pytest.mark.parametrize("case", TOLD.values(), ids=TOLD.keys())
def test_a_sentence_names_what_was_tried_and_with_what(case: tuple[Callable[[], Any], type[Exception], str]) -> None:
    call, kind, words = case
    with pytest.raises(tg.TinygradError, match=words) as told:
        call()
    assert isinstance(told.value, kind)
    assert HERE in str(told.value)


def test_a_plain_array_is_not_called_a_tensor() -> None:
    with pytest.raises(errors.ShapeError, match=r"^matmul of W \(2, 3\) float64 and an array \(2,\) float64 failed"):
        W @ np.ones(2)
    with pytest.raises(errors.ShapeError, match=r"^matmul of a tensor \(3,\) float64 and W \(2, 3\) float64 failed"):
        Tensor(np.ones(3)) @ W


def test_lists_are_arrays_to_a_primitive_as_they_are_to_numpy() -> None:
    np.testing.assert_array_equal(
        tg.softmax([[1.0, 2.0], [3.0, 4.0]], axis=0), tg.softmax(A[:2, :2] * 0 + [[0], [2]], 0)
    )
    np.testing.assert_array_equal(tg.sigmoid((0.0, 0.0)), [0.5, 0.5])


def test_what_a_users_own_code_raises_stays_as_it_is() -> None:
    class Mine(nn.Module):
        def forward(self, x: Any) -> Any:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="^mine$"):
        nn.Sequential(nn.Tanh(), Mine())(X)
    with pytest.raises(KeyError):
        fitted(loss=lambda y, target: {}["loss"])
    with pytest.raises(ValueError, match="^matmul: "):
        tg.grad(lambda w: X @ X)(W)


def test_a_nested_refusal_is_told_once() -> None:
    def loss(y: Any, target: Any) -> Any:
        return tg.cross_entropy(y, target)

    with pytest.raises(errors.ShapeError) as told:
        loss(A, np.array([0, 9, 0]))
    assert str(told.value).count(HERE) == 1


def test_files_that_cannot_be_read_or_written_are_named_as_the_user_named_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"none.npz can't be loaded, {HERE}\d+: No such file") as told:
        tg.load(tmp_path / "none.npz")
    assert isinstance(told.value, errors.MissingFileError)
    assert told.value.errno == 2
    with pytest.raises(errors.FileError, match=rf"away/a.npz can't be saved, {HERE}\d+: No such file") as told:
        tg.save({"a": A}, tmp_path / "away" / "a.npz")
    assert ".tmp" not in str(told.value)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OSError, match="folder.npz can't be saved"):
        tg.save({"a": A}, tmp_path / "folder.npz")
    assert pickle.loads(pickle.dumps(told.value)).args == told.value.args
