"""Every error that tinygrad_np raises, each with the sentence a user reads.

Catch them all with `except tg.TinygradError`. Where NumPy itself would have raised a ValueError, a TypeError or an
IndexError, ours is that too, so code that was written for arrays goes on working:

>>> import tinygrad_np as tg
>>> W = tg.Tensor([[1.0, 2.0]], requires_grad=True, name="W")
>>> W @ W
Traceback (most recent call last):
    ...
tinygrad_np.errors.ShapeError: matmul of W (1, 2) float64 and W (1, 2) float64 failed, ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class TinygradError(Exception):
    """The root of all errors of tinygrad_np."""


class ShapeError(TinygradError, ValueError):
    """Shapes or values do not fit the operation, as NumPy's ValueError."""


class DTypeError(TinygradError, TypeError):
    """A dtype or a type that the operation can't take, as NumPy's TypeError."""


class IndexingError(TinygradError, IndexError):
    """An index that is out of bounds or of the wrong kind, as NumPy's IndexError."""


class AxisError(IndexingError, ShapeError, np.exceptions.AxisError):
    """An axis that the tensor does not have, as NumPy's AxisError."""

    def __init__(self, sentence: str) -> None:
        Exception.__init__(self, sentence)
        self._msg: str | None = sentence
        self.axis: int | None = None
        self.ndim: int | None = None

    __str__ = Exception.__str__


class LinearAlgebraError(ShapeError, np.linalg.LinAlgError):
    """A matrix that has no inverse, no factor, no convergence, as NumPy's LinAlgError."""


class NoGradientError(TinygradError, TypeError):
    """A function that would have dropped the gradient silently."""


class RuleError(NoGradientError):
    """A gradient rule that is missing, does not take what it is given, writes into it, or returns no gradient."""


class NotRecordedError(TinygradError, RuntimeError):
    """A gradient was asked of a tensor that nothing differentiable leads to."""


class NonScalarError(TinygradError, ValueError):
    """A gradient was started from a tensor of more than one element."""


class GradientShapeError(ShapeError):
    """A gradient whose shape is not its tensor's."""


class FreedGraphError(TinygradError, RuntimeError):
    """A second backward pass through a graph that the first one freed."""


class ChangedValueError(TinygradError, RuntimeError):
    """A value that the backward pass needs was changed after the forward pass read it."""


class MissingAttributeError(TinygradError, AttributeError):
    """A name that this package, or a Tensor, does not have, as Python's AttributeError."""


class AssignmentError(TinygradError, TypeError):
    """An assignment into a tensor, which would go unrecorded."""


class CaptureError(TinygradError, RuntimeError):
    """A function that is being compiled did what its program could not repeat for other values.

    A rule that needs values is applied as a whole: `whole`, which the traced value sets, writes that down.
    """

    whole: Callable[..., Any] | None = None

    def within(self, function: str) -> CaptureError:
        """The same error, which says in which of NumPy's functions it arose."""
        if function not in str(self):
            self.args = (f"{function}: {self}",)
        return self


class CaptureWarning(UserWarning):
    """A compiled function is captured anew again and again, which takes longer than not to compile it."""


class DifferenceError(TinygradError, RuntimeError):
    """A compiled function did not do what the function itself does."""


class ModuleError(TinygradError, AttributeError):
    """A module that is not set up so that its parameters are found, or that lacks what it needs to run."""


class StateError(TinygradError, ValueError):
    """A saved state that does not fit what it is loaded into, or a file that can't be read or written as one."""


class FileError(TinygradError, OSError):
    """A file that can't be read or written, as Python's OSError."""


class MissingFileError(FileError, FileNotFoundError):
    """A file, or its folder, that is not there."""


class ForbiddenFileError(FileError, PermissionError):
    """A file that this process may not read or write."""


class LostGradientWarning(UserWarning):
    """A gradient is 0 because a value was read off as a plain number or array on the way."""


class WrongGradientError(TinygradError, AssertionError):
    """A gradient is not right, or can't be checked; the message is the printed report."""


class ExerciseError(TinygradError, ValueError):
    """A forward pass of which no exercise can be made."""


class UnknownTensorError(TinygradError, LookupError):
    """A name or a tensor that is not in the graph, or not once."""


