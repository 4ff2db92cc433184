"""The same training loops with autograd, MyGrad, PyTorch and JAX, as many of them as are installed.

    peer = installed_peers()["autograd"]()
    loss, parameters = next(peer.training(network))

The networks are written once, over the few functions that each library supplies under its own names. What
differs is how a library is asked for gradients: of a recorded loss (MyGrad, PyTorch) or of a function
(autograd, JAX).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from networks import Array, Contestant, Network

Training = Iterator[tuple[float, tuple[Any, ...]]]
Parameters = tuple[Any, ...]


@dataclass(frozen=True)
class Functions:
    """What a network is made of, in one library's own functions."""

    array: Callable[[Array], Any]
    dot: Callable[[Any, Any], Any]
    sigmoid: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    relu: Callable[[Any], Any]
    square: Callable[[Any], Any]
    log: Callable[[Any], Any]
    sum: Callable[[Any], Any]
    log_softmax: Callable[[Any, int], Any]


Step = Callable[[Parameters], tuple[Any, Parameters]]


def notebook(f: Functions, parameters: Parameters, X: Any, y: Any) -> Any:
    """4-3-1: the sum of the squared errors."""
    W1, W2 = parameters
    A1 = f.sigmoid(f.dot(W1.T, X))
    A2 = f.sigmoid(f.dot(W2.T, A1))
    return f.sum(f.square(y - A2) / 2)


def moons(f: Functions, parameters: Parameters, X: Any, y: Any) -> Any:
    """2-5-3-1: tanh, tanh, sigmoid, under binary cross-entropy."""
    W1, b1, W2, b2, W3, b3 = parameters
    A1 = f.tanh(f.dot(X, W1) + b1)
    A2 = f.tanh(f.dot(A1, W2) + b2)
    A3 = f.sigmoid(f.dot(A2, W3) + b3)
    return -f.sum(y * f.log(A3) + (1 - y) * f.log(1 - A3)) / X.shape[0]


def circles(f: Functions, parameters: Parameters, X: Any, y: Any) -> Any:
    """2-10-5-1: relu, relu, sigmoid, under binary cross-entropy."""
    W1, b1, W2, b2, W3, b3 = parameters
    a1 = f.relu(f.dot(X, W1) + b1)
    a2 = f.relu(f.dot(a1, W2) + b2)
    a3 = f.sigmoid(f.dot(a2, W3) + b3)
    return f.sum(-f.log(a3) * y + -f.log(1 - a3) * (1 - y)) / X.shape[0]


def classifier(f: Functions, parameters: Parameters, X: Any, y: Any) -> Any:
    """784-256-128-10: relu, relu, softmax cross-entropy."""
    W1, b1, W2, b2, W3, b3 = parameters
    A1 = f.relu(f.dot(X, W1) + b1)
    A2 = f.relu(f.dot(A1, W2) + b2)
    logits = f.dot(A2, W3) + b3
    return -f.sum(y * f.log_softmax(logits, 1)) / X.shape[0]


def char_rnn(f: Functions, parameters: Parameters, X: Any, y: Any, start: Any) -> Any:
    """65-100-65 recurrent tanh network: the cross-entropy of each next letter, summed over the steps."""
    Wxh, Whh, Why, bh, by = parameters
    h, loss = start, 0.0
    for t in range(X.shape[1]):
        h = f.tanh(f.dot(Wxh, X[:, t : t + 1]) + f.dot(Whh, h) + bh)
        scores = f.dot(Why, h) + by
        loss = loss - f.sum(y[:, t : t + 1] * f.log_softmax(scores, 0))
    return loss


LOSSES: dict[str, Callable[..., Any]] = {
    "notebook": notebook,
    "moons": moons,
    "circles": circles,
    "classifier": classifier,
    "char-RNN": char_rnn,
}


def reported(network: Network, loss: float) -> float:
    """The loss that the tutorial reports: the notebook reports an average, and differentiates the sum."""
    return loss / network.y.size if network.name == "notebook" else loss


def installed_peers() -> dict[str, Callable[[], Contestant]]:
    """The peers that this environment has, by name; each is to be called, which imports its library."""
    libraries = {
        "autograd": {"autograd": autograd},
        "mygrad": {"MyGrad": mygrad},
        "torch": {"PyTorch eager": torch},
        "jax": {"JAX eager": jax_eager, "JAX jit": jax_compiled},
    }
    return {
        name: maker for library, makers in libraries.items() if find_spec(library) for name, maker in makers.items()
    }


