"""Networks as scikit-learn's estimators: in pipelines, grid searches, cross-validation.

>>> import numpy as np
>>> from tinygrad_np.estimators import NetworkClassifier
>>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
>>> y = np.array(["same", "other", "other", "same"])
>>> NetworkClassifier(lr=0.05, random_state=0).fit(X, y).predict(X)
array(['same', 'other', 'other', 'same'], dtype='<U5')
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from . import nn, optim
from .batches import batches
from .errors import MissingDependencyError, ParameterError
from .frames import user_place
from .graph import no_grad
from .ops.elementwise.activation import sigmoid
from .ops.networks.classification import binary_cross_entropy_with_logits, cross_entropy
from .ops.networks.losses import mse_loss
from .ops.reductions.softmax import softmax
from .sentences import whole_number
from .tensor import Tensor

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
except ImportError:
    raise MissingDependencyError(
        "tinygrad_np.estimators needs scikit-learn: pip install 'tinygrad_np[sklearn]'."
    ) from None

Factory = Callable[[int, int, np.random.Generator], Any]
Self = TypeVar("Self", bound="_Network")

_DTYPES = (np.float64, np.float32)


class _Network(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor have in common: the network, and how it is trained."""

    def __init__(
        self,
        module: Factory | None = None,
        *,
        hidden: tuple[int, ...] = (50,),
        lr: float = 0.02,
        optimizer: str = "Adam",
        weight_decay: float = 0.0,
        epochs: int = 100,
        batch_size: int = 200,
        random_state: Any = None,
    ) -> None:
        self.module = module
        self.hidden = hidden
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self: Self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new network on rows X with targets y, for `epochs`; a row of weight 2 counts as two."""
        epochs = whole_number("epochs", self.epochs)
        X, y = self._validated(X, y, reset=True)
        self._learn_targets(y)
        self._begin(X)
        return self._train(X, y, sample_weight, epochs)

    def _begin(self, X: Any) -> None:
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._generator = np.random.default_rng(seed)
        if self.module is not None:
            if not callable(self.module):
                raise ParameterError(
                    f"module={self.module!r}, {user_place()}, is not a function that makes the network; the widths of "
                    "hidden layers are hidden=(50,)."
                )
            self.module_ = self.module(X.shape[1], self._outputs, self._generator)
        else:
            hidden = self.hidden if isinstance(self.hidden, list | tuple) else (self.hidden,)
            widths = [X.shape[1], *(whole_number("hidden", width) for width in hidden), self._outputs]
            layers: list[Any] = []
            for before, after in itertools.pairwise(widths):
                layers += [nn.Linear(before, after, dtype=X.dtype, rng=self._generator), nn.Tanh()]
            self.module_ = nn.Sequential(*layers[:-1])
        kind: Any = getattr(optim, str(self.optimizer), None)
        is_optimizer = isinstance(kind, type) and issubclass(kind, optim.Optimizer)
        if not is_optimizer:
            raise ParameterError(
                f"optimizer={self.optimizer!r} is not the name of an optimiser in tinygrad_np.optim, {user_place()}."
            )
        self.optimizer_ = kind(self.module_.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        self.n_iter_ = 0
        self.loss_curve_: list[float] = []

    def _train(self: Self, X: Any, y: Any, sample_weight: Any, epochs: int) -> Self:
        weights = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        counted = weights > 0
        targets = self._targets(y[counted], X.dtype)
        X, weights = X[counted], weights[counted]
        size = whole_number("batch_size", self.batch_size)
        data = batches(X, targets, weights, batch_size=size, shuffle=len(X) > size, seed=self._generator)
        self.module_.train()
        for _ in range(epochs):
            total = 0.0
            for rows, wanted, weight in data:
                self.optimizer_.zero_grad()
                loss = (self._losses(self.module_(rows), wanted) * weight).sum() / weight.sum()
                loss.backward()
                self.optimizer_.step()
                total += loss.item() * float(weight.sum())
            self.n_iter_ += 1
            self.loss_curve_.append(total / float(weights.sum()))
        self.module_.eval()
        return self

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, reset=reset, accept_sparse="csr", dtype=_DTYPES, multi_output=True, y_numeric=self._y_numeric
        )
        return (X if isinstance(X, np.ndarray) else X.toarray()), y

    def _raw(self, X: Any) -> Any:
        """What the network makes of rows, as an array."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=_DTYPES)
        self.module_.eval()
        with no_grad():
            result = self.module_(X if isinstance(X, np.ndarray) else X.toarray())
        return result.numpy() if isinstance(result, Tensor) else result

    _y_numeric = False
    _outputs: int

    def _learn_targets(self, y: Any) -> None:
        raise NotImplementedError

    def _targets(self, y: Any, dtype: Any) -> Any:
        raise NotImplementedError

    def _losses(self, result: Any, wanted: Any) -> Any:
        """The loss of each row."""
        raise NotImplementedError


