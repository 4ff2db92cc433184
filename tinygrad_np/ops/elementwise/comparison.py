"""Comparisons, tests and arithmetic of whole numbers: ufuncs whose results carry no gradient."""

from __future__ import annotations

import numpy as np

from ...primitive import Primitive, primitive


def without_gradient(ufunc: np.ufunc, meaning: str) -> Primitive:
    """A ufunc as a primitive that has no gradient rule."""

    def of_one(x):
        return ufunc(x)

    def of_two(a, b):
        return ufunc(a, b)

    forward = of_one if ufunc.nin == 1 else of_two
    forward.__doc__ = meaning
    return primitive(name=ufunc.__name__, elementwise=True)(forward)


equal = without_gradient(np.equal, "a == b.")
not_equal = without_gradient(np.not_equal, "a != b.")
less = without_gradient(np.less, "a < b.")
less_equal = without_gradient(np.less_equal, "a <= b.")
greater = without_gradient(np.greater, "a > b.")
greater_equal = without_gradient(np.greater_equal, "a >= b.")

logical_not = without_gradient(np.logical_not, "Whether x is 0 or false.")
logical_and = without_gradient(np.logical_and, "Whether both are true.")
logical_or = without_gradient(np.logical_or, "Whether either is true.")
logical_xor = without_gradient(np.logical_xor, "Whether one is true and the other is not.")

isnan = without_gradient(np.isnan, "Whether x is not a number.")
isinf = without_gradient(np.isinf, "Whether x is infinite.")
isfinite = without_gradient(np.isfinite, "Whether x is neither infinite nor NaN.")
signbit = without_gradient(np.signbit, "Whether the sign of x is negative.")

invert = without_gradient(np.invert, "~x.")
bitwise_and = without_gradient(np.bitwise_and, "a & b.")
bitwise_or = without_gradient(np.bitwise_or, "a | b.")
bitwise_xor = without_gradient(np.bitwise_xor, "a ^ b.")
bitwise_count = without_gradient(np.bitwise_count, "How many bits of |x| are 1.")
left_shift = without_gradient(np.left_shift, "a 2**b.")
right_shift = without_gradient(np.right_shift, "floor(a / 2**b).")

gcd = without_gradient(np.gcd, "The greatest common divisor of |a| and |b|.")
lcm = without_gradient(np.lcm, "The least common multiple of |a| and |b|.")
