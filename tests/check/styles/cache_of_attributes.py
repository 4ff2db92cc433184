"""A variational autoencoder whose cache is a dataclass, and whose result is a list of pairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Cache:
    h: Any
    mu: Any
    logvar: Any
    std: Any
    z: Any
    d: Any
    xr: Any


def forward(x, noise, enc, heads, dec, last):
    h = np.maximum(0.01 * (x @ enc), x @ enc)
    mu, logvar = h @ heads[0], h @ heads[1]
    std = np.exp(0.5 * logvar)
    z = mu + std * noise
    d = np.tanh(z @ dec)
    xr = 1 / (1 + np.exp(-(d @ last)))
    bce = -np.sum(x * np.log(xr) + (1 - x) * np.log(1 - xr))
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return (bce + kl) / len(x), Cache(h, mu, logvar, std, z, d, xr)


def backward(x, noise, enc, heads, dec, last, cache):
    batch = x.shape[0]
    delta = (cache.xr - x) / batch
    g_last = cache.d.T @ delta
    g_d = delta @ last.T
    delta_d = g_d * (1 - cache.d**2)
    g_dec = cache.z.T @ delta_d
    g_z = delta_d @ dec.T
    g_mu = g_z + cache.mu / batch
    g_logvar = g_z * noise * 0.5 * cache.std
    g_logvar += 0.5 * (np.exp(cache.logvar) - 1) / batch
    g_heads = [cache.h.T @ g_mu, cache.h.T @ g_logvar]
    g_h = g_mu @ heads[0].T + g_logvar @ heads[1].T
    delta_h = np.where(cache.h > 0, g_h, 0.01 * g_h)
    g_enc = x.T @ delta_h
    return g_enc, g_heads, g_dec, g_last


def inputs(random):
    return {
        "x": random.uniform(0.1, 0.9, size=(5, 4)),
        "noise": random.normal(size=(5, 2)),
        "enc": random.normal(size=(4, 3)),
        "heads": [random.normal(size=(3, 2)), 0.5 * random.normal(size=(3, 2))],
        "dec": random.normal(size=(2, 3)),
        "last": random.normal(size=(3, 4)),
    }
