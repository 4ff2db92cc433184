"""The table of modules: each row is a module, its arguments and its inputs, run by PyTorch and by tinygrad_np alike.

`make_pytorch_figures.py` runs the rows with PyTorch and stores the figures; `test_pytorch_figures.py` compares. Knows
neither library. All numbers come from formulas, so that both see the same.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np


class Input(NamedTuple):
    """An input: its shape, what its values are, and the seed of its formula."""

    shape: tuple[int, ...]
    kind: str = "real"

    def values(self, seed: int) -> Any:
        size = int(np.prod(self.shape))
        waves = np.sin(1.7 * np.arange(size) + 0.9 * seed + 0.3).reshape(self.shape)
        if self.kind == "real":
            return 1.3 * waves
        if self.kind == "tiny":
            return 1e-6 * waves
        if self.kind == "positive":
            return 0.3 + (1 + waves)
        if self.kind == "unit":
            return 0.5 + 0.45 * waves
        if self.kind == "distribution":
            return (1.1 + waves) / (1.1 + waves).sum(axis=1, keepdims=True)
        if self.kind == "signs":
            return np.where(waves > 0, 1.0, -1.0)
        if self.kind == "bits":
            return np.where(waves > 0.2, 1.0, 0.0)
        if self.kind == "counts":
            return np.floor(2 * (1 + waves))
        if self.kind == "mask":
            return (waves > 0.1) & (np.arange(self.shape[-1]) > 0)
        if self.kind.startswith("labels"):
            return (np.arange(size) * 7 + seed).reshape(self.shape) % int(self.kind.removeprefix("labels"))
        raise ValueError(self.kind)

    @property
    def is_differentiated(self) -> bool:
        return self.kind in ("real", "tiny", "positive", "unit", "distribution")


class Row(NamedTuple):
    """A module's name, arguments, inputs; in training or not, and how many calls are made of it."""

    label: str
    module: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    inputs: tuple[Any, ...]
    training: bool
    calls: int
    named_inputs: dict[str, Any]


ROWS: list[Row] = []


def row(
    module: str, *arguments: Any, to: Any, training: bool = True, calls: int = 1, given: Any = None, **options: Any
) -> None:
    """Add a row: `module(*arguments, **options)`, called with the inputs `to` and the named inputs `given`."""
    inputs = tuple(to) if isinstance(to, list) else (to,)
    label = f"{len(ROWS)}-{module}"
    ROWS.append(Row(label, module, arguments, options, inputs, training, calls, given or {}))


def real(*shape: int) -> Input:
    return Input(shape)


def of(kind: str, *shape: int) -> Input:
    return Input(shape, kind)


# Activations.
for name in (
    *(
        "ReLU",
        "ReLU6",
        "LeakyReLU",
        "ELU",
        "CELU",
        "SELU",
        "GELU",
        "SiLU",
        "Mish",
        "Softplus",
        "Softsign",
        "Softshrink",
    ),
    *("Hardshrink", "Tanhshrink", "Hardtanh", "Hardsigmoid", "Hardswish", "Sigmoid", "LogSigmoid", "Tanh", "PReLU"),
):
    row(name, to=real(3, 4))
row("LeakyReLU", 0.2, to=real(2, 3))
row("LeakyReLU", negative_slope=0.3, to=real(5))
row("ELU", 0.7, to=real(5))
row("CELU", alpha=0.6, to=real(5))
row("GELU", "tanh", to=real(5))
row("GELU", approximate="none", to=real(2, 2))
row("Softplus", 2.0, 1.5, to=real(6))
row("Softplus", beta=0.5, to=real(6))
row("Softshrink", 0.3, to=real(6))
row("Hardshrink", lambd=0.8, to=real(6))
row("Hardtanh", -0.5, 0.9, to=real(6))
row("Hardtanh", min_val=-0.2, max_val=0.1, to=real(6))
row("Threshold", 0.1, -3.0, to=real(6))
row("PReLU", 4, to=real(3, 4, 2))
row("PReLU", 1, 0.4, to=real(6))
row("RReLU", to=real(6), training=False)
row("RReLU", 0.2, 0.3, to=real(6), training=False)
row("GLU", to=real(3, 6))
row("GLU", 0, to=real(4, 3))
for name in ("Softmax", "LogSoftmax", "Softmin"):
    row(name, 1, to=real(3, 4))
    row(name, dim=0, to=real(3, 4, 2))