class UnknownFormatError(TinygradError, ValueError):
    """A file name whose ending does not say a format that this can be saved in."""


class ParameterError(TinygradError, ValueError, TypeError):
    """Parameters or hyperparameters that an optimiser, a schedule or a training run can't work with."""


class DivergedError(TinygradError, ArithmeticError):
    """A loss that is NaN or infinite, with which training can't go on."""


class AnomalyError(TinygradError, FloatingPointError):
    """A NaN or an infinity; the message tells where it began, and `anomaly` has the same as data."""

    def __init__(self, sentence: str, anomaly: Any = None) -> None:
        super().__init__(sentence)
        self.anomaly = anomaly


class TrainingWarning(UserWarning):
    """What a training step does is allowed, but rarely what was meant."""


class DrawingError(TinygradError, RuntimeError):
    """A picture that Graphviz could not draw."""


class MissingDependencyError(TinygradError, ImportError):
    """A package that this feature needs is not installed."""


def describe(shape: tuple[int, ...], dtype: object, name: str | None = None) -> str:
    """What a sentence calls a tensor: its name if it has one, its shape, its dtype.

    >>> describe((2, 5), "float64", "W1")
    'W1 (2, 5) float64'
    """
    return f"{name or 'a tensor'} {shape} {dtype}"


def described(value: Any) -> str:
    """What a sentence calls an input of an operation: a tensor, an array, or else the value itself.

    >>> described(np.ones(3)), described(None), described("x" * 1000)
    ('an array (3,) float64', 'None', 'a str')
    """
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        text = repr(value)
        return text if len(text) <= MOST_SHOWN and "\n" not in text else f"a {type(value).__name__}"
    name = getattr(value, "name", None)
    return describe(value.shape, value.dtype, name or ("a tensor" if hasattr(value, "__primitive__") else "an array"))


MOST_SHOWN = 60
"""A value of more letters is called by its type."""


def listed(descriptions: list[str]) -> str:
    """Join descriptions as a sentence does.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return (
        " and ".join([", ".join(descriptions[:-1]), descriptions[-1]])
        if len(descriptions) > 1
        else "".join(descriptions)
    )


_COUNTERPARTS: tuple[tuple[type[Exception], type[TinygradError]], ...] = (
    (np.exceptions.AxisError, AxisError),
    (np.linalg.LinAlgError, LinearAlgebraError),
    (IndexError, IndexingError),
    (ValueError, ShapeError),
    (OverflowError, ShapeError),
    (TypeError, DTypeError),
    (AttributeError, DTypeError),
)

_OF_ARRAYS = frozenset(dir(np.ndarray))

FORWARD_FAILURES = (ValueError, TypeError, IndexError, OverflowError, AttributeError)


FOREIGN_KEYWORDS = {
    "dim": "axis=",
    "dims": "axis=",
    "keepdim": "keepdims=",
    "create_graph": "tg.grad(tg.grad(f)), or tg.hessian, for a second derivative",
}
"""What other libraries call an argument, and what to write here."""


def forward_failure(error: Exception, operation: str, operands: list[str], place: str) -> TinygradError:
    """The error a user reads when NumPy refused the forward pass of an operation.

    `operation` is the primitive's name, `operands` describe its inputs, `place` is the line of the user's code. Its
    `reason` is what NumPy said, for whoever tells of it in another sentence.
    """
    kind = next(ours for theirs, ours in _COUNTERPARTS if isinstance(error, theirs))
    reason = reason_of(error)
    for theirs in FOREIGN_KEYWORDS:
        if reason.endswith(f"unexpected keyword argument '{theirs}'"):
            reason = f"{reason}; write {FOREIGN_KEYWORDS[theirs]}"
    told = kind(f"{operation} of {listed(operands) or 'its arguments'} failed, {place}: {reason}.")
    told.reason = reason  # type: ignore[attr-defined]
    return told


def reason_of(error: Exception) -> str:
    """Why NumPy refused an operation, without a full stop: of an error that is told already, without the rest."""
    if isinstance(error, AttributeError) and error.name in _OF_ARRAYS:
        return f"a {type(error.obj).__name__} is not an array of numbers"
    return getattr(error, "reason", None) or " ".join(str(error).split()).removesuffix(".")
