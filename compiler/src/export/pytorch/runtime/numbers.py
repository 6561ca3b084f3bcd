"""Functions of numbers, as the language has them."""

import math

import torch


def divide(a, b):
    """The quotient: of whole numbers a whole one where it is exact."""
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    return a / b


def make_divisible(value, divisor=8, least=None, keep=0.9):
    """The multiple of `divisor` nearest to a number of channels (Sandler et al., CVPR 2018)."""
    rounded = max(int(value + divisor / 2) // divisor * divisor, divisor if least is None else least)
    return int(rounded + divisor if rounded < keep * value else rounded)


def min_(*values):
    """The least of the numbers, or of a list of them."""
    return min(*values) if len(values) > 1 or isinstance(values[0], (list, tuple, range)) else values[0]


def max_(*values):
    """The greatest of the numbers, or of a list of them."""
    return max(*values) if len(values) > 1 or isinstance(values[0], (list, tuple, range)) else values[0]


def zip_(values, others):
    """The pairs of the elements of two lists."""
    return list(zip(values, others))


def reversed_(values):
    """A list with its elements in the other order."""
    return list(reversed(values))
