"""A class whose forward pass keeps what its backward pass reads in `self.cache`."""

import numpy as np


class TwoLayerNet:
    def __init__(self):
        self.cache = {}

    def forward(self, X, y, W1, b1, W2, b2):
        z1 = X.dot(W1) + b1
        a1 = np.maximum(z1, 0)
        scores = a1.dot(W2) + b2
        exps = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs = exps / exps.sum(axis=1, keepdims=True)
        self.cache = {"X": X, "y": y, "z1": z1, "a1": a1, "probs": probs, "W2": W2}
        return -np.log(probs[np.arange(len(y)), y]).mean()

    def backward(self):
        X, y = self.cache["X"], self.cache["y"]
        z1, a1, probs = self.cache["z1"], self.cache["a1"], self.cache["probs"]
        num_examples = X.shape[0]
        grads = {}
        delta2 = probs.copy()
        delta2[range(num_examples), y] -= 1
        delta2 /= num_examples
        grads["W2"] = a1.T.dot(delta2)
        grads["b2"] = delta2.sum(axis=0)
        delta1 = delta2.dot(self.cache["W2"].T)
        delta1[z1 <= 0] = 0
        grads["W1"] = X.T.dot(delta1)
        grads["b1"] = delta1.sum(axis=0)
        return grads


net = TwoLayerNet()
forward, backward = net.forward, net.backward


def inputs(random):
    return {
        "X": random.normal(size=(6, 4)),
        "y": random.integers(0, 3, 6),
        "W1": random.normal(size=(4, 5)),
        "b1": 0.3 * random.normal(size=5),
        "W2": random.normal(size=(5, 3)),
        "b2": 0.3 * random.normal(size=3),
    }