def autograd() -> Contestant:
    """HIPS autograd: gradients of a function, taped anew at each call."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    def log_softmax(z: Any, axis: int) -> Any:
        shifted = z - anp.max(z, axis=axis, keepdims=True)
        return shifted - anp.log(anp.sum(anp.exp(shifted), axis=axis, keepdims=True))

    f = Functions(
        array=np.asarray,
        dot=anp.dot,
        sigmoid=lambda z: 1 / (1 + anp.exp(-z)),
        tanh=anp.tanh,
        relu=lambda z: anp.maximum(0, z),
        square=anp.square,
        log=anp.log,
        sum=anp.sum,
        log_softmax=log_softmax,
    )

    def training(network: Network) -> Training:
        return of_function(f, lambda loss, rate: descent(value_and_grad(loss), rate), network)

    return Contestant("autograd", training, np.asarray)


def jax_eager() -> Contestant:
    """JAX without compilation of the step: each operation is dispatched by itself."""
    return jax_peer("JAX eager", compiled=False)


def jax_compiled() -> Contestant:
    """JAX with the whole step, its update included, under jax.jit."""
    return jax_peer("JAX jit", compiled=True)


def jax_peer(name: str, compiled: bool) -> Contestant:
    """JAX on the CPU, in double precision where the network is (JAX's default is single)."""
    import jax
    import jax.numpy as jnp

    settings: Any = jax.config
    settings.update("jax_enable_x64", True)
    settings.update("jax_platforms", "cpu")
    f = Functions(
        array=jnp.asarray,
        dot=jnp.dot,
        sigmoid=jax.nn.sigmoid,
        tanh=jnp.tanh,
        relu=jax.nn.relu,
        square=jnp.square,
        log=jnp.log,
        sum=jnp.sum,
        log_softmax=lambda z, axis: jax.nn.log_softmax(z, axis=axis),
    )

    def step(loss: Callable[[Parameters], Any], rate: float) -> Any:
        whole = descent(jax.value_and_grad(loss), rate)
        return jax.jit(whole) if compiled else whole

    return Contestant(name, lambda network: of_function(f, step, network), np.asarray, on_numpy=False)


def descent(value_and_grad: Step, rate: float) -> Step:
    """A step of gradient descent on a function: parameters in, the loss and new parameters out."""

    def step(parameters: Parameters) -> tuple[Any, Parameters]:
        loss, gradients = value_and_grad(parameters)
        pairs = zip(parameters, gradients, strict=True)
        return loss, tuple(value - rate * gradient for value, gradient in pairs)

    return step


def of_function(f: Functions, make_step: Callable[..., Any], network: Network) -> Training:
    """The training loop in a library that differentiates a function of the parameters."""
    loss_of, data = LOSSES[network.name], [f.array(value) for value in network.data]
    parameters = tuple(f.array(value) for value in network.parameters.values())
    step = make_step(lambda values: loss_of(f, values, *data), network.learning_rate)
    while True:
        loss, parameters = step(parameters)
        yield reported(network, float(loss)), parameters


def mygrad() -> Contestant:
    """MyGrad: tensors over NumPy that record. A tensor's old gradient is dropped when it is next used."""
    import mygrad as mg
    from mygrad import nnet
    from mygrad.tensor_base import Tensor

    f = Functions(
        array=np.asarray,
        dot=mg.matmul,
        sigmoid=nnet.sigmoid,
        tanh=mg.tanh,
        relu=nnet.relu,
        square=mg.square,
        log=mg.log,
        sum=mg.sum,
        log_softmax=nnet.logsoftmax,
    )

    def training(network: Network) -> Training:
        loss_of = LOSSES[network.name]
        parameters: Any = tuple(Tensor(value) for value in network.parameters.values())
        while True:
            loss = loss_of(f, parameters, *network.data)
            loss.backward()
            for parameter in parameters:
                parameter.data -= network.learning_rate * parameter.grad
            yield reported(network, loss.item()), parameters

    return Contestant("MyGrad", training, lambda tensor: tensor.data)


def torch() -> Contestant:
    """PyTorch eager, on one thread. Its products want operands of one dtype, so integers are cast first."""
    import torch as pt

    pt.set_num_threads(1)
    f = Functions(
        array=pt.tensor,
        dot=pt.matmul,
        sigmoid=pt.sigmoid,
        tanh=pt.tanh,
        relu=pt.relu,
        square=pt.square,
        log=pt.log,
        sum=pt.sum,
        log_softmax=pt.log_softmax,
    )

    def training(network: Network) -> Training:
        loss_of = LOSSES[network.name]
        parameters: Any = tuple(pt.tensor(value, requires_grad=True) for value in network.parameters.values())
        data = [pt.tensor(value, dtype=parameters[0].dtype) for value in network.data]
        while True:
            loss = loss_of(f, parameters, *data)
            loss.backward()
            with pt.no_grad():
                for parameter in parameters:
                    parameter -= network.learning_rate * parameter.grad
                    parameter.grad = None
            yield reported(network, loss.item()), parameters

    return Contestant("PyTorch eager", training, lambda tensor: tensor.detach().numpy(), on_numpy=False)