class NetworkClassifier(ClassifierMixin, _Network):  # type: ignore[misc]
    """A network that classifies rows: its outputs are logits, one for each class, its loss is the cross-entropy.

    Targets in several columns of 0 and 1 are labels that may come together; each then has a probability of its own.

    Args:
        module: a function of the number of inputs, the number of outputs and a random generator that makes the network;
            None makes a perceptron with tanh between its layers.
        hidden: the widths of that perceptron's hidden layers.
        lr: the learning rate of Adam, or of another `optimizer` of tinygrad_np.optim.
        optimizer: its name.
        weight_decay: the optimiser's.
        epochs: how often `fit` goes through the data.
        batch_size: rows of a step; the order of the rows is new in each epoch.
        random_state: a seed, for the first weights and the orders.

    Attributes of a fitted one: `module_`, `optimizer_`, `n_iter_` (epochs so far), `loss_curve_` (their mean losses).
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> NetworkClassifier:
        """Go through some rows once, with the network as it is; the first call says which `classes` there are."""
        first = not hasattr(self, "classes_")
        X, y = self._validated(X, y, reset=first)
        if first:
            if classes is None:
                raise ParameterError(f"the first partial_fit needs classes=, {user_place()}: all that will ever come.")
            self._learn_targets(np.asarray(classes))
            self._begin(X)
        return self._train(X, y, sample_weight, 1)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, in the order of `classes_`, for each row."""
        logits = self._raw(X)
        return sigmoid(logits) if self._is_multilabel else softmax(logits, axis=1)

    def predict(self, X: Any) -> Any:
        """The most probable class of each row; of several labels, a 1 for each that is more probable than not."""
        logits = self._raw(X)
        return (logits > 0).astype(int) if self._is_multilabel else self.classes_[np.argmax(logits, axis=1)]

    def _learn_targets(self, y: Any) -> None:
        self._is_multilabel = type_of_target(y).startswith("multilabel")
        if not self._is_multilabel:
            y = column_or_1d(y, warn=True)
            check_classification_targets(y)
        self.classes_ = np.arange(y.shape[1]) if self._is_multilabel else np.unique(y)
        self._outputs = len(self.classes_)

    def _targets(self, y: Any, dtype: Any) -> Any:
        if self._is_multilabel:
            return y.astype(dtype)
        y = column_or_1d(y)
        unknown = sorted(set(np.unique(y).tolist()) - set(self.classes_.tolist()))
        if unknown:
            raise ParameterError(
                f"y has the classes {unknown}, which are not among {self.classes_.tolist()}, {user_place()}."
            )
        return np.searchsorted(self.classes_, y)

    def _losses(self, result: Any, wanted: Any) -> Any:
        if self._is_multilabel:
            return binary_cross_entropy_with_logits(result, wanted, reduction="none").sum(axis=1)
        return cross_entropy(result, wanted, reduction="none")


class NetworkRegressor(RegressorMixin, _Network):  # type: ignore[misc]
    """A network that predicts a number, or several, for each row; its loss is the squared error.

    Its arguments and attributes are those of NetworkClassifier.

    >>> import numpy as np
    >>> from tinygrad_np.estimators import NetworkRegressor
    >>> X = np.linspace(-2, 2, 40).reshape(-1, 1)
    >>> NetworkRegressor(random_state=0).fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.95
    True
    """

    _y_numeric = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkRegressor:
        """Go through some rows once, with the network as it is."""
        first = not hasattr(self, "module_")
        X, y = self._validated(X, y, reset=first)
        if first:
            self._learn_targets(y)
            self._begin(X)
        return self._train(X, y, sample_weight, 1)

    def predict(self, X: Any) -> Any:
        """The prediction for each row, (rows,) or (rows, outputs) as the targets were."""
        result = self._raw(X)
        return result[:, 0] if self._is_flat else result

    def _learn_targets(self, y: Any) -> None:
        self._is_flat = y.ndim == 1
        self._outputs = 1 if self._is_flat else y.shape[1]

    def _targets(self, y: Any, dtype: Any) -> Any:
        return y.reshape(len(y), -1).astype(dtype)

    def _losses(self, result: Any, wanted: Any) -> Any:
        return mse_loss(result, wanted, reduction="none").mean(axis=1)
