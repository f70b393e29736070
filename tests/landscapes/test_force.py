"""A drift that is no gradient: a formula beside the energy."""

import numpy as np
import pytest

from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.schemes.scheme import SchemeError
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import FormulaError
from langevin_sgd.noise import IsotropicNoise

TURNING = Expression("k*(x**2 + y**2)/2", ("x", "y"), {"k": 1.0, "turn": 2.0}, force=("-turn*y", "turn*x"))


def test_the_force_adds_to_minus_the_gradient() -> None:
    at = np.array([[0.3, -1.0], [0.7, 0.2]])
    np.testing.assert_allclose(TURNING.drift_at(at), [-at[0] - 2.0 * at[1], -at[1] + 2.0 * at[0]])
    assert not TURNING.is_quadratic


@pytest.mark.parametrize("backend", ["fused", "batched"])
def test_a_step_follows_the_drift(backend: str) -> None:
    """Almost without noise, Euler's method by hand, to 1e-5."""
    run = integrate(
        TURNING, IsotropicNoise(1e-16), time_step=0.05, steps=20, start=[1.0, 0.0], backend=backend,
        record=Record(steps=[20], each=["x", "y"]),
    )  # fmt: skip
    w = np.array([1.0, 0.0])
    for _ in range(20):
        w = w + 0.05 * TURNING.drift_at(w)
    got = [float(run.data[name][0, 0]) for name in ("x", "y")]
    np.testing.assert_allclose(got, w, atol=1e-5)


def test_exact_scheme_and_wrong_sizes_are_refused() -> None:
    with pytest.raises(SchemeError, match="force"):
        integrate(TURNING, IsotropicNoise(1.0), time_step=0.1, steps=1, scheme="exact")
    with pytest.raises(FormulaError, match="force has 1 formulas"):
        Expression("x**2 + y**2", ("x", "y"), force=("y",))
