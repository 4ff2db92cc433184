"""What a program is given anew in each call besides arrays: numbers such as a learning rate, and random draws.

    with standing_in(anew, found, settings): ...

Meanwhile other things stand where these are: a traced number for the `lr` of an optimizer, and for a random generator
one that draws from a copy, and says what. The program draws the same from the generator itself, in each call.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...frames import user_place
from ...tree import flatten
from ..ir import Variable, astype, mapped
from ..state.reachable import Reachable
from ..state.remembered import slots_of
from ..state.slots import Slot
from .refusals import CANNOT_STAND, DRAWN_BY_VALUES, DRAWN_IN_PLACE, WEAK, refusal
from .shapes import is_traced
from .traced import Traced

_OF_NUMBERS = {
    np.absolute, np.add, np.conjugate, np.divide, np.divmod, np.floor_divide, np.multiply, np.negative, np.positive,
    np.power, np.remainder, np.subtract,
}  # fmt: skip
"""What gives a Python number if it is given such: Python's own operators."""


class Draw(NamedTuple):
    """A draw from a generator: its method, what that is given, and the variable of the result."""

    generator: np.random.Generator
    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    variable: Variable

    def __call__(self) -> Any:
        """Draw."""
        drawn = getattr(self.generator, self.method)(*self.arguments, **self.keywords)
        return np.float64(drawn) if type(drawn) is float else drawn

    @property
    def what(self) -> tuple[Any, ...]:
        """What is drawn, by which two draws of two runs are told to be the same."""
        return (id(self.generator), self.method, repr((self.arguments, self.keywords)))


class Anew:
    """What one run was given besides arrays; `give` makes an input of the program of a value.

    With each setting stands whether the function found it true, if it asked: the program holds for as long as it is.
    """

    def __init__(self, give: Callable[[Any, str | None], Traced]) -> None:
        self.give = give
        self.settings: list[tuple[Slot, bool | None]] = []
        self.draws: list[Draw] = []
        self._numbers: list[Traced] = []

    @property
    def variables(self) -> list[Variable]:
        """The inputs of the program, in its order."""
        return [*[number.variable for number in self._numbers], *[draw.variable for draw in self.draws]]

    def setting(self, setting: Slot) -> Traced:
        """A number that stands in state."""
        name = setting.name if isinstance(setting.name, str) and setting.name != "cell_contents" else None
        self._numbers.append(self.give(setting.value(), name))
        self.settings.append((setting, None))
        return self._numbers[-1]

    def is_true(self, number: Traced) -> bool | None:
        """Whether a setting is true; None if the number is not one."""
        index = next((index for index, other in enumerate(self._numbers) if other is number), None)
        if index is None:
            return None
        self.settings[index] = self.settings[index][0], bool(number.value)
        return bool(number.value)

    def draw(self, generator: Any, twin: Any, method: str, arguments: Any, keywords: Any) -> Traced:
        """What a method draws from the generator that runs in its place."""
        if any(map(is_traced, flatten((arguments, keywords))[0])):
            raise refusal(DRAWN_BY_VALUES, method=method, line=user_place())
        value = None if method == "spawn" or "out" in keywords else getattr(twin, method)(*arguments, **keywords)
        if not isinstance(value, float | np.ndarray | np.generic):
            raise refusal(DRAWN_IN_PLACE, method=method, line=user_place())
        traced = self.give(value, None)
        self.draws.append(Draw(generator, method, arguments, keywords, traced.variable))
        return traced


class Drawing(np.random.Generator):
    """Stands for a generator: what is drawn from it is an input of the program."""

    def __init__(self, anew: Anew, generator: np.random.Generator) -> None:
        bits = copy.deepcopy(generator.bit_generator)
        super().__init__(bits)
        self.anew = anew
        self.generator = generator
        self.twin = np.random.Generator(bits)

    @property
    def bit_generator(self) -> NoReturn:
        """How far it has come, which is another thing in each call."""
        raise refusal(DRAWN_IN_PLACE, method="bit_generator", line=user_place())

    def __reduce__(self) -> Any:
        raise refusal(DRAWN_IN_PLACE, method="a copy", line=user_place())


def _method(name: str) -> Any:
    return lambda self, *arguments, **keywords: self.anew.draw(self.generator, self.twin, name, arguments, keywords)


for _name in dir(np.random.Generator):
    if not _name.startswith("_") and _name != "bit_generator":
        setattr(Drawing, _name, _method(_name))


def strong(name: str, function: Any, arguments: Any, keywords: Any) -> tuple[Any, bool]:
    """The arguments with numbers of NumPy for Python's, whose dtype gives way to that of arrays.

    And whether the result gives way, too, for it is one of Python's.
    """
    traced = [leaf for leaf in flatten((arguments, keywords))[0] if hasattr(leaf, "dtype")]
    weak = [leaf for leaf in traced if isinstance(leaf, Traced) and leaf.is_weak]
    if not weak or function is astype:
        return arguments, False
    if len(weak) == len(traced):
        return arguments, function in _OF_NUMBERS
    dtype = np.result_type(*[leaf.dtype for leaf in traced if not any(leaf is number for number in weak)], 0.0)
    if dtype == np.float64:
        return arguments, False
    if not isinstance(function, np.ufunc) and function not in (np.where, np.clip, np.full_like):
        raise refusal(WEAK, name=name, dtype=dtype, line=user_place())
    return mapped(arguments, lambda leaf: leaf.astype(dtype) if any(leaf is number for number in weak) else leaf), False


@contextmanager
def standing_in(anew: Anew, found: Reachable, settings: Iterable[Slot]) -> Iterator[dict[int, Any]]:
    """Let traced numbers stand for the settings and others for generators, in all slots that were found."""
    drawings = {
        id(generator): Drawing(anew, generator)
        for generator, _ in found.randoms
        if type(generator) is np.random.Generator
    }
    stood: list[tuple[Slot, Any, Any]] = []
    try:
        for setting in settings:
            before, traced = setting.value(), anew.setting(setting)
            if not setting.put(traced):
                raise refusal(CANNOT_STAND, name=setting.name)
            stood.append((setting, before, traced))
        entries = (slot for container, _ in found.containers for slot in slots_of(container))
        for slot in [*found.slots, *entries] if drawings else ():
            value = slot.value()
            other = replaced(value, drawings)
            if other is not value:
                stood.append((slot, value, other))
                slot.put(other)
        yield drawings
        for setting, _, other in stood:
            if setting.value() is not other:
                raise refusal(CANNOT_STAND, name=setting.name)
    finally:
        for setting, value, other in reversed(stood):
            if setting.value() is other:  # Else the function has put something there.
                setting.put(value)


def replaced(value: Any, drawings: dict[int, Any]) -> Any:
    """A value with others for the generators: itself, a method of its, an entry of a tuple."""
    if isinstance(value, types.MethodType | types.BuiltinMethodType) and id(value.__self__) in drawings:
        return getattr(drawings[id(value.__self__)], value.__name__)
    if type(value) is tuple and any(id(part) in drawings for part in value):
        return tuple(drawings.get(id(part), part) for part in value)
    return drawings.get(id(value), value)
