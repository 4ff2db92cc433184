"""A support vector machine by loops over samples and classes, and one hidden layer before it."""

import numpy as np


def forward(X, y, W1, W2, reg):
    H = np.maximum(X.dot(W1), 0)
    S = H.dot(W2)
    num_train, num_classes = S.shape
    loss = 0.0
    for i in range(num_train):
        for j in range(num_classes):
            if j != y[i]:
                loss = loss + np.maximum(S[i, j] - S[i, y[i]] + 1, 0)
    loss = loss / num_train
    return loss + reg * np.sum(W1 * W1) + reg * np.sum(W2 * W2), H, S


def backward(X, y, W1, W2, reg, H, S):
    num_train, num_classes = S.shape
    dS = np.zeros(S.shape)
    for i in range(num_train):
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = S[i, j] - S[i, y[i]] + 1
            if margin > 0:
                dS[i, j] += 1
                dS[i, y[i]] -= 1
    dS /= num_train
    dW2 = H.T.dot(dS)
    dH = dS.dot(W2.T)
    dH[H == 0] = 0
    dW1 = X.T.dot(dH)
    dW1 += 2 * reg * W1
    dW2 += 2 * reg * W2
    return {"dW1": dW1, "dW2": dW2}


def inputs(random):
    return {
        "X": random.normal(size=(5, 3)),
        "y": random.integers(0, 3, 5),
        "W1": random.normal(size=(3, 4)),
        "W2": random.normal(size=(4, 3)),
        "reg": 0.05,
    }