row("Softmax2d", to=real(2, 3, 2, 2))
row("Identity", to=real(2))

# Linear maps and embeddings.
row("Linear", 4, 3, to=real(5, 4))
row("Linear", 4, 3, to=real(4))
row("Linear", 4, 3, False, to=real(2, 5, 4))
row("Bilinear", 3, 4, 2, to=[real(5, 3), real(5, 4)])
row("Bilinear", 3, 4, 2, bias=False, to=[real(2, 5, 3), real(2, 5, 4)])
row("Embedding", 7, 3, to=of("labels7", 2, 5))
row("Embedding", 7, 3, padding_idx=2, to=of("labels7", 4))
row("Embedding", 7, 3, -1, to=of("labels7", 9))
row("Flatten", to=real(2, 3, 4))
row("Flatten", 0, to=real(2, 3))
row("Flatten", 1, 2, to=real(2, 3, 4, 2))
row("Flatten", start_dim=-2, end_dim=-1, to=real(2, 3, 4))
row("Unflatten", 1, (2, 3), to=real(4, 6))
row("Unflatten", dim=-1, unflattened_size=(-1, 3), to=real(4, 6))

# Convolutions.
row("Conv1d", 2, 4, 3, to=real(3, 2, 9))
row("Conv1d", 2, 4, 3, 2, 1, 2, 2, False, to=real(3, 2, 11))
row("Conv1d", 2, 4, 3, padding="same", to=real(2, 9))
for mode in ("reflect", "replicate", "circular"):
    row("Conv1d", 2, 3, 3, padding=2, padding_mode=mode, to=real(2, 2, 7))
    row("Conv2d", 1, 2, (2, 3), padding=(1, 2), padding_mode=mode, to=real(2, 1, 4, 5))
row("Conv1d", 2, 3, 4, padding="same", padding_mode="circular", to=real(2, 2, 7))
row("Conv2d", 2, 3, 3, to=real(2, 2, 5, 6))
row("Conv2d", 2, 4, (3, 2), (2, 1), (1, 0), (1, 2), 2, to=real(2, 2, 6, 5))
row("Conv2d", 2, 3, 3, padding="valid", bias=False, to=real(2, 5, 6))
row("ConvTranspose1d", 2, 3, 3, to=real(2, 2, 5))
row("ConvTranspose1d", 2, 4, 3, 2, 1, 1, 2, False, 2, to=real(2, 2, 5))
row("ConvTranspose1d", 2, 3, 3, dilation=2, output_padding=1, to=real(2, 2, 5))
row("ConvTranspose2d", 2, 3, 3, to=real(2, 2, 4, 3))
row("ConvTranspose2d", 2, 3, (3, 2), (1, 2), (1, 0), (2, 2), dilation=3, to=real(2, 2, 4, 3))
row("ConvTranspose2d", 2, 4, (3, 2), stride=(2, 3), padding=1, output_padding=(1, 2), groups=2, to=real(2, 4, 3))

# Pooling.
row("MaxPool1d", 2, to=real(2, 3, 7))
row("MaxPool1d", 3, 2, 1, 2, to=real(2, 9))
row("MaxPool2d", 2, to=real(2, 3, 4, 5))
row("MaxPool2d", (3, 2), stride=(1, 2), padding=1, to=real(3, 4, 5))
row("AvgPool1d", 2, to=real(2, 3, 7))
row("AvgPool1d", 3, 1, 1, count_include_pad=False, to=real(3, 7))
row("AvgPool2d", 2, to=real(2, 3, 4, 5))
row("AvgPool2d", (3, 2), (2, 1), (1, 1), to=real(2, 1, 4, 5))
row("MaxPool1d", 3, 2, ceil_mode=True, to=real(2, 3, 6))
row("MaxPool2d", 3, (2, 3), 1, ceil_mode=True, to=real(2, 2, 4, 6))
row("AvgPool1d", 2, 2, 1, True, to=real(2, 4))
row("AvgPool2d", (2, 3), 2, (1, 0), True, False, to=real(2, 1, 4, 6))
row("AvgPool2d", 2, 3, 1, ceil_mode=True, to=real(2, 1, 4, 6))
row("AvgPool2d", 2, divisor_override=3, to=real(2, 4, 5))
row("AdaptiveAvgPool1d", 3, to=real(2, 2, 7))
row("AdaptiveAvgPool1d", 5, to=real(2, 3))
row("AdaptiveAvgPool2d", (2, 3), to=real(2, 2, 5, 7))
row("AdaptiveAvgPool2d", (None, 2), to=real(2, 3, 5))
row("AdaptiveAvgPool2d", 1, to=real(2, 2, 3, 4))

