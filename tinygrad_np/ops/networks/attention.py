"""Attention: each query gets a mean of the values, weighted by how well the query goes with their keys."""

from __future__ import annotations

import math

import numpy as np

from ...errors import ShapeError, described
from ...frames import user_place
from ...primitive import operation
from ..arrays.shape import array_of
from ..elementwise.masks import dropout
from ..reductions.softmax import softmax


@operation
def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    random=None,
):
    """softmax(Q K.T / sqrt(E)) V, over the last two axes (Vaswani et al. 2017).

    Args:
        query: (..., L, E).
        key: (..., S, E).
        value: (..., S, V).
        attn_mask: what is added to the products, or which of them count (True), of a shape that broadcasts to
            (..., L, S).
        dropout_p: with which probability a weight is dropped.
        is_causal: whether a query sees no key behind its own place.
        scale: what the products are multiplied with in place of 1 / sqrt(E).
        random: for the dropout, a NumPy Generator or a seed.

    Raises ShapeError if the shapes do not fit. A query that sees nothing gets zeros.

    >>> import numpy as np, tinygrad_np as tg
    >>> q = k = v = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> tg.scaled_dot_product_attention(q, k, v, is_causal=True).round(2)
    array([[0.  , 1.  ],
           [0.67, 0.33]])
    """
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    return dropout(weights, dropout_p, dropout_p > 0, random=random) @ value


def attention_weights(query, key, attn_mask=None, is_causal: bool = False, scale: float | None = None):
    """softmax(Q K.T / sqrt(E)): how much of each value a query gets."""
    query, key = array_of(query), array_of(key)
    if query.ndim < 2 or key.ndim < 2 or query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"attention of the query {described(query)} to the key {described(key)}, {user_place()}: both have two "
            "axes or more, the last of one length."
        )
    scores = query @ np.swapaxes(key, -1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    mask = as_addend(attn_mask, scores.dtype)
    if is_causal:
        later = as_addend(np.tri(*scores.shape[-2:], dtype=bool), scores.dtype)
        mask = later if mask is None else mask + later
    return softmax(scores if mask is None else scores + mask, axis=-1)


def multi_head_attention(
    query,
    key,
    value,
    heads: int,
    attn_mask=None,
    key_padding_mask=None,
    is_causal: bool = False,
    dropout_p: float = 0.0,
    random=None,
    batch_first: bool = False,
):
    """Attention of several heads, each to its part of the features; and its weights (batch, heads, L, S).

    Query, key and value are (places, batch, features), with batch_first (batch, places, features), or without a batch,
    which the results then have not either. The masks say by True what does *not* count, or are added to the scores:
    attn_mask is (L, S) or (batch * heads, L, S), key_padding_mask (batch, S).
    """
    if query.ndim == 2:
        masks = attn_mask, key_padding_mask, is_causal
        y, weights = multi_head_attention(query[None], key[None], value[None], heads, *masks, dropout_p, random, True)
        return y[0], weights[0]
    axis = 1 if batch_first else 0
    # To (batch, heads, places, features of a head).
    q, k, v = (np.moveaxis(one.reshape(*one.shape[:2], heads, -1), (axis, 2), (2, 1)) for one in (query, key, value))
    mask, padding = (as_addend(one, q.dtype, counts=False) for one in (attn_mask, key_padding_mask))
    if mask is not None and mask.ndim == 3:
        mask = mask.reshape(-1, heads, *mask.shape[1:])
    if padding is not None:
        padding = padding.reshape(-1, 1, 1, k.shape[2])
        mask = padding if mask is None else mask + padding
    weights = attention_weights(q, k, mask, is_causal)
    joined = np.moveaxis(dropout(weights, dropout_p, dropout_p > 0, random=random) @ v, (2, 1), (axis, 2))
    return joined.reshape(*joined.shape[:2], -1), weights


def as_addend(mask, dtype, counts: bool = True):
    """A mask as what is added to scores: of booleans, 0 for those that count and -inf for the others."""
    if mask is None or array_of(mask).dtype.kind == "f":
        return mask
    mask = array_of(mask)
    if mask.dtype.kind != "b":
        raise ShapeError(f"the mask {described(mask)}, {user_place()}, holds neither booleans nor floating numbers.")
    return np.where(mask if counts else ~mask, 0.0, -np.inf).astype(dtype)
