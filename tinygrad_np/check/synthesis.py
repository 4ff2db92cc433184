"""Find expressions of the user's variables that have a given value: what a line should have said.

`completions(pool, target, value)` yields texts such as `{} * (1 - A1**2)` or `{} + 2 * reg * W1`, in which `{}` is
what the line says now, and `expressions(pool, target)` whole right-hand sides such as `dA1 * (1 - A1**2)`. Values
are looked up, not tried: each expression of one or two variables is evaluated once and found again by its values, up to
a factor that some number at hand explains.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from .values import varies

DIGITS = 7
MOST = 40
"""Of more arrays than this, only the latest are looked at."""


class Pool:
    """Expressions of the variables at hand, found by their values."""

    def __init__(self, variables: dict[str, Any], near: Collection[str] = ()) -> None:
        arrays = [(name, np.asarray(value)) for name, value in variables.items() if _is_array(value)]
        arrays = [(name, one.astype(float) if one.dtype.kind == "b" else one) for name, one in arrays]
        arrays = [
            (name, value) for name, value in arrays if value.dtype.kind in "fiub" and (value.size == 1 or varies(value))
        ]
        self.arrays = dict(arrays[-MOST:])
        # The size of what the line speaks of is likelier than the same number from elsewhere.
        self.numbers = _numbers({name: variables[name] for name in sorted(variables, key=lambda one: one not in near)})
        self.found: dict[Any, tuple[str, float]] = {}
        self.atoms: list[tuple[str, Any]] = []
        with np.errstate(all="ignore"):
            for text, value in self._atoms(variables):
                key, scale = _fingerprint(value)
                if key is not None and key not in self.found:
                    self.found[key] = text, scale
                    self.atoms.append((text, value))

    def _atoms(self, variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in self.arrays.items():
            yield name, value
        for name, value in self.arrays.items():
            yield f"(1 - {name}**2)", 1 - value * value
            yield f"{name} * (1 - {name})", value * (1 - value)
            yield f"({name} > 0)", (value > 0).astype(float)
            yield f"(1 - np.tanh({name})**2)", 1 - np.tanh(value) ** 2
            yield f"{name}**2", value * value
            yield f"(1 - {name})", 1 - value
            yield f"1 / (1 + np.exp(-{name}))", 1 / (1 + np.exp(-value))
            yield f"np.exp({name})", np.exp(value)
            if value.ndim == 1:
                yield f"{name}[:, None]", value[:, None]
            if value.ndim == 2:
                yield f"{name}.T", value.T
            for axis in range(value.ndim):
                yield f"np.sum({name}, axis={axis}, keepdims=True)", value.sum(axis=axis, keepdims=True)
                yield f"np.sum({name}, axis={axis})", value.sum(axis=axis)
        yield from self._one_hots(variables)
        for name, value in self.arrays.items():
            for other, second in self.arrays.items():
                if name < other and value.shape == second.shape:
                    yield f"({name} - {other})", value - second
                    yield f"{name} * {other}", value * second
                if name != other and value.shape == second.shape:
                    yield f"{name} / {other}", value / second
                    yield f"(1 - {name}) / (1 - {other})", (1 - value) / (1 - second)
                yield from _products(name, value, other, second)

    def _one_hots(self, variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """A 1 at the label of each row, or of the one column that there is."""
        for name, value in variables.items():
            labels = np.asarray(value if isinstance(value, np.ndarray | int | np.integer) else 0.0)
            if labels.dtype.kind not in "iu" or not labels.size or labels.ndim > 1:
                continue
            for other, scores in self.arrays.items():
                count = f"len({other})"
                if labels.ndim and scores.ndim == 2 and len(scores) == labels.size:
                    count, classes = f"{other}.shape[1]", scores.shape[1]
                elif not labels.ndim and (scores.ndim == 1 or scores.shape[1:] == (1,)):
                    classes = len(scores)
                else:
                    continue
                if labels.min() >= 0 and labels.max() < classes:
                    hot = np.eye(classes)[labels]
                    is_column = not labels.ndim and scores.ndim == 2
                    yield (
                        (f"np.eye({count})[:, [{name}]]", hot[:, None])
                        if is_column
                        else (f"np.eye({count})[{name}]", hot)
                    )

    @cached_property
    def _sums(self) -> dict[Any, tuple[str, float]]:
        """The sums of products of two arrays along an axis, as in the gradients of softmax and of normalisation."""
        found: dict[Any, tuple[str, float]] = {}
        with np.errstate(all="ignore"):
            for name, value in self.arrays.items():
                for other, second in self.arrays.items():
                    for axis in range(value.ndim) if value.shape == second.shape and name <= other else ():
                        key, scale = _fingerprint((value * second).sum(axis=axis, keepdims=True))
                        text = f"np.sum({name} * {other}, axis={axis}, keepdims=True)"
                        found.setdefault(key, (text, scale))
        return found

    def lookup(self, value: Any) -> str | None:
        """The text of an expression that has this value, up to a factor that is written beside it."""
        return self._named(value, self.found)

    def _named(self, value: Any, found: dict[Any, tuple[str, float]]) -> str | None:
        key, scale = _fingerprint(value)
        if key is None or key not in found:
            return None
        text, own = found[key]
        factor = scale / own
        for number, written in self.numbers.items():
            if math.isclose(abs(factor), number, rel_tol=1e-6):
                return f"{'-' if factor < 0 else ''}{text}{written}"
        return None

    def product(self, value: Any) -> str | None:
        """The text of an expression of this value: of one or two variables, or an array times a sum along an axis."""
        whole = self.lookup(value)
        if whole is not None or not np.ndim(value):
            return whole
        arrays = [(f"{name} * ", one) for name, one in self.arrays.items() if one.shape == value.shape]
        for text, other in [("", np.ones(value.shape)), *arrays]:
            ratio = np.where(other == 0, np.nan, value / other)
            for axis in range(value.ndim):
                first, last = ratio.take(0, axis=axis), ratio.take(-1, axis=axis)
                if value.shape[axis] < 2 or (np.abs(first - last) > 1e-5 * np.abs(first)).any():
                    continue  # Most fall here, where one look is enough.
                same = np.nanmean(ratio, axis=axis, keepdims=True)
                if np.allclose(other * same, value, rtol=1e-6, atol=1e-12):
                    factor = self._named(same, self.found) or self._named(same, self._sums)
                    if factor is not None:
                        return f"-{text}{factor[1:]}" if factor.startswith("-") else text + factor
        return None


def completions(pool: Pool, target: Any, value: Any) -> Iterator[str]:
    """What a line that gives `value` lacks, as a term or a factor, to give the target."""
    target, value = np.asarray(target), np.asarray(value)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if target.shape == value.shape:
            rest = target - value
            number = float(rest.flat[0]) if rest.size else 0.0
            is_number = abs(number) in (1.0, 2.0, 0.5) or round(abs(number), 9) in (1.0, 2.0, 0.5)
            if is_number and np.allclose(rest, number, rtol=1e-9):
                yield f"{{}} {'-' if number < 0 else '+'} {abs(round(number, 9)):g}"
            term = pool.product(rest)
            if term is not None:
                yield f"{{}} - {term[1:]}" if term.startswith("-") else f"{{}} + {term}"
            factor = pool.product(np.where(value == 0, np.nan, target / value))
            if factor is not None:
                yield f"{{}} * {factor}"
        ratio = _ratio(target, value)
        for number, written in pool.numbers.items() if ratio is not None else ():
            if written and ratio is not None and math.isclose(abs(ratio), number, rel_tol=1e-6):
                yield f"{'-' if ratio < 0 else ''}{{}}{written}"


def expressions(pool: Pool, target: Any) -> Iterator[str]:
    """Whole expressions of the value of the target."""
    target = np.asarray(target)
    with np.errstate(all="ignore"):
        whole = pool.lookup(target)
        if whole is not None:
            yield whole
        for text, value in pool.atoms:
            if value.shape == target.shape:
                for joined, rest in ((f"{text} * {{}}", target / value), (f"{text} + {{}}", target - value)):
                    other = pool.lookup(rest)
                    if other is not None:
                        yield joined.format(other)


def _ratio(target: Any, value: Any) -> float | None:
    """The number by which a value has to be multiplied, if it is one number."""
    if target.shape != value.shape or not value.size:
        return None
    at = np.abs(value).argmax()
    ratio = float(target.flat[at]) / float(value.flat[at]) if value.flat[at] else 0.0
    return (
        ratio if ratio and math.isfinite(ratio) and np.allclose(ratio * value, target, rtol=1e-6, atol=1e-12) else None
    )


def _is_array(value: Any) -> bool:
    """Whether this may be a quantity, rather than a count or an index."""
    return isinstance(value, np.ndarray | np.floating | float) and np.size(value) > 0


def _products(name: str, value: Any, other: str, second: Any) -> Iterator[tuple[str, Any]]:
    if value.ndim == second.ndim == 2:
        for left, a in ((name, value), (f"{name}.T", value.T)):
            for right, b in ((other, second), (f"{other}.T", second.T)):
                if a.shape[1] == b.shape[0]:
                    yield f"np.dot({left}, {right})", a @ b
    elif value.ndim == second.ndim == 1:
        yield f"np.outer({name}, {other})", np.outer(value, second)
    elif value.ndim > 2 == second.ndim:
        for right, b in ((other, second), (f"{other}.T", second.T)):
            if value.shape[-1] == len(b):
                yield f"{name} @ {right}", value @ b
    elif value.ndim == 2 and second.ndim == 1:
        for left, a in ((name, value), (f"{name}.T", value.T)):
            if a.shape[1] == len(second):
                yield f"np.dot({left}, {other})", a @ second


def _numbers(variables: dict[str, Any]) -> dict[float, str]:
    """The factors that may stand in a formula, with what is to be written behind it."""
    numbers = {1.0: "", 2.0: " * 2", 0.5: " / 2"}
    variables = {name: value for name, value in variables.items() if name.isidentifier()}
    for name, value in variables.items():
        if isinstance(value, int | float | np.number) and not isinstance(value, bool) and value > 0:
            for factor, text in ((value, f" * {name}"), (1 / value, f" / {name}"), (2 * value, f" * 2 * {name}")):
                numbers.setdefault(float(factor), text)
            numbers.setdefault(2 / float(value), f" * 2 / {name}")
    for name, value in variables.items():
        if isinstance(value, float | np.floating) and value not in (0.0, 1.0):
            numbers.setdefault(abs(1 - float(value)), f" * ({name} - 1)" if value > 1 else f" * (1 - {name})")
    for name, value in variables.items():
        if isinstance(value, np.ndarray):
            for axis, length in enumerate(value.shape):
                numbers.setdefault(1 / max(length, 1), f" / {name}.shape[{axis}]")
                numbers.setdefault(2 / max(length, 1), f" * 2 / {name}.shape[{axis}]")
            numbers.setdefault(1 / max(value.size, 1), f" / {name}.size")
            numbers.setdefault(2 / max(value.size, 1), f" * 2 / {name}.size")
        elif isinstance(value, int) and value > 1:
            numbers = {value**0.5: f" * np.sqrt({name})", value**-0.5: f" / np.sqrt({name})"} | numbers
    return numbers


def _fingerprint(value: Any) -> tuple[Any, float]:
    """What is the same for two arrays that differ by a factor alone, and the factor; of single numbers, by the sign."""
    flat = np.asarray(value, dtype=float).reshape(-1)
    scale = float(flat[np.abs(flat).argmax()]) if flat.size else 0.0
    if scale == 0 or not math.isfinite(scale):
        return None, 0.0
    if flat.size == 1:
        return (np.shape(value), f"{abs(scale):.{DIGITS}e}"), float(np.sign(scale))
    return (np.shape(value), ((flat / scale * 10**DIGITS).round() + 0.0).tobytes()), scale
