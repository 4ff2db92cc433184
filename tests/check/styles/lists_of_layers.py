"""Weights and biases in lists, deltas from the last layer to the first, gradients by comprehensions."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def forward(x, y, weights, biases):
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    cost = 0.5 * np.sum((activations[-1] - y) ** 2)
    return cost, activations, zs


def backward(y, weights, biases, activations, zs):
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    delta = (activations[-1] - y) * sigmoid_prime(zs[-1])
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].transpose())
    for l in range(2, len(weights) + 1):
        sp = sigmoid_prime(zs[-l])
        delta = np.dot(weights[-l + 1].transpose(), delta) * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
    return nabla_w, nabla_b


def inputs(random):
    sizes = [3, 4, 5, 2]
    return {
        "x": random.normal(size=(3, 1)),
        "y": random.uniform(size=(2, 1)),
        "weights": [random.normal(size=(b, a)) for a, b in zip(sizes, sizes[1:])],
        "biases": [0.3 * random.normal(size=(b, 1)) for b in sizes[1:]],
    }
