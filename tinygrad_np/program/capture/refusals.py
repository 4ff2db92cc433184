"""What a program can't hold, and how it is said: the sentences of a capture.

    raise refusal(EFFECT, does="printed '…', train.py line 12")

Each names the line and says what to do instead. What a traced value refuses is a pair, of what was done with it and of
the advice, in the one sentence REFUSED.
"""

from __future__ import annotations

import dis
import functools
import threading
from types import CodeType
from typing import Any

from ...errors import CaptureError
from ...frames import user_frame, user_place


class _Refused(threading.local):
    def __init__(self) -> None:
        self.refused: list[tuple[str, CaptureError]] = []


_thread = _Refused()


def refusal(sentence: str, **facts: Any) -> CaptureError:
    """The error of a sentence with these facts."""
    error = CaptureError(sentence.format(**facts))
    _thread.refused.append((user_place(), error))
    return error


def refused() -> list[tuple[str, CaptureError]]:
    """What was refused in this thread, and where: a function may have caught it, and gone on in another way."""
    return _thread.refused


def settle(error: CaptureError) -> None:
    """Take back what was refused at the line of this error: a rule did so, which the program has as a whole."""
    lines = {user_place(), *(line for line, other in _thread.refused if other is error)}
    _thread.refused[:] = [(line, other) for line, other in _thread.refused if line not in lines]


REFUSED = (
    "{what} of a compiled function {done}, {line}: the program that is being captured has to hold for other values "
    "too. {advice}"
)

GENERAL = "Return the value and look at it outside; compute with NumPy's functions, which give new arrays."
LENGTH = (
    "was given to {}, the shape of whose result depends on values",
    "Choose with np.where, which keeps the shape, or call it outside, and give what it returns as an argument.",
)
MASK = (
    "was used as a mask, whose result has as many elements as are true",
    "Write np.where(mask, x, 0), which keeps the shape, instead of x[mask], and divide sums by np.sum(mask).",
)
BOUND = (
    "was the bound of a slice, whose length would depend on it",
    "Pick as many elements in every call: x[start + np.arange(10)] instead of x[start:start + 10].",
)
STORED = (
    "was written into an array or list, or says where",
    "Write tg.index_update(array, index, value) instead of array[index] = value, tg.one_hot(labels, n) for ones in "
    "rows of zeros.",
)
PICKED = (
    "was the index into an array or list that is not part of the program",
    "Make the array a Tensor or an argument: Tensor(array)[index] instead of array[index], tg.one_hot(labels, n) "
    "instead of np.eye(n)[labels].",
)
TRUTH = (
    "was asked whether it is true (by an if, a while, an assert, a comparison)",
    "Choose with np.where, np.maximum or np.logical_and, which give arrays, or return the value and branch outside.",
)
ARRAY = (
    "was printed, or given to code that needs its numbers",
    "Return the value and look at it outside; join values with np.stack or np.concatenate, not np.array.",
)
NUMBER = ("was read as a number", GENERAL)
ROUNDED = ("was rounded to a Python number", "Round with np.round, or return the value and round it outside.")
SHOWN = ("was printed", "Return the value and print it outside.")
INTO_ARRAY, INTO_FILE = ("would be written into an array", GENERAL), ("would be written into a file", GENERAL)
COPIED, LOOKED_UP = ("would be copied or pickled", GENERAL), ("was looked up in a dict or a set", GENERAL)

