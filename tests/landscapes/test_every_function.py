"""Every function of the formula language: value, gradient and Hessian against mpmath, and alike on every backend."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch

from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.formula import FUNCTIONS, FormulaError
from langevin_sgd.landscapes.torch_callable import TorchCallable
from langevin_sgd.noise import IsotropicNoise

POINTS = (0.3, 0.7, 1.2)
# formula, in mpmath, in torch
TABLE = {
    **{f"{name}(x)": (getattr(mpmath, name), getattr(torch, name)) for name in FUNCTIONS},
    "2**x": (lambda x: mpmath.mpf(2) ** x, lambda x: 2**x),
    "0.5**(-x)": (lambda x: mpmath.mpf(2) ** x, lambda x: 2**x),
    "2.3**(x**2)": (lambda x: mpmath.mpf(2.3) ** (x * x), lambda x: 2.3 ** (x * x)),
    "pi**x": (lambda x: mpmath.pi**x, lambda x: torch.pi**x),
    "a**x": (lambda x: mpmath.mpf(1.7) ** x, lambda x: 1.7**x),
    "x**x": (lambda x: x**x, lambda x: x**x),
    "x**a": (lambda x: x ** mpmath.mpf(1.7), lambda x: x**1.7),
    "x**0.3": (lambda x: x ** mpmath.mpf(0.3), lambda x: x**0.3),
    "x**-1.5": (lambda x: x ** mpmath.mpf(-1.5), lambda x: x**-1.5),
    "x**-2": (lambda x: x**-2, lambda x: x**-2),
    "x**5": (lambda x: x**5, lambda x: x**5),
    "sqrt(x**2)": (abs, abs),
    "log(2**x)": (lambda x: x * mpmath.log(2), lambda x: x * np.log(2)),
    "pi*x**2": (lambda x: mpmath.pi * x * x, lambda x: torch.pi * x * x),
}


def landscape(formula):
    return Expression(formula, ("x",), {"a": 1.7} if "a*" in formula or "**a" in formula else {})


@pytest.mark.parametrize("formula", TABLE)
def test_value_gradient_and_hessian_are_those_of_mpmath(formula):
    own, exact = landscape(formula), TABLE[formula][0]
    with mpmath.workdps(40):
        for x in POINTS:
            expected = [float(mpmath.diff(exact, mpmath.mpf(x), n)) for n in (0, 1, 2)]
            found = [own.energy_at([x]), own.gradient_at([x])[0], own.hessian_at([x])[0, 0]]
            assert [float(value) for value in found] == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("formula", TABLE)
def test_batched_reference_and_callable_take_the_step_of_mpmath(formula):
    """Without noise one step is x - h dE/dx; the energy is recorded where it leads."""
    step, exact = 0.01, TABLE[formula][0]
    run = dict(time_step=step, steps=1, trajectories=3, start=[list(POINTS)], device="cpu", force=True)
    expected = [x - step * float(mpmath.diff(exact, x)) for x in POINTS]
    energies = [float(exact(mpmath.mpf(x))) for x in expected]
    cold, record = IsotropicNoise(0.0), Record(steps=(1,), each=["energy"])
    for own, backend in (
        (landscape(formula), "batched"),
        (landscape(formula), "reference"),
        (TorchCallable(lambda w: TABLE[formula][1](w[0]), 1), "batched"),
    ):
        ran = integrate(own, cold, record=record, backend=backend, **run)
        assert ran.state.vectors["position"][0] == pytest.approx(expected, rel=1e-12)
        assert ran.data["energy"].values[:, 0] == pytest.approx(energies, rel=1e-12)


def test_the_fused_kernel_takes_the_same_step():
    """All functions in one kernel: as quantities, and their gradients as the drift of a coordinate each."""
    chosen = ["2**x", "a**x", "x**x", "tan(x)", "atan(x)", "cosh(x)", "log(x)", "sqrt(x)", "x**-1.5"]
    names = [f"x{i}" for i in range(len(chosen))]
    energy = " + ".join(formula.replace("x", name) for formula, name in zip(chosen, names, strict=True))
    whole = Expression(energy, tuple(names), {"a": 1.7})
    start = np.full((len(chosen), 1), 0.7)
    formulas = {f"q_{name}": f"{name}(x0)" for name in FUNCTIONS}
    record = Record(steps=(0,), each=list(formulas), formulas=formulas)
    ran = integrate(whole, IsotropicNoise(0.0), time_step=0.01, steps=1, start=start, record=record, backend="fused",
                    device="cpu", force=True)  # fmt: skip
    expected = [0.7 - 0.01 * float(mpmath.diff(TABLE[formula][0], 0.7)) for formula in chosen]
    assert ran.state.vectors["position"][:, 0] == pytest.approx(expected, rel=1e-12)
    for name in FUNCTIONS:
        assert float(ran.data[f"q_{name}"][0, 0]) == pytest.approx(float(getattr(mpmath, name)(0.7)), rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "mend"),
    [
        ("atan2(x, 2)", r"write atan2\(y, x\) as 2\*atan"),
        ("asin(x)", r"write asin\(x\) as atan"),
        ("acos(x)", r"write acos\(x\) as pi/2 - atan"),
        ("sign(x)", r"use a smooth form, such as tanh\(x/0.1\)"),
        ("Abs(x)", r"such as sqrt\(x\*\*2 \+ 0.01\)"),
        ("abs(x)", r"such as sqrt\(x\*\*2 \+ 0.01\)"),
        ("Min(x, 1)", r"such as \(a \+ b - sqrt"),
        ("max(x, 1)", r"such as \(a \+ b \+ sqrt"),
        ("(-2)**x", "to a power that varies is no real number"),
        ("0**x", "to a power that varies is no real number"),
    ],
)
def test_what_has_no_smooth_derivative_is_refused_with_the_mend(formula, mend):
    with pytest.raises(FormulaError, match=mend) as caught:
        Expression(formula, ("x",))
    assert "\n" not in str(caught.value)


def test_the_mends_are_right():
    """atan2 and the inverse functions as the messages write them."""
    y, x = 0.4, -0.3
    angle = Expression("2*atan(y/(x + sqrt(x**2 + y**2)))", ("y", "x"))
    assert float(angle.energy_at([y, x])) == pytest.approx(np.arctan2(y, x), rel=1e-14)
    assert float(Expression("atan(x/sqrt(1 - x**2))", ("x",)).energy_at([x])) == pytest.approx(np.arcsin(x))
    assert float(Expression("pi/2 - atan(x/sqrt(1 - x**2))", ("x",)).energy_at([x])) == pytest.approx(np.arccos(x))
