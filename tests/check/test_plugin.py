"""The pytest plugin: a test of a wrong backward pass fails with the report."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

FILE = """
import numpy as np

def forward(x, w):
    h = np.tanh(x @ w)
    return np.sum(h**2)

def backward(x, w, h):
    dh = 2 * h
    dz = dh * (1 - h**2)
    dw = x.T @ dz
    return {"w": dw}

def inputs(random):
    n, d = random.integers(1, 6, 2)
    return {"x": random.normal(size=(n, d)), "w": random.normal(size=(d, 2))}

def test_it(check_backward):
    check_backward(forward, backward, inputs, tries=3)
    check_backward(forward, backward, inputs(np.random.default_rng(0)), tries=2)

def test_random_shapes(check_backward):
    check_backward(forward, backward, {"x": "n d", "w": "d h"}, tries=4)

def test_a_strategy(check_backward):
    from hypothesis import strategies as of
    check_backward(forward, backward, of.integers(0, 99).map(np.random.default_rng).map(inputs), tries=3)
"""

LABELS = """
import numpy as np

def test_it(check_backward):
    random = np.random.default_rng(0)
    check_backward(
        lambda x, y, w: -np.sum(y * np.log(np.exp(x @ w) / np.sum(np.exp(x @ w), axis=1, keepdims=True))),
        lambda x, y, w: {"w": x.T @ (np.exp(x @ w) / np.sum(np.exp(x @ w), axis=1, keepdims=True) - y)},
        {"x": random.normal(size=(3, 2)), "y": np.eye(2)[[0, 1, 1]], "w": random.normal(size=(2, 2))},
        tries=3,
    )
"""


def test_the_fixture_passes_what_is_right_and_shows_what_is_wrong_on_small_inputs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the package is installed the plugin would be there twice.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_right=FILE, test_wrong=FILE.replace("(1 - h**2)", "(1 + h**2)"), test_labels=LABELS)
    result = pytester.runpytest_inprocess("-p", "tinygrad_np.check.plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4, failed=3)
    # Made as small as can be.
    result.stdout.fnmatch_lines(["*x (1, 1), w (1, 1):"])
    result.stdout.fnmatch_lines(["*line 9: dz = dh * (1 + h**2)", "*should be: dz = dh * (1 - h**2)"])
