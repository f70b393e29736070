"""Equations that cannot be run are refused in one line with the mend, before the first step where that is known."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.integration_error import IntegrationError
from langevin_sgd.landscapes.expression import Expression, quadratic
from langevin_sgd.landscapes.quadratic import HessianError, Quadratic
from langevin_sgd.noise import IsotropicNoise

OU = Expression("k*x**2/2", ("x",), {"k": 1.0})
WARM = IsotropicNoise(0.25)
SHARP = quadratic([[4.0, 1.0], [1.0, 2.0]])
SHARPEST = 3.0 + np.sqrt(2.0)


@pytest.mark.parametrize(
    ("scheme", "own", "limit"),
    [
        ("euler_maruyama", {}, 2.0 / SHARPEST),
        ("milstein", {}, 2.0 / SHARPEST),
        ("sra1", {}, 2.0 / SHARPEST),
        ("leimkuhler_matthews", {}, 2.0 / SHARPEST),
        ("stratonovich_heun", {}, 2.0 / SHARPEST),
        ("sri2", {}, 2.0 / SHARPEST),
        ("heavy_ball", {"momentum": 0.0}, 2.0 / SHARPEST),
        ("heavy_ball", {"momentum": 0.9}, 2.0 * 1.9 / SHARPEST),
        ("baoab", {"friction": 1.0}, 2.0 / np.sqrt(SHARPEST)),
    ],
)
def test_an_unstable_step_is_refused_before_the_first_step(scheme, own, limit):
    """The limits are those of PHYSICS section 2 and of the leapfrog; they come out of the rules."""
    kwargs = dict(scheme=scheme, parameters=own, steps=2, trajectories=2)
    with pytest.raises(IntegrationError, match=f"{scheme} is unstable.*take a time_step below {limit:.4g}") as caught:
        integrate(SHARP, WARM, time_step=limit * 1.0001, **kwargs)
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)
    integrate(SHARP, WARM, time_step=limit * 0.9999, **kwargs)
    integrate(SHARP, WARM, time_step=limit * 1.0001, force=True, **kwargs)


def test_the_limit_itself_is_unstable_and_saddles_and_valleys_are_no_fault_of_the_step():
    with pytest.raises(IntegrationError, match=r"= 2; take a time_step below 0\.5"):
        integrate(OU, WARM, time_step=0.5, steps=1, parameters={"k": 4.0})
    for k in (0.0, -1.0, 1e-14):
        integrate(OU, WARM, time_step=0.5, steps=1, parameters={"k": k})
    with pytest.raises(IntegrationError, match="no time_step is stable"):
        integrate(OU, WARM, scheme="heavy_ball", time_step=0.1, steps=1, parameters={"momentum": 1.0})


def test_one_unstable_point_of_a_scan_is_found():
    kwargs = dict(time_step=0.1, steps=1, trajectories=2)
    integrate(OU, WARM, scan={"k": [1.0, 19.0]}, **kwargs)
    with pytest.raises(IntegrationError, match="largest curvature 21"):
        integrate(OU, WARM, scan={"k": [1.0, 21.0, 2.0]}, **kwargs)
    with pytest.raises(IntegrationError, match=r"time_step 0\.4 "):
        integrate(SHARP, WARM, scan={"time_step": [0.1, 0.2, 0.4], "h1_1": [6.0]}, **kwargs)
    with pytest.raises(IntegrationError, match=r"time_step 0\.5 "):
        integrate(OU, WARM, parameters={"k": [9.0, 5.0], "time_step": [0.2, 0.5]}, **kwargs)


@pytest.mark.parametrize("backend", ["fused", "batched", "reference"])
def test_a_drift_that_is_no_number_at_the_start_is_the_users_to_mend(backend):
    landscape = Expression("log(x) + x*y", ("x", "y"))
    kwargs = dict(time_step=0.1, steps=5, trajectories=2, start=[[1.0, 0.0], [1.0, 1.0]], device="cpu")
    match = r"not finite at the start \(0, 1\) of trajectory 1; start elsewhere"
    with pytest.raises(IntegrationError, match=match) as caught, np.errstate(all="ignore"):
        integrate(landscape, WARM, backend=backend, **kwargs)
    assert "\n" not in str(caught.value)


def test_a_torch_function_without_a_number_at_the_start_is_the_users_to_mend():
    from langevin_sgd.landscapes.torch_callable import TorchCallable

    with pytest.raises(IntegrationError, match="not finite at the start"):
        integrate(TorchCallable(lambda w: w.log().sum(), 2), WARM, time_step=0.1, steps=5, device="cpu")


def test_a_matrix_that_is_no_hessian_is_refused():
    for matrix, match in (
        ([[1.0, 2.0], [0.0, 1.0]], "symmetric.*; give"),
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
    ):
        for make in (Quadratic.from_matrix, quadratic):
            with pytest.raises(HessianError, match=match) as caught:
                make(matrix)
            assert isinstance(caught.value, UserError)
            assert "\n" not in str(caught.value)