# Normalization: two calls in training, and one out of it after two in it (calls=-2).
for options in (
    {},
    {"momentum": 0.3, "eps": 1e-3},
    {"momentum": None},
    {"affine": False},
    {"track_running_stats": False},
):
    for calls in (1, 2, -2):
        row("BatchNorm1d", 3, to=real(5, 3), calls=calls, **options)
    row("BatchNorm1d", 3, to=real(4, 3, 2), calls=2, **options)
    row("BatchNorm2d", 3, to=real(4, 3, 2, 3), calls=-2, **options)
for options in ({}, {"affine": True, "track_running_stats": True}, {"track_running_stats": True, "momentum": 0.3}):
    for calls in (1, 2, -2):
        row("InstanceNorm2d", 3, to=real(2, 3, 2, 3), calls=calls, **options)
    row("InstanceNorm2d", 3, eps=1e-2, to=real(3, 2, 3), **options)
row("LayerNorm", 4, to=real(3, 4))
row("LayerNorm", (3, 4), 1e-3, to=real(2, 3, 4))
row("LayerNorm", [4], elementwise_affine=False, to=real(4))
row("LayerNorm", 4, bias=False, to=real(3, 4))
row("RMSNorm", 4, to=real(3, 4))
row("RMSNorm", (3, 4), 1e-3, to=real(2, 3, 4))
row("RMSNorm", [4], elementwise_affine=False, to=real(4))
row("GroupNorm", 2, 4, to=real(3, 4, 5))
row("GroupNorm", 1, 4, 1e-3, to=real(3, 4, 2, 2))
row("GroupNorm", 4, 4, affine=False, to=real(3, 4, 3))
row("GroupNorm", 2, 4, bias=False, to=real(3, 4, 3))
row("BatchNorm1d", 3, bias=False, to=real(4, 3, 2), calls=2)
row("InstanceNorm2d", 3, affine=True, bias=False, to=real(3, 2, 3))
row("Dropout", 0.4, to=real(6), training=False)
row("Dropout", 0.0, to=real(6))

