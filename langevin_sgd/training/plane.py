"""The plane through three weight vectors, with coordinates as Garipov et al. (2018) draw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array

Array = NDArray[np.float64]

_FLAT = 1e-9  # of the longest side
_ROUNDING = 1e-12  # of the length of the points


@dataclass(frozen=True)
class Plane:
    """The points origin + x u + y v, u and v the orthonormal rows of `axes` (2, d).

    `corners` (3, 2) are the coordinates of the three points that it was laid through.
    """

    origin: Array
    axes: Array
    corners: Array

    @classmethod
    def through(cls, points: ArrayLike) -> Plane:
        """The plane through three points (3, d): the first is the origin, the second lies on the axis of x.

        By Gram and Schmidt: u along w_2 - w_1, v along what w_3 - w_1 has besides that, so that distances in the plane
        are those between weights. Raises `UserError` if the points are not three, of two coordinates or more and
        finite, or lie on one line.
        """
        given = real_array(points, "the points of a plane", UserError)
        if given.ndim != 2 or len(given) != 3 or given.shape[1] < 2:
            raise UserError(f"a plane goes through points (3, d), d >= 2, but these have shape {given.shape}")
        if collinear(given):
            raise UserError("the three points lie on one line, through which there are many planes; give others")
        along, u = _length_and_unit(given[1] - given[0])
        side = given[2] - given[0]
        height, v = _length_and_unit(side - (side @ u) * u)
        return cls(given[0], np.stack([u, v]), np.array([[0.0, 0.0], [along, 0.0], [float(side @ u), height]]))

    def at(self, coordinates: ArrayLike) -> Array:
        """The points (n, d) at coordinates x, y, an array (n, 2)."""
        found: Array = self.origin + np.asarray(coordinates, dtype=np.float64) @ self.axes
        return found


def collinear(points: Array, *, within: float = _ROUNDING) -> bool:
    """Whether three points (3, d) lie on one line, so that they span no plane.

    Points count as one whose distance is no more than that part of the longest of the three vectors.
    """
    sides = points[1:] - points[0]
    longest = float(np.linalg.norm(sides, axis=1).max())
    along, u = _length_and_unit(sides[0])
    height = float(np.linalg.norm(sides[1] - (sides[1] @ u) * u))
    scale = float(np.linalg.norm(points, axis=1).max())
    return not min(along, height) > max(_FLAT * longest, within * scale)


def _length_and_unit(vector: Array) -> tuple[float, Array]:
    length = float(np.linalg.norm(vector))
    return length, vector / length if length > 0.0 else vector
