"""Every contestant of the benchmarks computes the same gradients. Nothing is timed here."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agreement import assert_same_training, beginning
from contestants import Isolated, makers
from networks import NETWORKS, Array, Contestant, Network, classifier
from steps_numpy import HAND_WRITTEN

CONTESTANTS = [make() for make in makers().values()]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
def test_same_training_as_hand_written(contestant: Contestant, name: str) -> None:
    network = NETWORKS[name]()
    assert_same_training(contestant.name, beginning(contestant, network), beginning(HAND_WRITTEN, network))


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
def test_same_training_in_single_precision(contestant: Contestant) -> None:
    network = classifier(np.float32)
    assert_same_training(contestant.name, beginning(contestant, network), beginning(HAND_WRITTEN, network))


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda contestant: contestant.name)
def test_notebook_has_the_gradients_its_tutorial_prints(contestant: Contestant) -> None:
    printed = [
        [-0.02205044, -0.00428845, -0.00354605],
        [0.02036788, 0.00768731, 0.00490743],
        [-0.0082796, -0.00136342, -0.00081405],
        [0.01208828, 0.00632389, 0.00409338],
    ]
    gradients = beginning(contestant, NETWORKS["notebook"]()).gradients
    np.testing.assert_allclose(gradients["W1"], printed, rtol=0, atol=6e-9)


def test_a_contestant_in_its_own_process_trains_alike() -> None:
    with Isolated("tinygrad_np", "notebook") as isolated:
        found = isolated.beginning()
        assert isolated.step_seconds() > 0
        memory = isolated.memory()
        assert memory is not None
        assert memory.peak > memory.arrays >= sum(value.nbytes for value in found.parameters.values())
    assert_same_training("isolated", found, beginning(HAND_WRITTEN, NETWORKS["notebook"]()))


def planted(change: Callable[[int, float, Array], tuple[float, Array]]) -> Contestant:
    """The hand-written contestant, but `change` alters the loss and each parameter that a step yields."""

    def training(network: Network) -> Iterator[tuple[float, tuple[Array, ...]]]:
        for step, (loss, parameters) in enumerate(HAND_WRITTEN.training(network), start=1):
            changed = [change(step, loss, parameter) for parameter in parameters]
            yield changed[0][0], tuple(parameter for _, parameter in changed)

    return Contestant("planted", training, np.asarray)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda step, loss, parameter: (loss, parameter + 1e-9), "gradient of W1 is off"),
        (lambda step, loss, parameter: (loss, parameter + (step - 1) * 1e-8), "W1 after three steps is off"),
        (lambda step, loss, parameter: (loss * (1 + 1e-8), parameter), "loss of the third step is off"),
        (lambda step, loss, parameter: (loss, parameter[np.newaxis]), "has shape"),
        (lambda step, loss, parameter: (loss, parameter.astype(np.longdouble)), "has dtype"),
    ],
)
def test_a_planted_difference_is_found(change: Callable[..., tuple[float, Array]], complaint: str) -> None:
    network = NETWORKS["moons"]()
    wanted = beginning(HAND_WRITTEN, network)
    with pytest.raises(AssertionError, match=complaint):
        assert_same_training("planted", beginning(planted(change), network), wanted)
