"""Every module takes PyTorch's arguments, in its order, with its defaults; what differs is listed here."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from tinygrad_np import nn

STORED = json.loads(Path(__file__).with_name("pytorch_signatures.json").read_text())

OURS = sorted(name for name, kind in vars(nn).items() if isinstance(kind, type) and issubclass(kind, nn.Module))

LEFT_OUT = {
    *("size_average", "reduce", "device", "return_indices", "add_bias_kv"),
    *("add_zero_attn", "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_weight", "_freeze"),
    *("enable_nested_tensor", "mask_check", "min_value", "max_value", "args", "kwargs"),
}
ADDED = {"dtype", "rng"}
NOT_TOLD = {"RNN", "LSTM", "GRU", "Module"}
"""PyTorch's signature says nothing but *args and **kwargs; test_pytorch_figures.py gives them their arguments."""

OTHER_DEFAULTS = {
    ("Softmax", "dim"): "the last axis, where PyTorch guesses one and warns",
    ("LogSoftmax", "dim"): "as above",
    ("Softmin", "dim"): "as above",
    ("ModuleList", "modules"): "an empty tuple instead of None",
    ("TransformerEncoderLayer", "activation"): "the same function, which is another object",
    ("ConvTranspose1d", "padding_mode"): "left out: PyTorch refuses all but the default",
    ("ConvTranspose2d", "padding_mode"): "left out: PyTorch refuses all but the default",
}


@pytest.mark.parametrize("name", [name for name in OURS if name not in NOT_TOLD])
def test_arguments_order_and_defaults_are_pytorchs(name: str) -> None:
    theirs = {argument: default for argument, default in STORED[name] if argument not in LEFT_OUT | ADDED}
    arguments = [one for one in inspect.signature(getattr(nn, name)).parameters.values() if one.name not in ADDED]
    named = [one for one in arguments if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    ours = {one.name: "" if one.default is one.empty else repr(one.default) for one in named}
    for one in (one for kind, one in OTHER_DEFAULTS if kind == name):
        assert theirs.pop(one, None) != ours.pop(one, None)
    assert list(ours) == list(theirs)
    for argument, default in ours.items():
        assert default == theirs[argument] or (default and float(default) == float(theirs[argument])), argument


@pytest.mark.parametrize("name", [name for name in OURS if name not in NOT_TOLD])
def test_what_is_given_by_position_is_what_pytorch_takes_it_for(name: str) -> None:
    places = [argument for argument, _ in STORED[name]]
    for place, one in enumerate(inspect.signature(getattr(nn, name)).parameters.values()):
        if one.kind is one.POSITIONAL_OR_KEYWORD:
            assert places[place] == one.name
        elif one.name in ADDED:
            assert one.kind is one.KEYWORD_ONLY
