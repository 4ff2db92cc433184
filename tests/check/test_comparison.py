"""Gradients by hand against autograd's: the right ones pass, the wrong ones are found, named, placed and explained."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_np as tg
from tests.check.networks import SAMPLES, Network, by_hand, forward
from tinygrad_np import Tensor
from tinygrad_np.check import UnknownTensorError, WrongGradientError
from tinygrad_np.errors import DTypeError, FreedGraphError, NonScalarError, NotRecordedError, ShapeError

BACKWARD = ["Z3", "b3", "A2", "W3", "Z2", "b2", "A1", "W2", "Z1", "b1", "W1"]


@pytest.fixture
def network() -> Network:
    return forward()


class TestRight:
    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_every_gradient_of_a_network(self, dtype: Any) -> None:
        network = forward(dtype)
        report = tg.compare_gradients(network.loss, by_hand(network))
        assert report
        assert report.wrong == []
        assert [row.name for row in report.rows] == BACKWARD
        assert all(row.largest_relative_error < 64 * np.finfo(dtype).eps for row in report.rows)
        report.assert_ok()

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    @pytest.mark.parametrize("weights", [-3.0, -5.0, 4.0])
    def test_of_a_saturated_network(self, dtype: Any, weights: float) -> None:
        network = forward(dtype, weights)
        assert np.abs(network.A3.numpy() - 0.5).max() > 0.499
        assert tg.compare_gradients(network.loss, by_hand(network))

    def test_tensors_as_keys_with_and_without_a_name(self, network: Network) -> None:
        gradients = by_hand(network)
        W1 = network.parameters["W1"]
        unnamed = Tensor([1.0, 2.0], requires_grad=True)
        loss = network.loss + np.sum(unnamed**2)
        report = tg.compare_gradients(loss, {W1: gradients["W1"], network.A2: gradients["A2"], unnamed: [2.0, 4.0]})
        assert report
        assert [row.name for row in report.rows][1:] == ["A2", "W1"]
        assert "leaf" in report.rows[0].name

    def test_the_loss_itself(self, network: Network) -> None:
        assert tg.compare_gradients(network.loss, {"loss": 1.0, "b3": by_hand(network)["b3"]})
        assert not tg.compare_gradients(network.loss, {"loss": 2.0})

    def test_a_gradient_given_as_lists_numbers_integers_or_a_tensor(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True, name="x")
        loss = np.sum(3 * x)
        for gradient in (
            [3, 3],
            (3.0, 3.0),
            np.array([3, 3]),
            Tensor([3.0, 3.0]),
            Tensor([3.0, 3.0], requires_grad=True),
        ):
            assert tg.compare_gradients(loss, {"x": gradient})

    def test_a_gradient_in_a_coarser_dtype(self, network: Network) -> None:
        coarse = {name: gradient.astype(np.float32) for name, gradient in by_hand(network).items()}
        assert tg.compare_gradients(network.loss, coarse)
        coarse["W1"] = coarse["W1"] * np.float32(1.001)
        assert tg.compare_gradients(network.loss, coarse).wrong == ["W1"]

    def test_the_rounding_of_a_sum_that_is_zero(self) -> None:
        W = Tensor(np.random.default_rng(0).normal(size=(3, 4)), requires_grad=True, name="W")
        x = Tensor(np.random.default_rng(1).normal(size=(7, 3)), requires_grad=True, name="x")
        h = np.tanh(x @ W).named("h")
        loss = np.sum((h - np.mean(h, axis=0)) * 0.1)
        zeros = {"h": np.zeros((7, 4)), "W": np.zeros((3, 4)), "x": np.zeros((7, 3))}
        report = tg.compare_gradients(loss, zeros)
        assert all(row.largest_absolute_difference > 0 for row in report.rows)
        assert report
        assert all(row.largest_relative_error < 1e-14 for row in report.rows)
        for name, zero in zeros.items():
            assert tg.compare_gradients(loss, {name: zero + 1e-12}).wrong == [name]

    def test_softmax_and_cross_entropy_in_their_short_form(self) -> None:
        random = np.random.default_rng(2)
        z = Tensor(20 * random.normal(size=(6, 4)), requires_grad=True, name="z")
        onehot = np.eye(4)[random.integers(0, 4, 6)]
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        p = (e / np.sum(e, axis=1, keepdims=True)).named("p")
        loss = -np.sum(onehot * np.log(p))
        assert tg.compare_gradients(loss, {"z": p.numpy() - onehot})
        assert not tg.compare_gradients(loss, {"z": (p.numpy() - onehot) * (1 + 1e-7)})

    def test_what_the_loss_multiplies_by_nothing(self) -> None:
        x = Tensor([1.0, 2.0], requires_grad=True, name="x")
        loss = np.sum(0 * x) + np.sum(np.sign(x))
        assert tg.compare_gradients(loss, {"x": np.zeros(2)}).wrong == []
        assert tg.compare_gradients(loss, {"x": np.array([0.0, 1e-30])}).wrong == ["x"]

    def test_nan_and_infinity_only_where_both_have_them(self) -> None:
        x = Tensor([0.0, 1.0, 4.0], requires_grad=True, name="x")
        with np.errstate(all="ignore"):
            loss = np.sum(np.sqrt(x) * np.array([1.0, 0.0, 1.0]))
            assert tg.compare_gradients(loss, {"x": [np.inf, 0.0, 0.25]})
            assert not tg.compare_gradients(loss, {"x": [-np.inf, 0.0, 0.25]})
            assert not tg.compare_gradients(loss, {"x": [np.nan, 0.0, 0.25]})
            assert not tg.compare_gradients(loss, {"x": [1e300, 0.0, 0.25]})
            assert tg.compare_gradients(loss, {"x": [np.inf, 0.0, np.nan]})["x"].where == (2,)
            assert tg.compare_gradients(loss * np.nan, {"x": [np.nan, np.nan, np.nan]})

    def test_lazy_arrays(self, network: Network) -> None:
        X = da.from_array(network.X, chunks=(10, 2))
        W = Tensor([[0.3], [-0.7]], requires_grad=True, name="W")
        A = tg.sigmoid((X @ W).named("Z"))
        loss = -np.mean(network.Y * np.log(A) + (1 - network.Y) * np.log(1 - A))
        dZ = (1 / (1 + np.exp(-network.X @ W.numpy())) - network.Y) / SAMPLES
        assert tg.compare_gradients(loss, {"Z": dZ, "W": network.X.T @ dZ})
        report = tg.compare_gradients(loss, {"Z": -dZ, "W": -network.X.T @ dZ})
        assert report["W"].follows_from == ("Z",)

    def test_an_empty_tensor(self) -> None:
        x = Tensor(np.zeros((0, 3)), requires_grad=True, name="x")
        assert tg.compare_gradients(np.sum(x), {"x": np.zeros((0, 3))})
        assert not tg.compare_gradients(np.sum(x), {"x": np.zeros((3, 0))})


class TestNothingIsTouched:
    def test_grad_graph_and_flags(self, network: Network) -> None:
        W1 = network.parameters["W1"]
        W1.grad = np.full(W1.shape, 7.0)
        network.A2.retain_grad()
        report = tg.compare_gradients(network.loss, by_hand(network, "wrong sign"))
        assert not report
        np.testing.assert_array_equal(W1.grad, np.full(W1.shape, 7.0))
        assert network.parameters["W2"].grad is None
        assert network.A1.grad is None
        assert network.A2.grad is None
        assert tg.compare_gradients(network.loss, by_hand(network))
        network.loss.backward()
        np.testing.assert_allclose(network.parameters["W2"].grad, by_hand(network)["W2"])
        np.testing.assert_allclose(network.A2.grad, by_hand(network)["A2"])
        assert network.A1.grad is None

    def test_the_manual_gradients_are_not_changed(self, network: Network) -> None:
        gradients = by_hand(network)
        before = {name: gradient.copy() for name, gradient in gradients.items()}
        for gradient in gradients.values():
            gradient.flags.writeable = False
        tg.compare_gradients(network.loss, gradients)
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(gradient, before[name])

    def test_inside_no_grad(self, network: Network) -> None:
        with tg.no_grad():
            assert tg.compare_gradients(network.loss, by_hand(network))

    def test_the_same_text_every_time(self, network: Network) -> None:
        reports = [str(tg.compare_gradients(network.loss, by_hand(network, "no square"))) for _ in range(2)]
        assert reports[0] == reports[1]


class TestWrong:
    @pytest.mark.parametrize(
        ("mistake", "first", "words"),
        [
            ("no division by the samples", "Z3", f"is {SAMPLES} times the gradient"),
            ("no derivative of tanh", "Z2", "is the gradient of A2 after tanh (networks.py line 40)"),
            ("derivative of sigmoid", "Z2", "takes the derivative of sigmoid in place of the derivative of tanh"),
            ("no square", "Z2", "takes 1 minus the result in place of the derivative of tanh"),
            ("wrong sign", "Z2", "has the wrong sign"),
        ],
    )
    def test_a_mistake_that_spreads_is_told_from_what_follows(
        self, network: Network, mistake: str, first: str, words: str
    ) -> None:
        report = tg.compare_gradients(network.loss, by_hand(network, mistake))
        after = BACKWARD[BACKWARD.index(first) + 1 :]
        assert not report
        assert report.wrong == [first, *after]
        assert words in report[first].diagnosis
        assert all(report[name].follows_from == (first,) for name in after)
        assert all(report[name].diagnosis == "" for name in after)
        assert f"Once it is repaired, {after[0]}" in report[first].diagnosis

    def test_the_place_of_the_mistake_is_named(self, network: Network) -> None:
        diagnosis = tg.compare_gradients(network.loss, by_hand(network, "no square"))["Z2"].diagnosis
        assert "between A2, which is right, and Z2, in tanh (networks.py line 40)" in diagnosis
        assert ", whose gradient is g * (1 - y**2)." in diagnosis
        without = {name: gradient for name, gradient in by_hand(network, "wrong sign").items() if name in ("W1", "Z3")}
        diagnosis = tg.compare_gradients(network.loss, without)["W1"].diagnosis
        assert "between Z3, which is right, and W1, in one of 8 operations; compare A2, Z2 and A1 as well" in diagnosis

    @pytest.mark.parametrize(
        ("mistake", "words"),
        [
            ("no derivative of tanh", "is what it would be without the derivative of tanh (networks.py line 40)."),
            ("no square", "is what it would be with 1 minus the result in place of the derivative of tanh"),
            ("derivative of sigmoid", "is what it would be with the derivative of sigmoid in place of the derivative"),
            ("wrong sign", "The mistake is made between dot (networks.py line 41) and them, in add (networks.py line"),
        ],
    )
    def test_the_parameters_alone_tell_where_it_was_made(self, network: Network, mistake: str, words: str) -> None:
        gradients = by_hand(network, mistake)
        report = tg.compare_gradients(network.loss, {name: gradients[name] for name in network.parameters})
        assert report.wrong == ["b2", "W2", "b1", "W1"]
        assert report["b2"].diagnosis.startswith("Each of b2, W2, b1 and W1 ")
        assert words in report["b2"].diagnosis
        assert str(report).count("Each of") == 1

    def test_only_the_interior_is_scaled_as_the_documents_do(self, network: Network) -> None:
        gradients = by_hand(network)
        scaled = {name: gradients[name] * SAMPLES for name in ("Z3", "A2", "Z2", "A1", "Z1")}
        report = tg.compare_gradients(network.loss, gradients | scaled)
        assert report.wrong == ["Z3", "A2", "Z2", "A1", "Z1"]
        assert f"the mean (networks.py line 43) divides by {SAMPLES}, and it seems forgotten" in report["Z3"].diagnosis
        assert report["Z1"].follows_from == ("Z3",)

    def test_what_is_not_finite_spreads_too(self, network: Network) -> None:
        gradients = by_hand(network)
        dZ2 = gradients["Z2"].copy()
        dZ2[3, 1] = np.nan
        A1, W2 = network.A1.numpy(), network.parameters["W2"].numpy()
        with np.errstate(invalid="ignore"):
            spread = {"Z2": dZ2, "b2": dZ2.sum(0, keepdims=True), "W2": A1.T @ dZ2, "A1": dZ2 @ W2.T}
        report = tg.compare_gradients(network.loss, gradients | spread)
        assert report.wrong == ["Z2", "b2", "A1", "W2"]
        assert all(report[name].follows_from == ("Z2",) for name in ("b2", "A1", "W2"))
        assert "is nan at 1 of 120 elements where the gradient is finite; at (3, 1)" in report["Z2"].diagnosis

    def test_two_mistakes_are_two(self, network: Network) -> None:
        gradients = by_hand(network, "wrong sign")
        gradients["W1"] = gradients["W1"] * 1.5
        report = tg.compare_gradients(network.loss, gradients)
        assert report["b1"].follows_from == ("Z2",)
        assert report["W1"].diagnosis.startswith("Besides what follows from Z2, W1 is 1.5 times the gradient")
        assert "W1" not in report["Z2"].diagnosis.partition("Once it is repaired")[2]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda g: g.T, "(3, 5), but the gradient has (5, 3): it is the transpose"),
            (lambda g: g[None], "its values are right, and keepdims=True in the sum or a reshape"),
            (lambda g: g.ravel(), "its values are right, and a reshape gives it the shape"),
            (lambda g: g.sum(0), "it is the sum of the gradient over axis 0"),
            (lambda g: g.mean(1, keepdims=True), "it is the mean of the gradient over axis 1"),
            (lambda g: g[:2], "has shape (2, 3), but the gradient has (5, 3)."),
            (lambda g: g * 3, "is 3 times the gradient, everywhere"),
            (lambda g: -g / 4, "is -0.25 times the gradient"),
            (
                lambda g: g / SAMPLES,
                f"is 0.025 times the gradient: the mean (networks.py line 43) divides by {SAMPLES}",
            ),
            (lambda g: g * 0, "is 0 everywhere"),
            (
                lambda g: g * np.where(np.arange(5) == 2, -1, 1)[:, None],
                "is wrong in row 2 alone, where it is -1 times",
            ),
            (lambda g: g + np.where(np.arange(3) == 1, g, 0), "is wrong in column 1 alone, where it is 2 times"),
            (lambda g: np.where(np.arange(15).reshape(5, 3) == 7, np.nan, g), "at (2, 1)"),
            (lambda g: np.where(np.arange(15).reshape(5, 3) == 7, 1.0, g), "is wrong at (2, 1) alone: 1 instead of"),
            (lambda g: g + np.sin(np.arange(15).reshape(5, 3)), "is wrong at 14 of 15 elements; at"),
        ],
    )
    def test_mistakes_of_one_gradient_are_recognised(self, network: Network, change: Any, words: str) -> None:
        gradients = by_hand(network)
        report = tg.compare_gradients(network.loss, gradients | {"W2": change(gradients["W2"])})
        assert report.wrong == ["W2"]
        assert words in report["W2"].diagnosis
        assert report["W2"].diagnosis in str(report).replace("\n  ", " ")

    def test_a_bias_that_is_not_summed(self, network: Network) -> None:
        gradients = by_hand(network)
        report = tg.compare_gradients(network.loss, {"b2": gradients["Z2"], "b1": gradients["Z1"].sum(0)})
        assert report.wrong == ["b2", "b1"]
        assert "the sum over axis 0, along which it was broadcast, is missing" in report["b2"].diagnosis
        assert "keepdims=True" in report["b1"].diagnosis

    def test_a_square_matrix_transposed(self) -> None:
        random = np.random.default_rng(0)
        W = Tensor(random.normal(size=(3, 3)), requires_grad=True, name="W")
        A, B = random.normal(size=(2, 4, 3))
        report = tg.compare_gradients(np.sum((A @ W) * B), {"W": B.T @ A})
        assert "is the transpose of the gradient" in report["W"].diagnosis

    def test_two_gradients_swapped(self, network: Network) -> None:
        A1 = network.A1
        u, v = (Tensor(np.arange(5.0) + start, requires_grad=True, name=name) for start, name in ((1, "u"), (7, "v")))
        loss = np.sum(u * v) + 0 * np.sum(A1)
        report = tg.compare_gradients(loss, {"u": u.numpy(), "v": v.numpy()})
        assert "is the gradient of v: the two are swapped" in report["u"].diagnosis

    def test_a_contribution_that_was_forgotten(self) -> None:
        x = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
        loss = np.sum(x**2) + np.sum(np.sin(x)) + np.sum(np.exp(x))
        two = tg.compare_gradients(loss, {"x": 2 * x.numpy() + np.cos(x.numpy())})
        one = tg.compare_gradients(loss, {"x": np.cos(x.numpy())})
        assert "lacks what comes through exp" in two["x"].diagnosis
        assert "is only what comes through sin" in one["x"].diagnosis

    def test_weight_decay_that_the_loss_has_not(self, network: Network) -> None:
        W1 = network.parameters["W1"]
        report = tg.compare_gradients(network.loss, {W1: by_hand(network)["W1"] + 0.01 * W1.numpy()})
        assert "plus 0.01 times W1 itself" in report["W1"].diagnosis

    def test_a_slope_that_is_wrong_for_negative_values(self) -> None:
        x = Tensor([[1.0, -2.0, 3.0], [-1.0, 2.0, -5.0]], requires_grad=True, name="x")
        report = tg.compare_gradients(np.sum(tg.leaky_relu(x, slope=0.1)), {"x": np.where(x.numpy() > 0, 1.0, 0.2)})
        assert "is wrong exactly where x is negative, where it is 2 times the gradient" in report["x"].diagnosis

    def test_the_shape_counts_even_if_the_values_broadcast(self) -> None:
        x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
        b = Tensor(1.0, requires_grad=True, name="b")
        loss = 2 * np.sum(x) + b
        for gradient in (2.0, [2.0, 2.0, 2.0], np.full((1, 2, 3), 2.0), np.full((2, 1), 2.0)):
            report = tg.compare_gradients(loss, {"x": gradient})
            assert report.wrong == ["x"]
            assert report["x"].where is None
            assert report["x"].largest_relative_error == np.inf
        assert not tg.compare_gradients(loss, {"b": [1.0]})

    def test_each_element_at_its_own_scale(self) -> None:
        coefficients = np.array([1e8, 1.0, 1e-8, 1e-30])
        x = Tensor(np.ones(4), requires_grad=True, name="x")
        loss = np.sum(coefficients * x)
        assert tg.compare_gradients(loss, {"x": coefficients})
        for place in range(4):
            wrong = coefficients.copy()
            wrong[place] *= 1 + 1e-6
            report = tg.compare_gradients(loss, {"x": wrong})
            assert report.wrong == ["x"]
            assert report["x"].where == (place,)
            assert report["x"].largest_relative_error == pytest.approx(1e-6, rel=1e-6)

    def test_only_a_leaf_of_later_layers_first(self, network: Network) -> None:
        gradients = {name: by_hand(network)[name] * 1.1 for name in ("W1", "W3", "W2")}
        assert tg.compare_gradients(network.loss, gradients).wrong == ["W3", "W2", "W1"]

    @given(
        name=st.sampled_from(BACKWARD),
        seed=st.integers(0, 2**31),
        relative=st.floats(-2, -1e-6) | st.floats(1e-6, 1e6),
    )
    @settings(max_examples=50, deadline=None)
    def test_any_element_of_any_gradient(self, name: str, seed: int, relative: float) -> None:
        network = NETWORK
        gradients = by_hand(network)
        place = np.unravel_index(seed % gradients[name].size, gradients[name].shape)
        gradients[name] = gradients[name].copy()
        gradients[name][place] *= 1 + relative
        report = tg.compare_gradients(network.loss, gradients)
        assert report.wrong == [name]
        assert report[name].where == tuple(map(int, place))
        assert report[name].diagnosis


NETWORK = forward()


class TestReport:
    def test_rows(self, network: Network) -> None:
        gradients = by_hand(network)
        gradients["W2"] = gradients["W2"].copy()
        gradients["W2"][2, 1] *= 1.01
        row = tg.compare_gradients(network.loss, gradients)["W2"]
        assert (row.name, row.shape, row.where, row.verdict) == ("W2", (5, 3), (2, 1), "wrong")
        assert row.largest_relative_error == pytest.approx(0.01)
        assert row.largest_absolute_difference == pytest.approx(abs(gradients["W2"][2, 1]) / 101)

    def test_the_printed_table(self, network: Network) -> None:
        text = str(tg.compare_gradients(network.loss, by_hand(network, "wrong sign")))
        lines = text.splitlines()
        assert lines[0] == "Gradients of loss by hand, against autograd: 7 of 11 are wrong"
        assert lines[2].split() == ["gradient", "of", "shape", "difference", "relative", "error", "at", "verdict"]
        assert lines[3].split()[0] == "Z3"
        assert lines[3].endswith("right")
        assert next(line for line in lines if line.startswith("Z2")).endswith("WRONG")
        assert next(line for line in lines if line.startswith("W1")).endswith("wrong, from Z2")
        assert max(map(len, lines)) <= 112
        assert {line.index("(") for line in lines[3:14]} == {lines[2].index("shape")}

    def test_right_ones_say_so(self, network: Network) -> None:
        text = str(tg.compare_gradients(network.loss, by_hand(network)))
        assert text.startswith("Gradients of loss by hand, against autograd: all 11 are right")
        assert "wrong" not in text

    def test_assert_ok(self, network: Network) -> None:
        report = tg.compare_gradients(network.loss, {"W1": np.zeros((2, 5))})
        with pytest.raises(WrongGradientError, match="W1 is 0 everywhere") as caught:
            report.assert_ok()
        assert isinstance(caught.value, AssertionError)
        assert isinstance(caught.value, tg.TinygradError)

    def test_a_row_by_its_name(self, network: Network) -> None:
        report = tg.compare_gradients(network.loss, by_hand(network))
        assert report["Z1"].name == "Z1"
        with pytest.raises(KeyError, match="W9"):
            report["W9"]


class TestErrors:
    def test_a_freed_graph(self, network: Network) -> None:
        network.loss.backward()
        with pytest.raises(FreedGraphError, match="retain_graph"):
            tg.compare_gradients(network.loss, by_hand(network))

    def test_an_unknown_name(self, network: Network) -> None:
        with pytest.raises(UnknownTensorError, match=r"no tensor named 'dW1' .* did you mean 'W1'\? .* W1, b1,"):
            tg.compare_gradients(network.loss, {"dW1": np.zeros((2, 5))})
        with pytest.raises(UnknownTensorError, match="did you mean 'Z1'"):
            tg.compare_gradients(network.loss, {"dz1": np.zeros((2, 5))})
        with pytest.raises(UnknownTensorError, match="'gradient of the first layer'"):
            tg.compare_gradients(network.loss, {"gradient of the first layer": np.zeros((2, 5))})

    def test_a_name_when_nothing_has_one(self) -> None:
        x = Tensor(1.0, requires_grad=True)
        with pytest.raises(UnknownTensorError, match="Nothing there has a name"):
            tg.compare_gradients(x * 2, {"x": 2.0})

    def test_a_name_that_two_tensors_have(self) -> None:
        x = Tensor(1.0, requires_grad=True, name="x")
        loss = (np.sin(x).named("h") * np.cos(x).named("h")).named("loss")
        with pytest.raises(UnknownTensorError, match="2 tensors .* named 'h'.*sin .* and cos .*give the tensor itself"):
            tg.compare_gradients(loss, {"h": 1.0})

    def test_the_same_tensor_twice(self, network: Network) -> None:
        W1 = network.parameters["W1"]
        with pytest.raises(UnknownTensorError, match="two gradients were given for W1"):
            tg.compare_gradients(network.loss, {"W1": np.zeros((2, 5)), W1: np.zeros((2, 5))})

    def test_tensors_that_are_not_in_the_graph(self, network: Network) -> None:
        other = Tensor([1.0], requires_grad=True, name="other")
        with pytest.raises(UnknownTensorError, match=r"other \(1,\) float64 .* the loss does not depend on it"):
            tg.compare_gradients(network.loss, {other: [0.0]})
        with pytest.raises(UnknownTensorError, match="requires no gradient"):
            tg.compare_gradients(network.loss, {Tensor([1.0], name="data"): [0.0]})

    @pytest.mark.parametrize("gradient", [None, "2.0", [[1.0], [1.0, 2.0]], np.array([1j]), object(), {"a": 1}])
    def test_what_is_not_an_array_of_numbers(self, network: Network, gradient: Any) -> None:
        with pytest.raises(
            DTypeError, match="the gradient given for W1 is (not an array|an array of|of type)"
        ) as caught:
            tg.compare_gradients(network.loss, {"W1": gradient})
        assert ".." not in str(caught.value)

    def test_arguments_of_another_kind(self, network: Network) -> None:
        with pytest.raises(DTypeError, match="a float"):
            tg.compare_gradients(1.0, {"W1": np.zeros((2, 5))})  # type: ignore[arg-type]
        with pytest.raises(DTypeError, match="a list of gradients"):
            tg.compare_gradients(network.loss, [np.zeros((2, 5))])  # type: ignore[arg-type]
        with pytest.raises(DTypeError, match="a gradient was given for 3"):
            tg.compare_gradients(network.loss, {3: np.zeros((2, 5))})  # type: ignore[dict-item]
        with pytest.raises(ShapeError, match="no gradient to compare"):
            tg.compare_gradients(network.loss, {})
        with pytest.raises(NonScalarError, match=r"A3 \(40, 1\)"):
            tg.compare_gradients(network.A3, {"W1": np.zeros((2, 5))})
        with pytest.raises(NotRecordedError, match="requires_grad=True"):
            tg.compare_gradients(Tensor(1.0), {"W1": np.zeros((2, 5))})


def test_an_element_far_below_the_noise_of_the_others_tells_nothing_of_them() -> None:
    b = Tensor([1e-20, 1.0], requires_grad=True, name="b")
    report = tg.compare_gradients(np.sum(b**2), {"b": np.array([4e-20, 2.0])})
    assert not report
    assert "b is wrong at (0,) alone: 4e-20 instead of 2e-20." in str(report)


def test_a_mistake_on_one_of_several_paths_is_named_though_a_penalty_hides_it() -> None:
    random = np.random.default_rng(0)
    X, Y = random.normal(size=(6, 4)), random.normal(size=(6, 4))
    W1, W2, b = (
        tg.Tensor(random.normal(size=s), requires_grad=True, name=n)
        for s, n in (((4, 4), "W1"), ((4, 4), "W2"), (4, "b"))
    )
    A = np.tanh(X @ W1)
    loss = np.mean(np.sum((A @ W2 + b - Y) ** 2, axis=1)) + 0.1 * np.sum(W1**2)
    a = A.numpy()
    dz2 = 2 * (a @ W2.numpy() + b.numpy() - Y)

    def dW1(dz2: Any, right: Any) -> Any:
        return X.T @ (dz2 @ right * (1 - a**2)) + 0.2 * W1.numpy()

    def said(**gradients: Any) -> str:
        return str(tg.compare_gradients(loss, gradients))

    assert tg.compare_gradients(loss, {"W1": dW1(dz2 / 6, W2.numpy().T)})
    assert "W1 is what it would be without the division by 6 of the mean" in said(W1=dW1(dz2, W2.numpy().T))
    assert "W1 is what it would be with a division by 5 in the mean" in said(W1=dW1(dz2 / 5, W2.numpy().T))
    assert "W1 is what it would be with W2 in place of W2.T in the gradient of matmul" in said(
        W1=dW1(dz2 / 6, W2.numpy())
    )
    assert "b is what it would be with the last row alone of the gradient of add" in said(b=dz2[-1] / 6)
