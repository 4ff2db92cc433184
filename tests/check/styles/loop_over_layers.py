"""A network of any depth: parameters and gradients in dicts with numbered keys, a loop over the layers."""

import numpy as np


def forward(X, Y, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A_prev = A
        Z = np.dot(parameters["W" + str(l)], A_prev) + parameters["b" + str(l)]
        A = np.tanh(Z)
        caches.append((A_prev, Z))
    ZL = np.dot(parameters["W" + str(L)], A) + parameters["b" + str(L)]
    AL = 1 / (1 + np.exp(-ZL))
    caches.append((A, ZL))
    m = Y.shape[1]
    cost = -1 / m * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    return cost, AL, caches


def backward(AL, Y, parameters, caches):
    grads = {}
    L = len(caches)
    m = AL.shape[1]
    dZ = AL - Y
    for l in range(L, 0, -1):
        A_prev, Z = caches[l - 1]
        if l < L:
            dZ = grads["dA" + str(l)] * (1 - np.tanh(Z) ** 2)
        grads["dW" + str(l)] = 1 / m * np.dot(dZ, A_prev.T)
        grads["db" + str(l)] = 1 / m * np.sum(dZ, axis=1, keepdims=True)
        grads["dA" + str(l - 1)] = np.dot(parameters["W" + str(l)].T, dZ)
    return grads


def inputs(random):
    sizes = [3, 4, 3, 1]
    parameters = {}
    for l in range(1, len(sizes)):
        parameters[f"W{l}"] = random.normal(size=(sizes[l], sizes[l - 1]))
        parameters[f"b{l}"] = 0.3 * random.normal(size=(sizes[l], 1))
    return {
        "X": random.normal(size=(3, 6)),
        "Y": random.integers(0, 2, (1, 6)).astype(float),
        "parameters": parameters,
    }
