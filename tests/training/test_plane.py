"""Coordinates on the plane through three points."""

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.training import Plane


def test_distances_on_the_plane_are_those_between_the_points():
    points = np.random.default_rng(0).normal(size=(3, 7))
    plane = Plane.through(points)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(plane.at(plane.corners), points, atol=1e-13)
    assert plane.corners[1, 1] == 0.0
    assert plane.corners[2, 1] > 0.0
    for one, other in ((0, 1), (0, 2), (1, 2)):
        between = np.linalg.norm(points[one] - points[other])
        assert np.linalg.norm(plane.corners[one] - plane.corners[other]) == pytest.approx(between, rel=1e-13)


@pytest.mark.parametrize("third", [[2.0, 4.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.5, 1.0, 1e-12]])
def test_three_points_on_a_line_span_none(third):
    with pytest.raises(UserError, match="lie on one line"):
        Plane.through([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0], third])
    with pytest.raises(UserError, match="lie on one line"):
        Plane.through([third, third, third])


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.zeros((3, 1)), np.zeros(3)])
def test_what_is_no_three_points_is_refused(points):
    with pytest.raises(UserError, match="goes through points"):
        Plane.through(points)