OLD_NAME = (
    "an array that was changed in place, {changed}, is used by an old name, {line}: the array itself, or another that "
    "was a view of it. A compiled function takes `a = a + b`, and `t.data -= a` of a Tensor's values."
)
CHANGED_ARGUMENT = (
    "{line}: the function changes an argument ({kind}), which its program would leave as it is: return new values "
    "instead (`a = a + b`, a new dict), or close over a Tensor, and change that."
)
CHANGED_THROUGH_ARRAY = (
    "a Tensor's {what} were changed in place through an array, {line}; a compiled function takes `t.{name} -= a` or "
    "`t.{name} = a`."
)
GRADIENT_OF_ARGUMENT = (
    "backward(), zero_grad() or .grad reached a Tensor that was given as an argument, {line}, whose .grad a compiled "
    "function can't read or change; close over it, or return what tg.grad gives. A state that is carried from call to "
    "call, as that of a recurrent network, is given as h.detach()."
)
RECORDED_BEFORE = (
    "backward() reached an operation that was recorded before this function was called, {line}: a program would keep "
    "its values as they are now. Compute the loss inside the function that is compiled."
)
FAILED = (
    "{failure}, and the function went on in another way, which its program would do for all values; give it values for "
    "which nothing fails, or look at what it returns outside."
)
ERRSTATE = (
    "np.errstate lets NumPy raise errors, {line}, which a program does not do: compile the function without it, and "
    "call it within."
)
EFFECT = (
    "a compiled function {does}, which its program would not do in every call: return what that takes, and do "
    "it outside."
)
LAYOUT = (
    "was read in the order in which it lies in memory (order={!r}), which may be another in every call",
    'Say order="C" or order="F".',
)
OBJECTS = (
    "an array of objects met a compiled function, {line}: a program has arrays of numbers; join values with np.stack "
    "or np.concatenate."
)
SUBCLASS = (
    "a {kind} met a compiled function, {line}: its operators may mean something else; give np.asarray of it, or "
    ".filled() of a masked array."
)
NOT_WRITTEN = (
    "{value!r} was given to a function, {line}, and can't be written out in a program: that takes arrays, numbers, "
    "strings and dtypes."
)
RETURNS_RUN = (
    "{line}: a compiled function returns a {kind} with values of its run in it; it takes and returns arrays, Tensors, "
    "numbers, and lists, tuples and dicts of them."
)
RETURNS_OBJECT = (
    "{line}: a compiled function returns a {kind} that it makes, the same one in every call; it takes and returns "
    "arrays, Tensors, numbers, and trees of them."
)
ITERATOR = (
    "the function can reach {path}, an iterator ({kind}), whose next value would be read once and then used in every "
    "call: call next() outside, and give the value as an argument."
)
KEPT = (
    "the function keeps a value in {path}, where its program would not put it, once compiled: return the value, and "
    "keep it outside. What is made in the first call alone, let a call of the function itself make before it is "
    "compiled."
)
CHANGED_TWICE = (
    "the function changes {path}, as it showed when it was run a second time: its program, once compiled, would not. "
    "Return what is new and keep it outside, give it as an argument, or make it the data of a Tensor, which a compiled "
    "function may change."
)
DRAWN = (
    "the function draws random numbers from {path}, others when it was run a second time, but its program would always "
    "repeat the first: draw from a numpy.random.Generator that the function closes over, as it is or as an attribute, "
    "or pass them as an argument."
)
DRAWN_BY_VALUES = (
    "random numbers are drawn by {method}(), {line}, with captured values for its arguments: draw from a distribution "
    "that is always the same, and compute with what is drawn, as in mean + deviation * rng.normal(size=mean.shape) or "
    "x[rng.permutation(len(x))]."
)
CANNOT_STAND = (
    "{name}, a number that changes between calls or a random generator, stands where a capture can't put another, or "
    "is replaced by the function: give it as an argument."
)
WEAK = (
    "a number that a program is given meets arrays of {dtype} in {name}, {line}, where the dtype of the result is not "
    "known: write np.asarray(number, np.{dtype})."
)
RETURNS_NUMBER = "{line}: a compiled function returns a Python number that it is given: return np.asarray(number)."
OTHER_THREAD = (
    "a value of a function that another thread is capturing was met, {line}: threads share a number or a generator "
    "for which another one stands meanwhile. Call the compiled function once before the threads begin."
)
DRAWN_IN_PLACE = (
    "{method} of a random generator is used, {line}: a program draws new arrays alone, such as rng.permutation(n)."
)
DIFFERS = (
    "{line}: the function did something else when it was run a second time with the same arguments: a random number, a "
    "counter, the time, or what its first call alone makes. A compiled function would always repeat the first; pass it "
    "as an argument, or let the function itself run once before."
)
NO_SOURCE = "the source of {function!r}, which the program calls, can't be read: {error}."
NO_PLAIN_FUNCTION = "{function!r}, which the program calls, is not a plain function that could be written out."
NO_STATEMENT = "{name}, which the program reads, can't be written out."
NOT_CALLABLE = "tg.compile was given {value!r}, which is not a function."
NOTHING_YET = "nothing is compiled yet: call the function once with arguments of the kind it is for."
MORE_ATTRIBUTES = (
    "a compiled function was given a {kind} with attributes that are not given when it is made; give them as fields, "
    "or as arguments of their own."
)


def of_the_running_line(otherwise: tuple[str, str]) -> tuple[str, str]:
    """What was done with a value that had to tell its numbers, and what to do: seen in the user's line that runs."""
    frame = user_frame()
    return _DONE_BY.get(_done_by(frame.f_code, frame.f_lasti), otherwise)


@functools.lru_cache(1000)
def _done_by(code: CodeType, instruction: int) -> str:
    """What an instruction does with an item of something, as the bytecode says it."""
    running = next((step for step in dis.get_instructions(code) if step.offset == instruction), None)
    return "" if running is None else "BINARY_SUBSCR" if running.argrepr == "[]" else running.opname


_DONE_BY = {"STORE_SUBSCR": STORED, "BINARY_SUBSCR": PICKED}
