"""Batches: rows of several arrays together, in a new order each epoch, that can be taken up again where they stopped.

>>> import numpy as np, tinygrad_np as tg
>>> data = tg.batches(np.arange(5), np.arange(5) ** 2, batch_size=2)
>>> for x, y in data:
...     print(x, y)
[0 1] [0 1]
[2 3] [4 9]
[4] [16]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .errors import ParameterError, ShapeError, StateError, listed
from .frames import user_place
from .sentences import in_a_sentence, whole_number
from .tensor import Tensor


class Batches:
    """What `batches` makes: iterate over it once for each epoch; `len()` is the number of batches."""

    def __init__(self, arrays: list[Any], batch_size: int, shuffle: bool, seed: Any, drop_last: bool) -> None:
        self.arrays, self.rows, self.batch_size = arrays, arrays[0].shape[0], batch_size
        self.shuffle, self.drop_last = shuffle, drop_last
        self._generator = np.random.default_rng(seed)
        self._begin: Any = self._generator.bit_generator.state
        self._position = 0
        self._resumes = False

    def __len__(self) -> int:
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self._resumes:
            self._generator.bit_generator.state = self._begin
        else:
            self._begin, self._position = self._generator.bit_generator.state, 0
        self._resumes = False
        order = self._generator.permutation(self.rows) if self.shuffle else np.arange(self.rows)
        for number in range(self._position, len(self)):
            self._position = number + 1
            rows = order[number * self.batch_size : self._position * self.batch_size]
            yield self.arrays[0][rows] if len(self.arrays) == 1 else tuple(array[rows] for array in self.arrays)
        self._begin, self._position = self._generator.bit_generator.state, 0

    def state_dict(self) -> dict[str, Any]:
        """The order of this epoch, and of all that follow, and how many batches of it were handed out."""
        return {"generator": self._begin, "position": self._position, "rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the state was taken: the next iteration hands out what was left of that epoch."""
        if state_dict.get("rows") != self.rows:
            raise StateError(
                f"the state is one of batches of {state_dict.get('rows')} rows, {user_place()}, not of {self.rows}."
            )
        try:
            self._generator.bit_generator.state = state_dict["generator"]
        except (ValueError, TypeError, KeyError) as error:
            raise StateError(f"the state does not fit the generator of the batches, {user_place()}: {error}.") from None
        self._begin, self._position, self._resumes = state_dict["generator"], state_dict["position"], True


@in_a_sentence
def batches(
    *arrays: Any,
    batch_size: int = 32,
    shuffle: bool = False,
    seed: np.random.Generator | int | None = None,
    drop_last: bool = False,
) -> Batches:
    """Batches of rows of the arrays, to be iterated over once for each epoch.

    Args:
        arrays: of equally many rows. A batch is a tuple of arrays, or of one array alone that array's rows.
        batch_size: rows of a batch.
        shuffle: a new order in each epoch.
        seed: a seed or a generator for the orders; None differs from run to run.
        drop_last: leave out the last batch if it is smaller.

    `state_dict()` and `load_state_dict()` take an iteration up again, in the middle of an epoch too.

    Raises ShapeError for arrays of different lengths, ParameterError where there is no batch at all.
    """
    rowed = [
        array.numpy()
        if isinstance(array, Tensor)
        else array
        if hasattr(array, "__array_function__")
        else np.asarray(array)
        for array in arrays
    ]
    if not rowed or any(array.ndim == 0 for array in rowed):
        raise ParameterError(f"batches needs arrays with rows, {user_place()}: it was given {listed_shapes(rowed)}.")
    if len({array.shape[0] for array in rowed}) > 1:
        raise ShapeError(
            f"batches was given arrays of the shapes {listed_shapes(rowed)}, {user_place()}: they must have equally "
            "many rows, for the same row of each belongs together."
        )
    made = Batches(rowed, whole_number("batch_size", batch_size), shuffle, seed, drop_last)
    if not len(made):
        raise ParameterError(
            f"{made.rows} rows make no batch{f' of {batch_size} and drop_last' if made.rows else ''}, {user_place()}."
        )
    return made


def listed_shapes(arrays: list[Any]) -> str:
    """The shapes of arrays, as a sentence says them."""
    return listed([str(array.shape) for array in arrays]) or "nothing"
