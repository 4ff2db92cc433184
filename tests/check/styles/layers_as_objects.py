"""Layers as objects, each with a forward and a backward method, in a list that is walked in reverse."""

import numpy as np


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad_output):
        self.dW = self.x.T @ grad_output
        self.db = np.sum(grad_output, axis=0)
        grad_input = grad_output @ self.W.T
        return grad_input


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad_output):
        grad_input = grad_output * (1 - self.out**2)
        return grad_input


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad_output):
        grad_input = grad_output * self.out * (1 - self.out)
        return grad_input


class MeanSquaredError:
    def forward(self, prediction, target):
        self.difference = prediction - target
        return np.mean(self.difference**2)

    def backward(self):
        grad_input = 2 * self.difference / self.difference.size
        return grad_input


def forward(x, target, W1, b1, W2, b2):
    layers = [Linear(W1, b1), Tanh(), Linear(W2, b2), Sigmoid()]
    criterion = MeanSquaredError()
    out = x
    for layer in layers:
        out = layer.forward(out)
    return criterion.forward(out, target), layers, criterion


def backward(layers, criterion):
    grad = criterion.backward()
    for layer in reversed(layers):
        grad = layer.backward(grad)
    return {"W1": layers[0].dW, "b1": layers[0].db, "W2": layers[2].dW, "b2": layers[2].db}


def inputs(random):
    return {
        "x": random.normal(size=(5, 3)),
        "target": random.uniform(size=(5, 2)),
        "W1": random.normal(size=(3, 4)),
        "b1": 0.3 * random.normal(size=4),
        "W2": random.normal(size=(4, 2)),
        "b2": 0.3 * random.normal(size=2),
    }
