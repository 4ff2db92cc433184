"""Every module against PyTorch's figures: results, gradients of all inputs and parameters, the state and its keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.nn.modules import ROWS, Row
from tests.nn.running import figures, stored_figures

STORED = stored_figures()


SINGLE_PRECISION = {"CELU", "Hardsigmoid", "CosineEmbeddingLoss"}
"""Modules in which PyTorch has a constant of float32, even in float64."""


def stored(row: Row) -> dict[str, Any]:
    return {name: value for name, value in STORED.items() if name.startswith(f"{row.label}/")}


def close(found: Any, expected: Any, tolerance: float, name: str) -> None:
    """Equal to the tolerance, relative to each element, or to the largest and to 1."""
    least = tolerance * np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=least, err_msg=name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_a_module_has_pytorchs_figures(row: Row) -> None:
    found, expected = figures(row), stored(row)
    assert list(found) == list(expected)
    tolerance = 1e-7 if row.module in SINGLE_PRECISION else 1e-12
    for name, value in expected.items():
        assert np.shape(found[name]) == value.shape, name
        close(found[name], value, tolerance, name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_in_float32_to_its_precision(row: Row) -> None:
    found, expected = figures(row, np.float32), stored(row)
    for name, value in expected.items():
        assert found[name].dtype == (np.float32 if "num_batches" not in name else np.int64), name
        close(found[name], value, 1e-5, name)
