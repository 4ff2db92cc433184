"""Kinks and ties: every gradient that some choice of slopes gives is right, element by element; no other is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor
from tinygrad_np.check.kinks import Choice, Kink, kinks_of
from tinygrad_np.check.passage import Passage
from tinygrad_np.graph import ancestors

KINKS: dict[str, Callable[[Any], Any]] = {
    "relu": tg.relu,
    "leaky relu": lambda z: tg.leaky_relu(z, slope=0.1),
    "elu": lambda z: tg.elu(z, alpha=0.5),
    "maximum with 0 first": lambda z: np.maximum(0, z),
    "maximum with 0 last": lambda z: np.maximum(z, 0),
    "maximum of two that depend on the same": lambda z: np.maximum(z[:, :2], z[:, 2:]),
    "minimum": lambda z: np.minimum(z, 0.0),
    "fmax": lambda z: np.fmax(z, 0.0),
    "abs": np.abs,
    "clip": lambda z: np.clip(z, -1, 1),
    "max of rows": lambda z: np.max(z, axis=1),
    "min of columns": lambda z: np.min(z, axis=0, keepdims=True),
    "max pooling": lambda z: tg.max_pool1d(z.reshape(1, *z.shape), 2),
    "sort": lambda z: np.sort(z, axis=1),
    "median": lambda z: np.median(z, axis=0),
    "quantile": lambda z: np.quantile(z, 0.3, axis=1),
    "norm": lambda z: np.linalg.norm(z * np.array([[0.0], [0], [1], [0], [1], [1]]), axis=1),
    "largest norm": lambda z: np.linalg.norm(z, np.inf, axis=1),
    "hinge": lambda z: np.maximum(0, 1 - z * z),
    "relu of maximum": lambda z: tg.relu(np.maximum(z, 0)),
    "layers": lambda z: np.abs(tg.relu(z) @ np.array([[1.0, 0.5], [2, -1], [-1, 1], [0.5, 2]])),
}


def network(f: Callable[[Any], Any], seed: int) -> tuple[Tensor, list[Tensor]]:
    """A layer of small integers, so that much ties, through f to a loss; and the tensors to be compared."""
    random = np.random.default_rng(seed)
    X, W, b = (random.integers(-1, 2, shape).astype(float) for shape in ((6, 3), (3, 4), (1, 4)))
    weights, bias = Tensor(W, requires_grad=True, name="W"), Tensor(b * (seed % 2), requires_grad=True, name="b")
    Z = (X @ weights + bias).named("Z")
    A = f(Z)
    return np.sum(np.tanh(A * 0.3) * random.normal(size=A.shape)), [Z, bias, weights]


def planted(kink: Kink, how: str, random: np.random.Generator) -> Any:
    """Choices for all ties of one operation: a usual one, or any."""
    usual = [*kink.usual, kink.chosen]
    if how == "usual":
        return usual[random.integers(len(usual))]
    if kink.balls is not None:
        choice = random.normal(size=kink.size)
        return choice / np.sqrt(np.bincount(kink.balls, choice**2))[kink.balls] / 1.01
    if kink.sums:
        return sum(part * one for part, one in zip(random.dirichlet(np.ones(len(usual))), usual, strict=True))
    return random.uniform(kink.low, kink.high)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("how", ["usual", "element by element"])
@pytest.mark.parametrize("name", KINKS)
def test_every_choice_is_right_and_a_wrong_factor_is_still_wrong(name: str, how: str, seed: int) -> None:
    loss, tensors = network(KINKS[name], seed)
    root = loss._node
    assert root is not None
    kinks = kinks_of(ancestors(root))
    assert kinks
    random = np.random.default_rng(seed)
    choice = Choice(kinks, np.concatenate([planted(kink, how, random) for kink in kinks]))
    passage, ours = Passage(root, np.ones(()), choice), Passage(root, np.ones(()))
    manual = {t.name: passage.gradient(t._node) for t in tensors if t._node is not None}
    same = {t.name: np.allclose(passage.gradient(t._node), ours.gradient(t._node)) for t in tensors if t._node}
    for given in (("Z", "b", "W"), ("b", "W"), ("W",)):
        report = tg.compare_gradients(loss, {key: manual[key] for key in given})
        assert report.wrong == []
        for row in report:
            assert (row.verdict == "right, at a kink") == (not same[row.name])
        if np.abs(manual[given[-1]]).max() > 1e-9:
            wrong = {key: manual[key] * (3.7 if key == given[-1] else 1.0) for key in given}
            assert tg.compare_gradients(loss, wrong).wrong == [given[-1]]


def documents(slope: Callable[[Any], Any], slip: float = 1.0) -> tuple[Tensor, dict[str, Any]]:
    """Two layers as the documents write them, with a row that leaves the first one dead while the bias is 0."""
    random = np.random.default_rng(0)
    X, Y = random.normal(size=(6, 3)), random.normal(size=(6, 1))
    X[2] = 0
    W1 = Tensor(random.normal(size=(3, 4)), requires_grad=True, name="W1")
    b1 = Tensor(np.zeros((1, 4)), requires_grad=True, name="b1")
    W2 = Tensor(random.normal(size=(4, 1)), requires_grad=True, name="W2")
    Z1 = (np.dot(X, W1) + b1).named("Z1")
    A1 = np.maximum(0, Z1).named("A1")
    loss = np.mean((np.dot(A1, W2) - Y) ** 2)
    dZ2 = 2 * (A1.numpy() @ W2.numpy() - Y) / 6
    dA1 = dZ2 @ W2.numpy().T
    dZ1 = dA1 * slope(Z1.numpy())
    dW2 = A1.numpy().T @ dZ2 * slip
    return loss, {"W2": dW2, "A1": dA1, "Z1": dZ1, "W1": X.T @ dZ1, "b1": dZ1.sum(0, keepdims=True)}


class TestDocuments:
    def test_their_formula_is_right_where_a_row_leaves_a_layer_dead(self) -> None:
        loss, manual = documents(lambda z: z > 0)
        for given in (manual, {"W1": manual["W1"], "b1": manual["b1"]}, {"b1": manual["b1"]}):
            report = tg.compare_gradients(loss, given)
            assert report
            assert report["b1"].verdict == "right, at a kink"
            assert "WRONG" not in str(report)

    def test_the_report_tells_which_slope_was_taken_and_where(self) -> None:
        loss, manual = documents(lambda z: z > 0)
        report = tg.compare_gradients(loss, manual)
        words = report["Z1"].diagnosis
        assert "every slope between those of both sides is right" in words
        assert "the slope 0 in maximum (test_kinks.py line" in words
        assert "at (2, 0), (2, 1), (2, 2) and 1 more, where autograd takes the slope 0.5." in words
        assert str(report).count("At a kink") == 1
        assert "all 5 are right, 2 of them at a kink" in str(report)

    def test_a_slip_elsewhere_is_named_beside_it(self) -> None:
        loss, manual = documents(lambda z: z > 0, slip=-1.0)
        report = tg.compare_gradients(loss, manual)
        assert report.wrong == ["W2"]
        assert report["W2"].diagnosis.startswith("W2 has the wrong sign")
        assert report["b1"].verdict == "right, at a kink"

    def test_a_slip_at_the_kink_itself_is_told_from_it(self) -> None:
        loss, manual = documents(lambda z: 3 * (z > 0))
        report = tg.compare_gradients(loss, manual)
        assert report.wrong == ["Z1", "b1", "W1"]
        assert report["Z1"].diagnosis.startswith("Z1 is 3 times the gradient")
        assert report["W1"].follows_from == ("Z1",)

    @pytest.mark.parametrize("outside", [-0.1, 1.1, 2.0])
    def test_slopes_outside_are_wrong(self, outside: float) -> None:
        loss, manual = documents(lambda z: np.where(z == 0, outside, z > 0))
        assert "Z1" in tg.compare_gradients(loss, manual).wrong

    def test_one_choice_has_to_explain_all(self) -> None:
        loss, manual = documents(lambda z: z > 0)
        other = documents(lambda z: z >= 0)[1]
        assert tg.compare_gradients(loss, other)
        assert tg.compare_gradients(loss, manual | {"b1": other["b1"]}).wrong == ["b1"]

    def test_what_equals_autograd_is_right_beside_another_choice(self) -> None:
        loss, manual = documents(lambda z: z > 0)
        ours = documents(lambda z: np.where(z == 0, 0.5, z > 0))[1]
        assert tg.compare_gradients(loss, manual | {"b1": ours["b1"]})["b1"].verdict == "right"

    def test_more_ties_than_can_be_solved_for_one_by_one(self) -> None:
        random = np.random.default_rng(0)
        X = np.zeros((200, 3))
        X[::3] = random.normal(size=X[::3].shape)
        W = Tensor(random.normal(size=(3, 8)), requires_grad=True, name="W")
        b = Tensor(np.zeros((1, 8)), requires_grad=True, name="b")
        Z = (X @ W + b).named("Z")
        weights = random.normal(size=(200, 8))
        loss = np.sum(tg.relu(Z) * weights)
        dZ = weights * np.where(Z.numpy() == 0, random.uniform(size=(200, 8)), Z.numpy() > 0)
        manual = {"Z": dZ, "b": dZ.sum(0, keepdims=True), "W": X.T @ dZ}
        for given in (manual, {"b": manual["b"], "W": manual["W"]}):
            report = tg.compare_gradients(loss, given)
            assert report
            assert report["b"].verdict == "right, at a kink"
            assert len(str(report)) < 2000
        assert tg.compare_gradients(loss, manual | {"W": 2 * manual["W"]}).wrong == ["W"]


class TestGradcheck:
    @pytest.mark.parametrize("f", [np.abs, tg.relu, lambda x: np.maximum(0, x), lambda x: np.clip(x, 0, 9)])
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_a_kink_is_told(self, f: Any, dtype: Any) -> None:
        report = tg.gradcheck(f, np.array([0.0, 1.5, -2.0], dtype))
        assert report
        assert report.rows[0].verdict == "right, at a kink"
        assert "at a kink at (0,)" in report.rows[0].diagnosis

    @pytest.mark.parametrize("f", [np.tanh, lambda x: np.sin(40 * x), lambda x: x * np.abs(x), lambda x: x**3])
    def test_where_there_is_none_it_is_not(self, f: Any) -> None:
        assert tg.gradcheck(f, np.array([0.0, 1.5, -2.0])).rows[0].verdict == "right"


@pytest.mark.parametrize(
    ("f", "at", "right", "wrong"),
    [
        (np.max, [1, 3, 3], [[0, 2, 0], [0, 0.5, 1.5]], [[0, 2, 2], [0, 0, 0], [0, 4, -2]]),
        (np.min, [1, 1, 2], [[2, 0, 0], [1, 1, 0]], [[2, 2, 0], [0, 0, 0]]),
        (lambda x: np.sum(np.sort(x) * [1, 2, 3]), [2, 2, 1], [[6, 4, 2], [5, 5, 2]], [[6, 6, 2], [4, 4, 2]]),
        (np.linalg.norm, [0, 0], [[1.2, 1.6], [2, 0]], [[2, 2], [1.8, 1.8]]),
    ],
    ids=["max", "min", "sort", "norm"],
)
def test_what_ties_share_is_shared_out_whole(f: Any, at: Any, right: Any, wrong: Any) -> None:
    """Each slope alone may be between both sides, and all of them together still too much, or too little."""
    x = Tensor(at, dtype=float, requires_grad=True, name="x")
    loss = f(x) * 2
    assert [bool(tg.compare_gradients(loss, {"x": np.array(manual, float)})) for manual in right] == [True] * len(right)
    assert [bool(tg.compare_gradients(loss, {"x": np.array(manual, float)})) for manual in wrong] == [False] * len(
        wrong
    )
