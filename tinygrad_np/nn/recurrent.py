"""Recurrent networks: RNN, LSTM and GRU, in layers, in one direction or both; and their cells, one step each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ShapeError, described
from ..frames import user_place
from ..ops.arrays.shape import array_of
from ..ops.networks import recurrence
from ..ops.networks.linear import linear
from ..options import chosen
from .module import Module
from .parameter import Random, uniform


class _Kind(NamedTuple):
    """Into how many parts a step divides what it adds up, how many arrays a state has, and the step itself."""

    parts: int
    arrays: int
    step: Callable[..., tuple[Any, ...]]


_RNN = {
    "tanh": _Kind(1, 1, recurrence.tanh_step),
    "relu": _Kind(1, 1, recurrence.relu_step),
}
_LSTM = _Kind(4, 2, recurrence.lstm_step)
_GRU = _Kind(3, 1, recurrence.gru_step)


class _Recurrent(Module):
    """What networks and cells have in common: parameters spread over +-1/sqrt(hidden_size), and the first state."""

    kind: _Kind

    def _make_parameters(self, ending: str, inputs: int, bias: bool, rng: np.random.Generator, dtype: Any) -> None:
        rows, bound = self.kind.parts * self.hidden_size, 1 / math.sqrt(max(self.hidden_size, 1))
        shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size), "bias_ih": (rows,)}
        for name, shape in {**shapes, "bias_hh": (rows,)}.items():
            made = uniform(shape, bound, rng, dtype) if bias or name.startswith("weight") else None
            setattr(self, name + ending, made)

    def _first_state(self, hx: Any, shape: tuple[int, ...], dtype: Any) -> tuple[Any, ...]:
        """The state that the user gave, checked, or zeros."""
        if hx is None:
            return (np.zeros(shape, dtype),) * self.kind.arrays
        state = tuple(map(array_of, hx if isinstance(hx, tuple | list) else (hx,)))
        if len(state) != self.kind.arrays or any(array.shape != shape for array in state):
            raise ShapeError(
                f"{type(self).__name__} from the state {', '.join(map(described, state))}, {user_place()}: here it is "
                f"{'(h, c), each' if self.kind.arrays == 2 else 'one array'} of shape {shape}."
            )
        return state

    def _parameters_of(self, ending: str) -> list[Any]:
        return [getattr(self, name + ending) for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]


class _Network(_Recurrent):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        super().__init__(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers, bias=bias)
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        self.rng = np.random.default_rng(rng)
        width = input_size
        for endings in self._endings():
            for ending in endings:
                self._make_parameters(ending, width, bias, self.rng, dtype)
            width = hidden_size * len(endings)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The states h of the last layer at all steps, and the last state of each layer and direction.

        Args:
            input: (steps, batch, input_size), with batch_first (batch, steps, input_size), or (steps, input_size).
            hx: the first state (layers * directions, batch, hidden_size), of an LSTM two such; zeros if None.
        """
        x = array_of(input)
        swaps = self.batch_first and x.ndim == 3
        steps = np.swapaxes(x, 0, 1) if swaps else x
        if x.ndim not in (2, 3) or not len(steps):
            form = "(batch, steps, input_size)" if swaps else "(steps, batch, input_size)"
            raise ShapeError(f"{self!r} of {described(x)}, {user_place()}: it takes {form}, with at least one step.")
        layers = [[self._parameters_of(ending) for ending in endings] for endings in self._endings()]
        first = self._first_state(hx, (sum(map(len, layers)), *steps.shape[1:-1], self.hidden_size), x.dtype)
        dropped = self.dropout if self.training else 0.0
        y, last = recurrence.run_layers(self.kind.step, steps, first, layers, dropped, self.rng)
        return (np.swapaxes(y, 0, 1) if swaps else y), (last if self.kind.arrays == 2 else last[0])

    def _endings(self) -> list[list[str]]:
        """What the names of the parameters end with, for each layer a list of its directions."""
        directions = ("", "_reverse") if self.bidirectional else ("",)
        return [[f"_l{layer}{direction}" for direction in directions] for layer in range(self.num_layers)]


class RNN(_Network):
    """Layers of h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu, step by step along the input.

    Args:
        input_size, hidden_size: the lengths of x and h.
        num_layers: how many layers; each takes the states of the one below.
        nonlinearity: "tanh" or "relu".
        bias: whether there are the b.
        batch_first: whether input and result are (batch, steps, ...) instead of (steps, batch, ...).
        dropout: with which probability, in training, what a layer passes to the next is dropped.
        bidirectional: whether each layer runs in both directions, with parameters for each.
        dtype, rng: as in Linear.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> states, last = nn.RNN(3, 4)(np.ones((6, 2, 3)))
    >>> states.shape, last.shape
    ((6, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        self.kind = _RNN[chosen("nonlinearity", nonlinearity, _RNN)]
        options = (bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, num_layers, *options, dtype=dtype, rng=rng)
        self.nonlinearity = nonlinearity


class LSTM(_Network):
    """Layers of a long short-term memory, whose state is (h, c); the arguments are those of RNN, without nonlinearity.

    The rows of the weights are for the input gate, the forget gate, the new content and the output gate.
    """

    kind = _LSTM


class GRU(_Network):
    """Layers of gated recurrent units; the arguments are those of RNN, without nonlinearity.

    The rows of the weights are for the reset gate, the update gate and the new content.
    """

    kind = _GRU


class _Cell(_Recurrent):
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: Any = None, rng: Random = None
    ) -> None:
        super().__init__(input_size=input_size, hidden_size=hidden_size, bias=bias)
        self._make_parameters("", input_size, bias, np.random.default_rng(rng), dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next state, of the input (batch, input_size) or (input_size,) and of the last state, zeros if None."""
        input = array_of(input)
        weight_ih, bias_ih, *of_state = self._parameters_of("")
        state = self._first_state(hx, (*input.shape[:-1], self.hidden_size), input.dtype)
        state = self.kind.step(linear(input, weight_ih, bias_ih), state, *of_state)
        return state if self.kind.arrays == 2 else state[0]


class RNNCell(_Cell):
    """One step of an RNN."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        self.kind = _RNN[chosen("nonlinearity", nonlinearity, _RNN)]
        super().__init__(input_size, hidden_size, bias, dtype=dtype, rng=rng)
        self.nonlinearity = nonlinearity


class LSTMCell(_Cell):
    """One step of an LSTM, which returns (h, c)."""

    kind = _LSTM


class GRUCell(_Cell):
    """One step of a GRU."""

    kind = _GRU
