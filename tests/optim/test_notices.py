"""What an optimiser notices (a gradient left over, one that is missing) and what it refuses, without false alarms."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn, optim
from tinygrad_np.errors import NoGradientError, ParameterError, StateError, TrainingWarning

ALL = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.Adadelta, optim.Adamax, optim.NAdam]
ALL += [optim.RAdam]


def leaf(*values: float, name: str | None = None) -> Tensor:
    return Tensor(values or (1.0, 2.0), requires_grad=True, name=name)


def backward(*params: Tensor) -> None:
    sum((p * p).sum() for p in params).backward()


# Gradients left over.


def test_a_forgotten_zero_grad_is_noticed_in_the_second_step() -> None:
    w = leaf(name="w")
    optimizer = optim.SGD([w])
    backward(w)
    optimizer.step()
    backward(w)
    with pytest.warns(TrainingWarning, match=r"test_notices.py line \d+: the gradient of w .*zero_grad"):
        optimizer.step()


def zero_by_hand(w: Tensor) -> None:
    w.grad[...] = 0


def zero_in_place(w: Tensor) -> None:
    w.grad *= 0


FORGET: list[Callable[[Tensor, Any], Any]] = [
    lambda w, optimizer: optimizer.zero_grad(),
    lambda w, optimizer: optimizer.zero_grad(set_to_none=False),
    lambda w, optimizer: w.zero_grad(),
    lambda w, optimizer: setattr(w, "grad", None),
    lambda w, optimizer: setattr(w, "grad", np.zeros(2)),
    lambda w, optimizer: zero_by_hand(w),
    lambda w, optimizer: zero_in_place(w),
]


@pytest.mark.parametrize("forget", FORGET)
def test_no_way_to_forget_a_gradient_is_taken_for_a_leftover(forget: Callable[[Tensor, Any], Any]) -> None:
    w = leaf()
    optimizer = optim.SGD([w])
    for _ in range(3):
        backward(w)
        optimizer.step()
        forget(w, optimizer)


def test_accumulating_on_purpose_is_no_leftover() -> None:
    w = leaf()
    optimizer = optim.Adam([w])
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(4):
            backward(w)
        nn.utils.clip_grad_norm_([w], 1.0)
        optimizer.step()


def test_looking_at_gradients_between_two_steps_is_no_leftover() -> None:
    w = leaf()
    optimizer = optim.SGD([w])
    for _ in range(3):
        optimizer.zero_grad()
        backward(w)
        optimizer.step()
        backward(w)


def test_a_step_that_is_repeated_and_one_of_two_optimizers_are_no_leftovers() -> None:
    v, w = leaf(), leaf()
    first, second = optim.SGD([v, w]), optim.SGD([w])
    backward(v, w)
    first.step()
    first.step()
    second.step()


# Gradients that are missing.


def test_a_parameter_that_nothing_reads_is_named() -> None:
    v, w = leaf(name="v"), leaf(name="w")
    optimizer = optim.SGD([v, w])
    backward(v)
    with pytest.warns(TrainingWarning, match=r"w \(2,\) float64 has no gradient.*no operation has read it"):
        optimizer.step()
    backward(v)
    optimizer.zero_grad()
    backward(v)
    optimizer.step()


def test_a_parameter_whose_path_is_cut_is_named() -> None:
    v, w = leaf(name="v"), leaf()
    optimizer = optim.SGD([v, w])
    (v * (w * 2).detach()).sum().backward()
    missing = (
        r"parameter 1 \(2,\) float64 has no gradient.*cut by detach\(\).*read off, test_notices.py line \d+: a plain"
    )
    with pytest.warns(TrainingWarning, match=missing):
        optimizer.step()


def test_the_line_at_which_the_path_was_cut_is_the_one_before_backward() -> None:
    v, w = leaf(name="v"), leaf(name="w")
    optimizer = optim.SGD([v, w])
    loss = (v * np.sin(w.numpy())).sum()
    cut = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
    loss.backward()
    logged = [loss.item()]
    with pytest.warns(TrainingWarning, match=rf"what \.numpy\(\) read off, test_notices.py line {cut}:"):
        optimizer.step()
    assert logged


def test_a_step_without_backward_is_noticed_and_one_without_a_forward_pass_is_not() -> None:
    w = leaf(name="w")
    optimizer = optim.SGD([w])
    optimizer.step()
    (w * w).sum()
    with pytest.warns(TrainingWarning, match=r"backward\(\) was not called"):
        optimizer.step()


def test_the_parameters_of_another_model_are_noticed() -> None:
    model, other = nn.Linear(2, 1, rng=0), nn.Linear(2, 1, rng=0)
    optimizer = optim.SGD(other.parameters())
    before = other.weight.numpy()
    (model(np.ones((3, 2))) ** 2).mean().backward()
    with pytest.warns(
        TrainingWarning, match=r"step\(\) of SGD, test_notices.py line \d+: .* another model's"
    ) as caught:
        optimizer.step()
    assert caught[0].filename == __file__
    assert np.array_equal(other.weight.numpy(), before)
    optimizer.step()  # Once is enough.


def test_a_schedule_looked_at_without_training_is_no_alarm() -> None:
    backward(leaf())
    optimizer = optim.SGD([leaf()], lr=0.1)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(3):
        optimizer.step()
        schedule.step()


def test_the_line_at_which_recording_was_off_is_named() -> None:
    v, w = leaf(name="v"), leaf(name="w")
    optimizer = optim.SGD([v, w])
    with tg.no_grad():
        line = inspect.currentframe().f_lineno - 1  # type: ignore[union-attr]
        hidden = w * 2
    (v * hidden).sum().backward()
    with pytest.warns(TrainingWarning, match=rf"within no_grad\(\), test_notices.py line {line}: nothing") as caught:
        optimizer.step()
    assert caught[0].filename == __file__


def test_zero_grad_between_backward_and_step_is_noticed() -> None:
    w = leaf()
    optimizer = optim.SGD([w])
    backward(w)
    optimizer.zero_grad()
    with pytest.warns(TrainingWarning, match="The order is"):
        optimizer.step()


def test_zero_grad_after_the_step_is_in_order() -> None:
    w = leaf()
    optimizer = optim.SGD([w])
    backward(w)
    optimizer.step()
    optimizer.zero_grad()
    optimizer.step()


def test_parameters_that_are_frozen_or_used_later_raise_no_alarm() -> None:
    v, w, frozen = leaf(), leaf(), Tensor([1.0])
    optimizer = optim.Adam([v, frozen])
    optimizer.add_param_group({"params": [w], "lr": 0.5})
    backward(v, w)
    optimizer.step()
    for p in (v, w, v):
        optimizer.zero_grad()
        backward(p)
        optimizer.step()
    assert frozen.data == 1


# What is refused.

generator = (p for p in [leaf()])
list(generator)
REFUSED: list[tuple[Any, str]] = [
    ([], "no parameters.*read once"),
    (generator, "no parameters.*read once"),
    (leaf(), "given a Tensor as its parameters"),
    ({leaf()}, "given a set.*order"),
    ({"w": leaf()}, "given a dict"),
    (3, "given a int"),
    ([leaf() * 2], "which was computed .multiply"),
    ([np.zeros(2)], "given a ndarray as parameter 0"),
    ([Tensor([1, 2])], "only floating"),
    ([{"lr": 0.1}], "as a group.*'params'"),
    ([{"params": [leaf()], "learning_rate": 0.1}], "no hyperparameter learning_rate.*it has"),
    ([{"params": []}], "no parameters"),
]


@pytest.mark.parametrize(("params", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_parameters_that_can_not_be_trained_are_a_sentence(params: Any, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence) as caught:
        optim.SGD(params)
    assert "test_notices.py line" in str(caught.value)


def test_a_parameter_twice_is_refused_in_one_group_and_in_two() -> None:
    w = leaf(name="w")
    with pytest.raises(ParameterError, match="w .* twice"):
        optim.SGD([w, w])
    with pytest.raises(ParameterError, match="w .* twice"):
        optim.SGD([w]).add_param_group({"params": w})


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("options", [{"lr": -1.0}, {"lr": float("nan")}, {"weight_decay": -0.1}, {"eps": -1.0}])
def test_hyperparameters_out_of_range_are_a_sentence(kind: Any, options: dict[str, float]) -> None:
    if kind is optim.SGD and "eps" in options:
        options = {"momentum": -1.0}
    with pytest.raises(ParameterError, match="out of range"):
        kind([leaf()], **options)


def test_more_hyperparameters_out_of_range() -> None:
    with pytest.raises(ParameterError, match="betas=.*out of range"):
        optim.Adam([leaf()], betas=(0.9, 1.0))
    with pytest.raises(ParameterError, match="rho=1.5"):
        optim.Adadelta([leaf()], rho=1.5)
    with pytest.raises(ParameterError, match="SGD.params, lr=0.001.*learning_rate"):
        optim.SGD([leaf()], learning_rate=0.1)
    with pytest.raises(ParameterError, match="nesterov needs momentum"):
        optim.SGD([leaf()], nesterov=True)


def test_states_that_do_not_fit_are_a_sentence_and_change_nothing() -> None:
    w = leaf(name="w")
    optimizer = optim.Adam([w])
    backward(w)
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())
    spoilt: list[tuple[Any, str]] = [
        ({}, "not an optimiser's"),
        (3, "not an optimiser's"),
        (optim.Adam([leaf(), leaf()]).state_dict(), r"groups of \[2\] parameters.*has \[1\]"),
        (optim.SGD([leaf()]).state_dict(), "lacks amsgrad, betas and eps.*another optimiser's"),
        ({**before, "state": {0: {"exp_avg": np.zeros(3)}}}, r"exp_avg of shape \(3,\).*w \(2,\)"),
        ({**before, "state": {0: {"exp_avg": np.array("x")}}}, "parameter 0 a exp_avg"),
    ]
    for state, sentence in spoilt:
        with pytest.raises(StateError, match=sentence):
            optimizer.load_state_dict(state)
        assert str(optimizer.state_dict()) == str(before)


# And the rest.


def test_a_closure_is_run_with_recording_on_and_its_loss_returned() -> None:
    w = leaf()
    optimizer = optim.SGD([w], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with tg.no_grad():
        assert optimizer.step(closure).item() == 5
    assert (w.data == 0).all()


def test_pairs_of_name_and_parameter_and_groups_are_taken() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    assert len(optim.SGD(model.named_parameters()).param_groups[0]["params"]) == 4
    optimizer = optim.SGD([{"params": model[0].parameters()}, {"params": model[1].bias, "lr": 0.5}], lr=0.1)
    assert [(len(group["params"]), group["lr"]) for group in optimizer.param_groups] == [(2, 0.1), (1, 0.5)]
    assert "2 parameters, " in repr(optimizer)


def test_what_a_state_dict_returned_is_not_changed_by_later_steps() -> None:
    for kind in ALL:
        w = leaf()
        optimizer = kind([w], **({"momentum": 0.9} if kind is optim.SGD else {}))
        backward(w)
        optimizer.step()
        state = optimizer.state_dict()
        before = copy.deepcopy(state)
        w.grad[...] = 7
        optimizer.step()
        assert str(state) == str(before)


def test_single_numbers_and_single_precision_stay_what_they_are() -> None:
    for kind in ALL:
        for dtype in (np.float32, np.float64):
            w = Tensor(2.0, requires_grad=True, dtype=dtype)
            optimizer = kind([w])
            for _ in range(8):
                optimizer.zero_grad()
                (w * w).backward()
                optimizer.step()
            assert w.dtype == dtype
            assert w.shape == ()
            assert w.item() < 2


def test_norms_and_values_are_clipped_as_in_pytorch() -> None:
    v, w, unused = leaf(3.0), leaf(4.0), leaf()
    backward(v, w)
    assert nn.utils.clip_grad_norm_([v, w, unused], 5.0) == pytest.approx(10)
    assert np.allclose([v.grad, w.grad], [[3.0], [4.0]])
    assert nn.utils.clip_grad_norm_([v, w], 1.0, norm_type=np.inf) == pytest.approx(4)
    assert np.allclose([v.grad, w.grad], [[0.75], [1.0]])
    nn.utils.clip_grad_value_([v, w], 0.8)
    assert np.allclose([v.grad, w.grad], [[0.75], [0.8]])
    w.grad = np.array([np.nan])
    with pytest.raises(NoGradientError, match="norm nan.*because of"):
        nn.utils.clip_grad_norm_([v, w], 1.0, error_if_nonfinite=True)
    assert np.allclose(v.grad, 0.75)


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "trust-ncg", "trust-constr", "Nelder-Mead"])
def test_minimize_takes_trees_by_every_kind_of_method(method: str) -> None:
    def f(p: Any) -> Any:
        return np.sum((p["w"] - 1) ** 4 + (p["w"] - 1) ** 2) + (p["bs"][0] + 2) ** 2

    start = {"w": np.zeros((2, 1)), "bs": (0.0,)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = optim.minimize(f, start, method, tol=1e-9)
    assert np.allclose(result.x["w"], 1, atol=1e-4)
    assert result.x["bs"][0] == pytest.approx(-2, abs=1e-4)
    assert result.x["w"].shape == (2, 1)
    assert (start["w"] == 0).all()


def test_minimize_trains_a_model_that_it_reads() -> None:
    model = nn.Linear(2, 1, rng=0)
    X = np.random.default_rng(0).normal(size=(20, 2))
    y = X @ [[2.0], [-1.0]] + 3
    result = optim.minimize(lambda: ((model(X) - y) ** 2).mean(), model.parameters())
    assert result.success
    assert np.allclose(model.weight.data, [[2, -1]], atol=1e-4)
    assert np.allclose(result.x[1], model.bias.data)
    assert model.weight.grad is None


def test_minimize_refuses_what_it_can_not_change() -> None:
    with pytest.raises(ParameterError, match="nothing to change"):
        optim.minimize(lambda p: p, [])
    with pytest.raises(ParameterError, match="without arguments"):
        optim.minimize(lambda: 1.0, [np.zeros(2)])


@pytest.mark.parametrize(
    ("kind", "hyperparameters", "example"),
    [
        (optim.Adam, {"lr": "0.1"}, "0.001"),
        (optim.SGD, {"momentum": None}, "0"),
        (optim.Adam, {"betas": 0.9}, r"\(0.9, 0.999\)"),
        (optim.Adam, {"betas": (0.9,)}, r"\(0.9, 0.999\)"),
    ],
)
def test_what_is_not_a_number_is_refused_where_the_optimiser_is_made(
    kind: Any, hyperparameters: Any, example: str
) -> None:
    with pytest.raises(
        ParameterError, match=rf"can't work with .*, test_notices.py line \d+: it takes {example}, say\.$"
    ):
        kind([leaf()], **hyperparameters)


def test_numbers_of_any_kind_are_numbers() -> None:
    for lr in (1, np.float32(0.1), np.array(0.1)):
        optim.SGD([leaf()], lr=lr)
    optim.Adam([leaf()], betas=[0.9, 0.99])  # As a file of JSON has them.
