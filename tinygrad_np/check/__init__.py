"""Checks: manual gradients against automatic ones, automatic ones against numeric ones."""

from ..errors import UnknownTensorError, WrongGradientError
from .backward import BackwardReport, check_backward
from .comparison import compare_gradients
from .gradcheck import gradcheck
from .numeric import numeric_gradient
from .report import Report, Row

__all__ = [
    "BackwardReport",
    "Report",
    "Row",
    "UnknownTensorError",
    "WrongGradientError",
    "check_backward",
    "compare_gradients",
    "gradcheck",
    "numeric_gradient",
]
