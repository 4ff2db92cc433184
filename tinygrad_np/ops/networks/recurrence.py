"""Recurrent networks: their steps, and how these run along an input.

    gates = x @ weight_ih.T + bias_ih

is one product for all steps at once; what is left for each step is the product with the state. A state is a tuple:
(h,), or with a long short-term memory (h, c).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..elementwise.activation import relu, sigmoid
from ..elementwise.masks import dropout
from .linear import linear


def tanh_step(gates, state, weight, bias):
    """h' = tanh(gates + W h + b) (Elman 1990)."""
    (h,) = state
    return (np.tanh(gates + linear(h, weight, bias)),)


def relu_step(gates, state, weight, bias):
    """h' = relu(gates + W h + b)."""
    (h,) = state
    return (relu(gates + linear(h, weight, bias)),)


def lstm_step(gates, state, weight, bias):
    """The next state of a long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000).

    The gates + W h + b are, in this order, the input gate i, the forget gate f, new content n and the output gate o:
    c' = sigmoid(f) c + sigmoid(i) tanh(n), h' = sigmoid(o) tanh(c').
    """
    h, c = state
    i, f, n, o = np.split(gates + linear(h, weight, bias), 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(n)
    return sigmoid(o) * np.tanh(c), c


def gru_step(gates, state, weight, bias):
    """The next state of a gated recurrent unit (Cho et al. 2014), the reset gate applied after the product.

    The gates and the W h + b are, in this order, the reset gate r, the update gate z and new content n:
    h' = (1 - z) tanh(n) + z h, with the sum n = gates_n + sigmoid(r) (W h + b)_n, and z the sigmoid of its sum.
    """
    (h,) = state
    r, z, n = np.split(gates, 3, axis=-1)
    r_of_h, z_of_h, n_of_h = np.split(linear(h, weight, bias), 3, axis=-1)
    z = sigmoid(z + z_of_h)
    return ((1 - z) * np.tanh(n + sigmoid(r + r_of_h) * n_of_h) + z * h,)


def run(step, x, state, parameters, backward: bool = False):
    """The h of all steps along the first axis of x, from the last if `backward`, and the state after the last step."""
    weight_ih, bias_ih, *of_state = parameters
    gates = linear(x, weight_ih, bias_ih)
    order = range(len(gates))[:: -1 if backward else 1]
    results = {}
    for place in order:
        state = step(gates[place], state, *of_state)
        results[place] = state[0]
    return np.stack([results[place] for place in sorted(results)]), state


def run_layers(step, x, first, layers, dropout_p: float = 0.0, random=None):
    """The h of the last layer at all steps, both directions joined; and the last states, stacked, of all.

    `layers` has for each layer the parameters of one direction, or of both; `first` has an array (layers * directions,
    ..., hidden) for each part of a state. What a layer passes to the next is dropped with a probability.
    """
    last: list[Any] = []
    for number, directions in enumerate(layers):
        if number:
            x = dropout(x, dropout_p, dropout_p > 0, random=random)
        results = []
        for backward, parameters in enumerate(directions):
            result, state = run(step, x, tuple(part[len(last)] for part in first), parameters, bool(backward))
            results.append(result)
            last.append(state)
        x = np.concatenate(results, axis=-1) if len(results) > 1 else results[0]
    return x, tuple(np.stack(parts) for parts in zip(*last, strict=True))
