"""Attention with several heads, and the encoder layer of a transformer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..frames import user_place
from ..ops.arrays.shape import array_of
from ..ops.elementwise.activation import gelu, relu
from ..ops.networks import attention
from ..ops.networks.linear import linear
from ..options import chosen
from . import init
from .containers import ModuleList
from .linear import Linear
from .module import Module
from .normalization import LayerNorm
from .parameter import Parameter, Random
from .shaping import Dropout


class _Projections(Module):
    """The parameters of an attention: projections of queries, keys and values, and of what the heads have found.

    One weight holds the first three if they are of one length.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        if num_heads < 1 or embed_dim % num_heads:
            raise ShapeError(f"{num_heads} heads can't share {embed_dim} features evenly, {user_place()}.")
        super().__init__(embed_dim=embed_dim, num_heads=num_heads, dropout=dropout, batch_first=batch_first)
        self.rng = np.random.default_rng(rng)
        lengths = {"q": embed_dim, "k": kdim or embed_dim, "v": vdim or embed_dim}
        shapes = {"in_proj_weight": (3 * embed_dim, embed_dim)}
        if set(lengths.values()) != {embed_dim}:
            shapes = {f"{name}_proj_weight": (embed_dim, length) for name, length in lengths.items()}
        for name, shape in shapes.items():
            setattr(self, name, init.xavier_uniform_(Parameter(np.empty(shape), dtype=dtype), rng=self.rng))
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim), dtype=dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, rng=self.rng)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)


class MultiheadAttention(_Projections):
    """Attention of several heads, each to projections of its own, joined and projected again (Vaswani et al. 2017).

    Args:
        embed_dim: the length of queries and results; each head has embed_dim / num_heads of it.
        num_heads: how many heads.
        dropout: with which probability, in training, a weight of the attention is dropped.
        bias: whether the projections have one.
        kdim, vdim: the lengths of keys and values, if they are not embed_dim.
        batch_first: whether inputs and results are (batch, places, ...) instead of (places, batch, ...).
        dtype, rng: as in Linear.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> x = np.ones((5, 2, 8))
    >>> y, weights = nn.MultiheadAttention(8, 4)(x, x, x)
    >>> y.shape, weights.shape
    ((5, 2, 8), (2, 5, 5))
    """

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """The attention's result, and its weights or None.

        Args:
            query: (L, batch, embed_dim), with batch_first (batch, L, embed_dim), or (L, embed_dim).
            key: the same with S places.
            value: the same with S places.
            key_padding_mask: (batch, S), True for keys that do not count; or what is added to their scores.
            need_weights: whether weights are returned.
            attn_mask: (L, S) or (batch * heads, L, S), True where a query must not look; or what is added.
            average_attn_weights: whether the weights are their means over the heads, (batch, L, S), or all.
            is_causal: whether a query sees no key behind its own place.
        """
        biases = (None,) * 3 if self.in_proj_bias is None else np.split(self.in_proj_bias, 3)
        if "in_proj_weight" in vars(self):
            weights = np.split(self.in_proj_weight, 3)
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        q, k, v = map(linear, (query, key, value), weights, biases)
        y, shares = attention.multi_head_attention(
            *(q, k, v, self.num_heads, attn_mask, key_padding_mask, is_causal),
            *(self.dropout if self.training else 0.0, self.rng, self.batch_first),
        )
        shares = shares.mean(axis=-3) if average_attn_weights else shares
        return self.out_proj(y), shares if need_weights else None


class TransformerEncoderLayer(Module):
    """Self-attention and a network of two layers, each added to its input and followed by a layer norm.

    Args:
        d_model: the length of each place's vector.
        nhead: how many heads the attention has.
        dim_feedforward: the length of the hidden layer.
        dropout: with which probability, in training, weights, hidden units and results are dropped.
        activation: "relu", "gelu", or a function.
        layer_norm_eps: eps of the norms.
        batch_first: whether inputs and results are (batch, places, d_model) instead of (places, batch, d_model).
        norm_first: whether the norms come before instead of behind.
        bias: whether the linear maps and the norms have one.
        dtype, rng: as in Linear.

    >>> import numpy as np
    >>> from tinygrad_np import nn
    >>> nn.TransformerEncoderLayer(8, 2, 16)(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = None,
        rng: Random = None,
    ) -> None:
        super().__init__(norm_first=norm_first)
        rng = np.random.default_rng(rng)
        made = {"dtype": dtype, "rng": rng}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **made)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm1, self.norm2 = (LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype) for _ in range(2))
        self.dropout, self.dropout1, self.dropout2 = (Dropout(dropout, rng=rng) for _ in range(3))
        known = {"relu": relu, "gelu": gelu}
        self.activation = activation if callable(activation) else known[chosen("activation", activation, known)]

    def forward(self, src: Any, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """The layer's result; the masks are those of MultiheadAttention."""
        x, masks = array_of(src), (src_key_padding_mask, False, src_mask, True, is_causal)
        if self.norm_first:
            x = x + self._attended(self.norm1(x), masks)
            return x + self._fed_forward(self.norm2(x))
        x = self.norm1(x + self._attended(x, masks))
        return self.norm2(x + self._fed_forward(x))

    def _attended(self, x: Any, masks: tuple[Any, ...]) -> Any:
        return self.dropout1(self.self_attn(x, x, x, *masks)[0])

    def _fed_forward(self, x: Any) -> Any:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """Copies of an encoder layer, one after the other, and a norm after the last if there is one."""

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(num_layers=num_layers)
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.norm = norm

    def forward(self, src: Any, mask: Any = None, src_key_padding_mask: Any = None, is_causal: bool = False) -> Any:
        """The last layer's result; the masks are those of MultiheadAttention."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)