# Recurrent networks.
for name, more in (("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("LSTM", {}), ("GRU", {})):
    states = 2 if name == "LSTM" else 1
    row(name, 3, 4, to=real(5, 2, 3), **more)
    row(name, 3, 4, to=real(5, 3), **more)
    row(name, 3, 4, 2, bidirectional=True, to=real(4, 2, 3), **more)
    row(name, 3, 2, 2, bias=False, batch_first=True, to=real(2, 4, 3), **more)
    first = (real(2, 3, 4),) * 2 if states == 2 else real(2, 3, 4)
    row(name, 2, 4, bidirectional=True, batch_first=True, to=[real(3, 5, 2), first], **more)
row("RNN", 3, 4, 1, "relu", to=real(4, 2, 3))
for name in ("RNNCell", "LSTMCell", "GRUCell"):
    first = (real(2, 4), real(2, 4)) if name == "LSTMCell" else real(2, 4)
    row(name, 3, 4, to=real(2, 3))
    row(name, 3, 4, to=real(3))
    row(name, 3, 4, False, to=[real(2, 3), first])
row("RNNCell", 3, 4, nonlinearity="relu", to=real(2, 3))

# Attention.
x = real(5, 2, 6)
row("MultiheadAttention", 6, 2, to=[x, x, x])
row("MultiheadAttention", 6, 3, bias=False, batch_first=True, to=[real(2, 4, 6), real(2, 5, 6), real(2, 5, 6)])
row("MultiheadAttention", 6, 2, kdim=4, vdim=3, to=[x, real(3, 2, 4), real(3, 2, 3)])
row("MultiheadAttention", 6, 2, kdim=4, vdim=3, bias=False, to=[x, real(3, 2, 4), real(3, 2, 3)])
row("MultiheadAttention", 6, 2, to=[real(5, 6), real(4, 6), real(4, 6)])
row("MultiheadAttention", 6, 2, to=[x, x, x], given={"attn_mask": of("mask", 5, 5), "need_weights": False})
row("MultiheadAttention", 6, 2, to=[x, x, x], given={"attn_mask": real(4, 5, 5), "average_attn_weights": False})
row(
    "MultiheadAttention",
    6,
    2,
    to=[x, x, x],
    given={"key_padding_mask": of("mask", 2, 5), "attn_mask": of("mask", 5, 5)},
)
row("TransformerEncoderLayer", 6, 2, 8, 0.0, to=x)
row("TransformerEncoderLayer", 6, 3, 8, 0.0, "gelu", 1e-3, True, to=real(2, 4, 6))
row("TransformerEncoderLayer", 6, 2, 8, dropout=0.0, norm_first=True, bias=False, to=x)
row("TransformerEncoderLayer", 6, 2, 8, to=x, training=False, given={"src_mask": of("mask", 5, 5)})
row("TransformerEncoderLayer", 6, 2, 8, 0.0, to=x, given={"src_key_padding_mask": of("mask", 2, 5)})
ROWS_OF_FUNCTIONS = len(ROWS)
q, k, v = real(2, 3, 4), real(2, 5, 4), real(2, 5, 3)
row("scaled_dot_product_attention", to=[q, k, v])
row("scaled_dot_product_attention", to=[q, k, v], given={"attn_mask": of("mask", 3, 5)})
row("scaled_dot_product_attention", to=[q, k, v], given={"attn_mask": real(2, 3, 5), "scale": 0.3})
row("scaled_dot_product_attention", to=[real(4, 3), real(4, 3), real(4, 2)], given={"is_causal": True})
row("pairwise_distance", to=[real(3, 4), real(3, 4)])
row("pairwise_distance", to=[real(4), real(4)], given={"p": 1.0, "eps": 1e-3})
END_OF_FUNCTIONS = len(ROWS)

# Losses: each with each reduction.
R = ("mean", "sum", "none")
for reduction, shape in itertools.product(R, ((6,), (3, 4), ())):
    pair = [real(*shape), real(*shape)]
    row("MSELoss", reduction=reduction, to=pair)
    row("L1Loss", reduction=reduction, to=pair)
    row("SmoothL1Loss", reduction=reduction, to=pair)
    row("SmoothL1Loss", beta=0.3, reduction=reduction, to=pair)
    row("HuberLoss", reduction, 0.6, to=pair)
    row("SoftMarginLoss", reduction=reduction, to=[real(*shape), of("signs", *shape)])
    row("HingeEmbeddingLoss", reduction=reduction, to=[real(*shape), of("signs", *shape)])
    row("HingeEmbeddingLoss", 0.4, reduction=reduction, to=[real(*shape), of("signs", *shape)])
    row("BCELoss", reduction=reduction, to=[of("unit", *shape), of("bits", *shape)])
    row("BCEWithLogitsLoss", reduction=reduction, to=[real(*shape), of("unit", *shape)])
    row("PoissonNLLLoss", reduction=reduction, to=[real(*shape), of("counts", *shape)])
    row("PoissonNLLLoss", False, True, reduction=reduction, to=[of("positive", *shape), of("counts", *shape)])
    row("PoissonNLLLoss", True, True, reduction=reduction, to=[real(*shape), of("counts", *shape)])
    row(
        "PoissonNLLLoss",
        log_input=False,
        eps=1e-2,
        reduction=reduction,
        to=[of("positive", *shape), of("counts", *shape)],
    )
    row("GaussianNLLLoss", reduction=reduction, to=[*pair, of("positive", *shape)])
    row("MarginRankingLoss", 0.2, reduction=reduction, to=[*pair, of("signs", *shape)])
for reduction in R:
    row("BCELoss", np.array([0.3, 2.0, 1.0]), reduction=reduction, to=[of("unit", 4, 3), of("unit", 4, 3)])
    weighted = {"weight": np.array([0.3, 2.0, 1.0]), "pos_weight": np.array([3.0, 0.5, 1.0])}
    row("BCEWithLogitsLoss", reduction=reduction, **weighted, to=[real(4, 3), of("bits", 4, 3)])
    row("GaussianNLLLoss", full=True, eps=0.9, reduction=reduction, to=[real(4, 3), real(4, 3), of("positive", 4, 1)])
    row("GaussianNLLLoss", reduction=reduction, to=[real(4, 3), real(4, 3), of("positive", 4)])
    row("MarginRankingLoss", reduction=reduction, to=[real(4), real(4), of("signs", 4)])
    weight = np.array([0.5, 1.0, 2.0, 0.7])
    for options in ({}, {"weight": weight}, {"weight": weight, "ignore_index": 1}, {"ignore_index": 2}):
        for more in ({}, {"label_smoothing": 0.2}):
            row("CrossEntropyLoss", reduction=reduction, **options, **more, to=[real(5, 4), of("labels4", 5)])
            row("CrossEntropyLoss", reduction=reduction, **options, **more, to=[real(2, 4, 3), of("labels4", 2, 3)])
        row("NLLLoss", reduction=reduction, **options, to=[real(5, 4), of("labels4", 5)])
        row("NLLLoss", reduction=reduction, **options, to=[real(2, 4, 3, 2), of("labels4", 2, 3, 2)])
    for options in ({}, {"weight": weight}, {"label_smoothing": 0.3}, {"weight": weight, "label_smoothing": 0.3}):
        row("CrossEntropyLoss", reduction=reduction, **options, to=[real(5, 4), of("distribution", 5, 4)])
        row("CrossEntropyLoss", reduction=reduction, **options, to=[real(2, 4, 3), of("distribution", 2, 4, 3)])
    row("CrossEntropyLoss", reduction=reduction, to=[real(4), of("labels4")])
    row("CrossEntropyLoss", weight, reduction=reduction, label_smoothing=0.1, to=[real(4), of("labels4")])
    row("NLLLoss", reduction=reduction, to=[real(4), of("labels4")])
    for options in ({}, {"p": 2}, {"margin": 0.4, "weight": weight}, {"p": 2, "margin": 0.6, "weight": weight}):
        row("MultiMarginLoss", reduction=reduction, **options, to=[real(5, 4), of("labels4", 5)])
    row("MultiMarginLoss", reduction=reduction, to=[real(4), of("labels4")])
    row("MultiMarginLoss", 2, 0.6, weight, reduction=reduction, to=[real(4), of("labels4")])
    for options in ({}, {"log_target": True}):
        row("KLDivLoss", reduction=reduction, **options, to=[real(3, 4), of("unit", 3, 4)])
    row("CosineEmbeddingLoss", reduction=reduction, to=[real(5, 3), real(5, 3), of("signs", 5)])
    row("CosineEmbeddingLoss", 0.3, reduction=reduction, to=[real(5, 3), real(5, 3), of("signs", 5)])
    row("CosineEmbeddingLoss", reduction=reduction, to=[real(3), real(3), of("signs")])
    row("CosineEmbeddingLoss", reduction=reduction, to=[of("tiny", 5, 3), of("tiny", 5, 3), of("signs", 5)])
    for options in ({}, {"margin": 0.5, "p": 1.0}, {"swap": True}, {"p": 3.0, "eps": 1e-2, "swap": True}):
        row("TripletMarginLoss", reduction=reduction, **options, to=[real(5, 3), real(5, 3), real(5, 3)])
    row("TripletMarginLoss", reduction=reduction, to=[real(3), real(3), real(3)])
row("KLDivLoss", reduction="batchmean", to=[real(3, 4), of("unit", 3, 4)])
