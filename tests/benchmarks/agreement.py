"""Proof, before anything is timed, that all contestants do the same work.

    assert_same_training("JAX jit", beginning(jax, network), beginning(HAND_WRITTEN, network))

The gradient that a step used is read off the step itself, `(before - after) / learning rate`, so what is
proved right is exactly what is timed. Two steps more must lead to the same parameters: a gradient left over
from the step before would show there.
"""

from dataclasses import dataclass

import numpy as np

from networks import Array, Contestant, Network

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}


@dataclass(frozen=True)
class Beginning:
    """A training's first three steps: the gradients that the first used, and where the third arrived."""

    gradients: dict[str, Array]
    loss: float
    parameters: dict[str, Array]


def beginning(contestant: Contestant, network: Network) -> Beginning:
    """Train the network for three steps; every array comes back as NumPy's."""
    training = contestant.training(network)

    def step() -> tuple[float, dict[str, Array]]:
        loss, parameters = next(training)
        arrays = [np.array(contestant.to_numpy(parameter)) for parameter in parameters]
        return float(loss), dict(zip(network.parameters, arrays, strict=True))

    _, after_one = step()
    gradients = {}
    for name, before in network.parameters.items():
        assert after_one[name].shape == before.shape, f"{name} has shape {after_one[name].shape} after a step"
        gradients[name] = (before - after_one[name]) / network.learning_rate
    step()
    return Beginning(gradients, *step())


def assert_same_training(who: str, found: Beginning, wanted: Beginning) -> None:
    """Raise AssertionError, saying who differs and where, unless both began alike."""
    dtype = next(iter(wanted.parameters.values())).dtype
    assert_close(dtype.type(found.loss), dtype.type(wanted.loss), f"{who}: the loss of the third step")
    for name in wanted.parameters:
        assert_close(found.gradients[name], wanted.gradients[name], f"{who}: the gradient of {name}")
        assert_close(found.parameters[name], wanted.parameters[name], f"{who}: {name} after three steps")


def assert_close(value: Array, wanted: Array, what: str) -> None:
    """Same shape, same dtype, and equal within the dtype's tolerance, relative to the largest element."""
    assert value.shape == wanted.shape, f"{what} has shape {value.shape}, not {wanted.shape}"
    assert value.dtype == wanted.dtype, f"{what} has dtype {value.dtype}, not {wanted.dtype}"
    error = np.max(np.abs(value - wanted)) / np.max(np.abs(wanted))
    tolerance = TOLERANCE[value.dtype.name]
    assert error <= tolerance, f"{what} is off by {error:.1e} of its largest element, beyond {tolerance:.0e}"
