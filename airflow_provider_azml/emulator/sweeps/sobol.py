"""Sobol's sequence: points that fill a cube evenly, from the first ones on."""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BITS = 32
_DIRECTIONS = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)),
    (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)),
    (7, 4, (1, 3, 7, 13, 13, 15, 69)),
)
"""Degree s, coefficients a and initial numbers m of each dimension but the first."""
MOST_DIMENSIONS = 1 + len(_DIRECTIONS)


def points(dimensions: int, seed: int | None = None) -> Iterator[tuple[float, ...]]:
    """The points of the sequence, in Gray code order, without end.

    Args:
        dimensions: How many coordinates each has, 1 to ``MOST_DIMENSIONS``.
        seed: Shifts the sequence: all its points by the same bits, so that it stays as even. Without one it is the
            sequence itself, from its second point on; the first is the corner of the cube.

    Example:
        >>> list(islice(points(2), 3))
        [(0.5, 0.5), (0.75, 0.25), (0.25, 0.75)]

    Source: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci.
    Comput. 30 (2008); the direction numbers are those of their file ``new-joe-kuo-6.21201``
    (https://web.maths.unsw.edu.au/~fkuo/sobol/).
    """
    directions = [_directions(dimension) for dimension in range(dimensions)]
    chance = random.Random(seed)  # noqa: S311 (not for secrets)
    state = [0 if seed is None else chance.getrandbits(_BITS) for _ in range(dimensions)]
    if seed is not None:
        yield _point(state)
    for index in count():
        changing = (~index & (index + 1)).bit_length() - 1
        state = [value ^ direction[changing] for value, direction in zip(state, directions, strict=True)]
        yield _point(state)


def _point(state: list[int]) -> tuple[float, ...]:
    return tuple(value / 2**_BITS for value in state)


def _directions(dimension: int) -> list[int]:
    if dimension == 0:
        return [1 << (_BITS - 1 - place) for place in range(_BITS)]
    degree, coefficients, initial = _DIRECTIONS[dimension - 1]
    numbers = [value << (_BITS - 1 - place) for place, value in enumerate(initial)]
    for place in range(degree, _BITS):
        number = numbers[place - degree] ^ (numbers[place - degree] >> degree)
        for step in range(1, degree):
            if coefficients >> (degree - 1 - step) & 1:
                number ^= numbers[place - step]
        numbers.append(number)
    return numbers
