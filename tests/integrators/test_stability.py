"""Limits of stability, read off the schemes' own rules, against those in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.integrators.stability import amplification, check_stable, largest_time_step
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.landscapes.torch_quadratic import TorchQuadratic

CURVATURE = 3.0
# the largest stable h k
LIMITS = [
    ("euler_maruyama", {}, 2.0),
    ("milstein", {}, 2.0),
    ("leimkuhler_matthews", {}, 2.0),
    ("stratonovich_heun", {}, 2.0),  # |1 - hk + (hk)^2/2| < 1
    ("heavy_ball", {"momentum": 0.0}, 2.0),
    ("heavy_ball", {"momentum": 0.9}, 3.8),  # 2 (1 + mu)
]


@pytest.mark.parametrize(("name", "own", "limit"), LIMITS)
def test_the_limit_is_the_one_in_closed_form_and_no_other(name: str, own: dict[str, float], limit: float) -> None:
    scheme = SCHEMES[name]
    found = largest_time_step(scheme, CURVATURE, {"time_step": 10.0, **own})
    assert found * CURVATURE == pytest.approx(limit, rel=1e-9)
    check_stable(scheme, CURVATURE, {"time_step": 0.999 * limit / CURVATURE, **own})
    with pytest.raises(IntegrationError, match=rf"{name} is unstable here.*time_step below {found:.4g}") as error:
        check_stable(scheme, CURVATURE, {"time_step": 1.001 * limit / CURVATURE, **own})
    assert "\n" not in str(error.value)


def test_factors_of_a_step_by_hand() -> None:
    steps = np.array([0.1, 0.3, 0.9])
    euler = amplification(SCHEMES["euler_maruyama"], CURVATURE, {"time_step": steps})
    np.testing.assert_allclose(euler, np.abs(1 - steps * CURVATURE), rtol=1e-14)
    # the eigenvalues of the heavy ball have the product mu: where they are a complex pair, the modulus sqrt(mu)
    ball = amplification(SCHEMES["heavy_ball"], CURVATURE, {"time_step": steps, "momentum": 0.9})
    np.testing.assert_allclose(ball, math.sqrt(0.9), rtol=1e-12)


def test_baoab_loses_stability_where_half_an_oscillation_fits_into_two_steps() -> None:
    """h sqrt(k) = 2, whatever the friction: that of velocity Verlet."""
    scheme = SCHEMES["baoab"]
    for friction in (0.1, 1.0, 10.0):
        own = dict.fromkeys(scheme.parameters, friction)
        found = largest_time_step(scheme, CURVATURE, {"time_step": 10.0, **own})
        assert found == pytest.approx(2 / math.sqrt(CURVATURE), rel=1e-6)


def test_flat_modes_and_saddles_are_no_fault_of_the_step() -> None:
    for curvature in (0.0, -5.0):
        check_stable(SCHEMES["euler_maruyama"], curvature, {"time_step": 1.0})
    with pytest.raises(IntegrationError, match=r"time_step 0\.5 x largest curvature 5 = 2\.5"):
        check_stable(SCHEMES["euler_maruyama"], np.array([1.0, 5.0, 2.0]), {"time_step": 0.5})


def test_the_largest_curvature_is_that_of_every_trajectory_and_of_constant_hessians_alone() -> None:
    plane = Expression("a*(x**2 + y**2)/2 + x*y", ("x", "y"), {"a": 2.0})
    found = plane.curvature_bound({"a": np.array([2.0, 2.0, 5.0])})
    np.testing.assert_allclose(found, [3.0, 3.0, 6.0], rtol=1e-12)  # a + 1
    assert Expression("x**4", "x").curvature_bound({}) is None
    bowl = TorchQuadratic(Quadratic(np.array([4.0, 1.0]), np.eye(2), np.zeros(2)))
    assert float(np.max(bowl.curvature_bound({}))) == 4.0
