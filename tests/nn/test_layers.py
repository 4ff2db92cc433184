"""What layers and losses refuse with a sentence, and what is random in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_np as tg
from tinygrad_np import Tensor, nn, optim

x = np.array([[0.5, -1.0, 2.0], [1.5, 0.2, -0.7]])
leaf = Tensor(x, requires_grad=True, name="x")
p = np.array([0.2, 0.9])

TRAPS: dict[str, tuple[Callable[[], Any], str]] = {
    "mse (n,) against (n, 1)": (lambda: tg.mse_loss(x[:, 0], x[:, :1]), r"\(2,\).*\(2, 1\).*same shape"),
    "mse (n, 1) against (n,)": (lambda: nn.MSELoss()(leaf[:, :1], x[:, 0]), "same shape"),
    "l1": (lambda: nn.L1Loss()(x, x[0]), "same shape"),
    "huber": (lambda: nn.HuberLoss()(x, x[:1]), "same shape"),
    "bce": (lambda: nn.BCELoss()(p, p[:, None]), "same shape"),
    "bce with logits": (lambda: nn.BCEWithLogitsLoss()(x, x[0]), "same shape"),
    "a probability above 1": (
        lambda: nn.BCELoss()(np.array([0.5, 1.5]), p),
        "from 0.5 to 1.5.*binary_cross_entropy_with_logits",
    ),
    "a probability that is not a number": (lambda: nn.BCELoss()(np.array([0.5, np.nan]), p), "must be from 0 to 1"),
    "a target of 2": (lambda: nn.BCELoss()(p, np.array([1, 2])), "from 1 to 2, and must be from 0 to 1"),
    "a target of -1": (lambda: nn.BCEWithLogitsLoss()(p, np.array([1.0, -1.0])), "must be from 0 to 1"),
    "cross-entropy of a softmax": (lambda: nn.CrossEntropyLoss()(tg.softmax(leaf), [0, 1]), "leave softmax out"),
    "logits of a sigmoid": (lambda: nn.BCEWithLogitsLoss()(tg.sigmoid(leaf), x * 0), "leave sigmoid out"),
    "a label too large": (lambda: nn.CrossEntropyLoss()(x, np.array([0, 3])), r"must be in 0 ... 2"),
    "a negative label": (lambda: nn.CrossEntropyLoss()(x, np.array([0, -1])), r"must be in 0 ... 2"),
    "a label of nll": (lambda: nn.NLLLoss()(x, np.array([0, 3])), r"must be in 0 ... 2"),
    "a label of multi margin": (lambda: nn.MultiMarginLoss()(x, np.array([0, 3])), r"must be in 0 ... 2"),
    "a floating label": (lambda: nn.CrossEntropyLoss()(x, np.array([0.0, 1.0])), "whole numbers"),
    "one-hot on the wrong axis": (
        lambda: nn.CrossEntropyLoss()(x, np.eye(3)[:, :2]),
        "the same axes without the classes",
    ),
    "one-hot on the wrong axis of a square": (
        lambda: nn.CrossEntropyLoss()(x[:, :2], np.array([[1.0, 1.0], [0.0, 0.0]])),
        "sums along axis 1",
    ),
    "probabilities below 0": (
        lambda: nn.CrossEntropyLoss()(x[:1], np.array([[1.5, -0.5, 0.0]])),
        "must be from 0 to 1",
    ),
    "a column of labels": (lambda: nn.CrossEntropyLoss()(x, np.array([[0], [1]])), "without the classes"),
    "all labels ignored": (lambda: nn.CrossEntropyLoss(ignore_index=1)(x, np.array([1, 1])), "all labels are ignored"),
    "a weight too many": (lambda: nn.CrossEntropyLoss([1.0, 2.0])(x, np.array([1, 1])), "of 3 classes"),
    "a weight that enlarges": (lambda: nn.BCELoss(np.ones((3, 2)))(p, p), "is not one of"),
    "labels 0 and 1 for signs": (lambda: nn.SoftMarginLoss()(p, np.array([0, 1])), "must be 1 or -1"),
    "labels 0 and 1 for hinge": (lambda: nn.HingeEmbeddingLoss()(p, np.array([0, 1])), "must be 1 or -1"),
    "a negative variance": (lambda: nn.GaussianNLLLoss()(p, p, -p), "a variance is not negative"),
    "a variance of another shape": (lambda: nn.GaussianNLLLoss()(x, x, p[:1]), "with the variance"),
    "logarithms for kl_div": (lambda: nn.KLDivLoss()(p, -p), "log_target=True"),
    "reduction": (lambda: tg.mse_loss(x, x, reduction="average"), "none of 'mean', 'sum' and 'none'"),
    "delta": (lambda: tg.huber_loss(x, x, delta=0), "must be positive"),
    "linear of another width": (
        lambda: nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(4, 1))(leaf),
        r"in 2 \(Linear\): linear of a tensor \(2, 2\) float64 with the weight 2.weight \(1, 4\) float64",
    ),
    "linear of a number": (lambda: nn.Linear(1, 1)(3.0), "last axis of the input must be 1 long"),
    "bilinear": (lambda: nn.Bilinear(3, 2, 1)(x, x), "last axes of the inputs"),
    "embedding of floats": (lambda: nn.Embedding(3, 2)(p), "rows are whole numbers"),
    "embedding beyond the end": (lambda: nn.Embedding(3, 2)([0, 3]), "from 0 to 3.*from 0 to 2"),
    "embedding of negatives": (lambda: nn.Embedding(3, 2)(Tensor([-1])), "from -1 to -1"),
    "batch norm of one row": (lambda: nn.BatchNorm1d(3)(x[:1]), r"has 1 value.*model.eval\(\)"),
    "batch norm of an image": (lambda: nn.BatchNorm1d(3)(np.ones((2, 3, 4, 4))), "of 2 or 3 axes"),
    "batch norm of other channels": (lambda: nn.BatchNorm1d(4)(x), "other channels"),
    "batch norm without a batch": (lambda: nn.BatchNorm2d(3)(np.ones((3, 4, 4))), "of 4 axes"),
    "instance norm of one place": (lambda: nn.InstanceNorm2d(3)(np.ones((2, 3, 1, 1))), "one value"),
    "layer norm of another shape": (lambda: nn.LayerNorm(4)(x), "its last axes are not those"),
    "rms norm of another shape": (lambda: nn.RMSNorm((2, 2))(x), "its last axes are not those"),
    "groups": (lambda: nn.GroupNorm(2, 3), "share them evenly"),
    "groups of a function": (lambda: tg.group_norm(x, 2), "evenly"),
    "groups of one value": (lambda: nn.GroupNorm(3, 3)(x[:1]), "one value"),
    "batch norm of one row without running statistics": (
        lambda: nn.BatchNorm1d(3, track_running_stats=False).eval()(x[:1]),
        "has 1 value",
    ),
    "dropout of 1.5": (lambda: nn.Dropout(1.5), "a probability is from 0 to 1"),
    "dropout of -0.1": (lambda: nn.Dropout(-0.1), "a probability is from 0 to 1"),
    "dropout in place": (lambda: nn.Dropout(0.5, True), "leave inplace out"),
    "relu in place": (lambda: nn.ReLU(inplace=True), "leave inplace out"),
    "size_average": (lambda: nn.MSELoss(False), "too many positional"),
    "an option that is not there": (lambda: nn.ELU(beta=3), "unexpected keyword argument 'beta'"),
    "glu of an odd axis": (lambda: nn.GLU()(x), "even length"),
    "prelu of other channels": (lambda: nn.PReLU(2)(x), "one for each channel"),
    "glu of an axis that is not there": (lambda: nn.GLU(5)(x), "axis 5"),
    "flatten backward": (lambda: nn.Flatten(1, 0)(x), "start_dim comes after end_dim"),
    "conv of the same size with a stride": (lambda: nn.Conv1d(1, 1, 3, 2, "same"), "only with stride=1"),
    "more output_padding than a stride": (
        lambda: nn.ConvTranspose1d(1, 1, 3, output_padding=1)(np.ones((1, 1, 3))),
        "less than the stride or the dilation",
    ),
    "flatten": (lambda: nn.Flatten(2)(x), "it has no axis 2"),
    "unflatten": (lambda: nn.Unflatten(1, (2, 2))(x), "does not have that length"),
    "conv groups": (lambda: nn.Conv1d(3, 4, 3, groups=2), "share both evenly"),
    "conv channels": (lambda: nn.Conv2d(3, 4, 3)(np.ones((1, 2, 5, 5))), "in Conv2d: .*for 3 channels, and x has 2"),
    "adaptive pooling": (lambda: nn.AdaptiveAvgPool2d((1, 2, 3))(np.ones((1, 4, 4))), "over its last 2 axes"),
    "heads": (lambda: nn.MultiheadAttention(5, 2), "evenly"),
    "attention": (lambda: tg.scaled_dot_product_attention(x, x[:, :2], x), "the last of one length"),
    "an attention mask of numbers": (
        lambda: tg.scaled_dot_product_attention(x, x, x, np.ones((2, 2), int)),
        "holds neither booleans",
    ),
    "an rnn of two axes too many": (lambda: nn.RNN(3, 2)(np.ones((1, 1, 1, 3))), r"\(steps, batch, input_size\)"),
    "the state of an lstm": (lambda: nn.LSTM(3, 2)(x, np.ones((1, 2))), r"\(h, c\), each of shape \(1, 2\)"),
    "the state of a cell": (lambda: nn.GRUCell(3, 2)(x, np.ones((1, 2))), r"one array of shape \(2, 2\)"),
    "a length below 0": (lambda: nn.Linear(-1, 2), "Linear's in_features=-1, .*a whole number of at least 0"),
    "a length that is a float": (lambda: nn.Conv2d(3, 4.0, 1), "Conv2d of 3, 4.0 and 1 failed"),
    "a length that is an array": (lambda: nn.BatchNorm1d(np.ones(3)), "num_features=array.*a whole number"),
    "an rnn without layers": (lambda: nn.GRU(3, 2, 0), "num_layers=0, .*of at least 1"),
    "a state of no numbers": (lambda: nn.LSTM(3, 0), "hidden_size=0, .*of at least 1"),
    "a padding_idx without a row": (lambda: nn.Embedding(3, 2, 3), "padding_idx=3, .*from -3 to 2"),
    "padding_mode": (lambda: nn.Conv1d(1, 1, 3, padding_mode="same"), "must be one of 'zeros', 'reflect'"),
    "activation": (
        lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"),
        "must be one of 'relu' and 'gelu'",
    ),
    "an argument too few": (lambda: nn.Linear(3), r"Linear\(in_features, out_features, bias=True, .*'out_features'"),
    "arguments too many": (lambda: nn.LSTM(3, 2, 1, True, False, 0.0, False, 2), r"LSTM\(.*too many positional"),
    "an option that is left out": (lambda: nn.LSTM(3, 2, proj_size=1), "'proj_size'; put an nn.Linear after it"),
    "an option of a loss": (lambda: nn.MSELoss(size_average=True), '; write reduction="mean" or "sum"'),
    "a device": (lambda: nn.Linear(3, 2, device="cpu"), "'device'; leave it out"),
    "a module that is not here": (lambda: nn.Dropout2d, "tinygrad_np.nn has no 'Dropout2d', .*: it has Dropout; "),
    "nn.functional": (lambda: nn.functional, "functions are tg.relu"),
    "an optimiser that is not here": (lambda: optim.Adamm, "has no 'Adamm', .*it has Adam, "),
    "an rnn of no steps": (lambda: nn.LSTM(3, 2)(np.ones((0, 1, 3))), "with at least one step"),
    "an axis that is not there": (lambda: nn.Softmax(1)(Tensor(np.ones(3))), "^in Softmax: .*axis 1 is out of bounds"),
    "channels of an instance norm": (
        lambda: nn.InstanceNorm2d(3, track_running_stats=True)(np.ones((1, 4, 2, 2))),
        "other channels than those of axis 1",
    ),
    "bounds that are turned round": (lambda: nn.Hardtanh(1, -1)(x), "from min_val=1 to max_val=-1"),
    "slopes that are turned round": (lambda: nn.RReLU(0.3, 0.2)(x), "from lower=0.3 to upper=0.2"),
    "a negative shrinking": (lambda: nn.Softshrink(-1)(x), "lambd=-1, which must not be negative"),
    "an alpha of 0": (lambda: nn.CELU(0.0)(x), "alpha=0.0, which must be positive"),
    "an output_size out of reach": (
        lambda: nn.ConvTranspose1d(1, 1, 3, 2)(np.ones((1, 4)), output_size=[11]),
        r"output_size=\[11\], .*it must be from \[9\] to \[10\]",
    ),
    "an input of another name": (lambda: nn.MSELoss()(x, targets=x), "'targets'"),
    "a schedule that is not here": (lambda: optim.lr_scheduler.CyclicLR, "no 'CyclicLR', .*OneCycleLR"),
    "nonlinearity": (lambda: nn.RNN(3, 2, nonlinearity="sin"), "must be one of 'tanh' and 'relu'"),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_a_sentence(trap: str) -> None:
    action, sentence = TRAPS[trap]
    with pytest.raises(tg.TinygradError, match=sentence) as caught:
        action()
    assert "test_layers.py line" in str(caught.value)


def test_integer_targets_keep_the_dtype_of_the_input() -> None:
    single = x.astype(np.float32)
    assert tg.mse_loss(single, np.ones((2, 3), int)).dtype == np.float32
    assert tg.binary_cross_entropy_with_logits(Tensor(single), np.ones((2, 3), bool)).dtype == np.float32
    np.testing.assert_allclose(tg.cross_entropy(x, np.eye(3, dtype=int)[:2]), tg.cross_entropy(x, np.array([0, 1])))


def test_masked_logits_make_no_nan() -> None:
    z = Tensor([[0.5, -np.inf, 1.0]], requires_grad=True)
    loss = tg.cross_entropy(z, np.array([0]))
    loss.backward()
    np.testing.assert_allclose(loss.item(), np.log1p(np.exp(0.5)))
    np.testing.assert_allclose(z.grad[0], [-1 / (1 + np.exp(-0.5)), 0, 1 / (1 + np.exp(-0.5))])


def test_a_query_that_sees_nothing_gets_zeros() -> None:
    q = Tensor(x, requires_grad=True)
    y = tg.scaled_dot_product_attention(q, x, x, np.array([[True, False], [False, False]]))
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy()[1], 0)
    assert np.isfinite(q.grad).all()


@pytest.mark.parametrize(
    ("name", "at", "slopes"),
    [
        ("ReLU6", [-0.0, 0.0, 6.0, np.nan], [0.0, 0.0, 0.0, 1.0]),
        ("Hardtanh", [-1.0, 1.0, 0.5], [0.0, 0.0, 1.0]),
        ("Hardsigmoid", [-3.0, 3.0, 1.5], [0.0, 0.0, 1 / 6]),
        ("Hardswish", [-3.0, 3.0, 0.0], [0.0, 1.0, 0.5]),
        ("Softshrink", [-0.5, 0.0, 0.5, 0.6], [0.0, 0.0, 0.0, 1.0]),
    ],
)
def test_at_a_bound_the_slope_is_that_of_the_outer_side_as_pytorchs(name: str, at: Any, slopes: Any) -> None:
    input = Tensor(np.array(at, np.float32), requires_grad=True)
    result = getattr(nn, name)()(input)
    result.sum().backward()
    assert result.dtype == np.float32
    assert np.array_equal(np.isnan(result.numpy()), np.isnan(at))
    np.testing.assert_allclose(input.grad, slopes, rtol=1e-6)


def test_inputs_may_be_named_as_pytorchs_are() -> None:
    assert np.array_equal(nn.ReLU()(input=x), nn.ReLU()(x))
    assert np.array_equal(nn.Tanh()(input=x), np.tanh(x))
    assert nn.CrossEntropyLoss()(input=x, target=np.array([0, 2])) == nn.CrossEntropyLoss()(x, np.array([0, 2]))
    assert np.array_equal(nn.MaxPool1d(2)(input=x), nn.MaxPool1d(2)(x))


@pytest.mark.parametrize("output_size", [[9, 8], (10, 8), [2, 4, 10, 8]])
def test_a_transposed_convolution_may_be_told_the_size_of_its_result(output_size: Any) -> None:
    layer = nn.ConvTranspose2d(3, 4, 3, (2, 1), padding=(0, 1), dilation=(1, 2), rng=0)
    images = np.linspace(-1, 1, 2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    result = layer(images, output_size=output_size)
    assert result.shape == (2, 4, *output_size[-2:])
    layer.output_padding = (output_size[-2] - 9, 0)
    assert np.array_equal(result.numpy(), layer(images).numpy())


def test_flatten_makes_a_number_an_axis_as_pytorchs() -> None:
    assert nn.Flatten(0)(np.array(3.0)).shape == (1,)


def test_an_instance_norm_without_momentum_keeps_its_statistics() -> None:
    norm = nn.InstanceNorm2d(1, momentum=None, track_running_stats=True)
    norm(np.arange(4.0).reshape(1, 1, 2, 2))
    assert norm.state_dict()["running_mean"].tolist() == [0.0]


def test_dropout_keeps_the_mean_in_training_and_all_in_use() -> None:
    dropout = nn.Dropout(0.3, rng=0)
    ones = Tensor(np.ones(10000), requires_grad=True)
    y = dropout(ones)
    assert set(np.unique(y.numpy())) == {0.0, 1 / 0.7}
    assert abs(y.numpy().mean() - 1) < 0.03
    assert (dropout(ones).numpy() != y.numpy()).any()
    y.sum().backward()
    np.testing.assert_array_equal(ones.grad, y.numpy())
    assert dropout.eval()(ones) is ones
    np.testing.assert_array_equal(nn.Dropout(1.0)(x), 0)


def test_rrelu_draws_its_slopes_in_training() -> None:
    slopes = nn.RReLU(0.2, 0.4, rng=0)(np.full(5000, -2.0)) / -2
    assert 0.2 <= slopes.min() < 0.21
    assert 0.39 < slopes.max() < 0.4
    assert abs(slopes.mean() - 0.3) < 0.01


def test_dropout_between_layers_and_in_attention_is_for_training_alone() -> None:
    for module, inputs in (
        (nn.LSTM(3, 2, 2, dropout=0.5, rng=0), (x,)),
        (nn.MultiheadAttention(3, 1, 0.5, rng=0), (x,) * 3),
    ):
        first, second = (np.asarray(module(*inputs)[0].detach()) for _ in range(2))
        assert (first != second).any()
        first, second = (np.asarray(module.eval()(*inputs)[0].detach()) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_padding_of_an_embedding_gets_no_gradient() -> None:
    embedding = nn.Embedding(4, 2, padding_idx=-1, rng=0)
    assert embedding.padding_idx == 3
    embedding([0, 3, 3]).sum().backward()
    np.testing.assert_array_equal(embedding.weight.grad, [[1, 1], [0, 0], [0, 0], [0, 0]])


def test_a_summary_counts_each_parameter_once_and_leaves_the_network_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LSTM(4, 2))
    model[1].eval()
    model.append(model[0])
    before = model.state_dict()
    shown = nn.summary(nn.Sequential(model[0], model[1], model[2]), x)
    assert [(row.path, row.kind, row.parameters) for row in shown.rows] == [
        ("0", "Linear", 16),
        ("1", "BatchNorm1d", 8),
        ("2", "LSTM", 64),
        ("", "Sequential", 0),
    ]
    assert shown.rows[2].shape == "(2, 2), (1, 2), (1, 2)"
    assert str(shown).endswith("88 parameters")
    assert [module.training for module in model] == [True, False, True, True]
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    model[2].requires_grad_(False)
    assert str(nn.summary(model[2], np.ones((2, 4)))).endswith("64 parameters, 64 of them frozen")
