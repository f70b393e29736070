"""The same equations in diffrax and torchsde: other people's code, noise and loops, the same law.

Every comparison is of moments at the final time over independent trajectories, at one and the same time step, within 4
standard errors of the difference; what it could miss is shown by a temperature wrong by 6%, which it sees.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise

N, H, STEPS = 40_000, 0.02, 100
DOUBLE_WELL = Expression("(x**2 - 1)**2 + x/10", ("x",))
FORCES = {  # drift and amplitude in plain arithmetic, typed in again on purpose
    "additive": lambda x: (-(4 * x**3 - 4 * x + 0.1), 0.0 * x + math.sqrt(0.5)),
    "multiplicative": lambda x: (-(4 * x**3 - 4 * x + 0.1), 0.5 * (1 + x**2) ** 0.5),
}
NOISES = {
    "additive": IsotropicNoise(0.5),
    "multiplicative": PositionDependentNoise(("s*sqrt(1 + x**2)",), {"s": 0.5}),
}


def ours(noise):
    run = integrate(DOUBLE_WELL, noise, time_step=H, steps=STEPS, trajectories=N, seed=21, start=[0.2])
    return run.state.vectors["position"][0]


def diffrax(kind):
    dfx = pytest.importorskip("diffrax")
    import jax
    import jax.numpy as jnp

    force = FORCES[kind]

    def one(key):
        path = dfx.VirtualBrownianTree(0.0, H * STEPS, tol=H / 2, shape=(), key=key)
        terms = dfx.MultiTerm(
            dfx.ODETerm(lambda t, x, _: force(x)[0]), dfx.ControlTerm(lambda t, x, _: force(x)[1], path)
        )
        grid = dfx.StepTo(ts=jnp.linspace(0.0, H * STEPS, STEPS + 1))
        solved = dfx.diffeqsolve(
            terms, dfx.Euler(), 0.0, H * STEPS, None, 0.2, stepsize_controller=grid, adjoint=dfx.DirectAdjoint()
        )
        return solved.ys[0]

    return np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.PRNGKey(3), N)), dtype=float)


def torchsde(kind):
    sde = pytest.importorskip("torchsde")
    import torch

    class Equation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t, x):
            return FORCES[kind](x)[0]

        def g(self, t, x):
            return FORCES[kind](x)[1]

    with torch.no_grad():
        start = torch.full((N, 1), 0.2, dtype=torch.float64)
        times = torch.tensor([0.0, H * STEPS], dtype=torch.float64)
        path = sde.BrownianInterval(0.0, H * STEPS, size=(N, 1), dtype=torch.float64, entropy=5)
        return sde.sdeint(Equation(), start, times, bm=path, method="euler", dt=H)[-1, :, 0].numpy()


def deviations(a, b):
    """Differences of the means of x, x^2, x^3, E and of P(x > 0), in standard errors."""
    out = []
    moments = [lambda x, power=power: x**power for power in (1, 2, 3)]
    for observable in (*moments, lambda x: DOUBLE_WELL.energy_at(x[None]), lambda x: (x > 0).astype(float)):
        p, q = observable(a), observable(b)
        out.append((p.mean() - q.mean()) / np.sqrt(p.var() / p.size + q.var() / q.size))
    return np.abs(out)


@pytest.mark.filterwarnings("ignore")  # those packages' own warnings
@pytest.mark.parametrize("kind", FORCES)
@pytest.mark.parametrize("peer", [diffrax, torchsde], ids=lambda peer: peer.__name__)
def test_the_law_is_that_of_an_independent_library(peer, kind):
    theirs = peer(kind)
    assert np.isfinite(theirs).all()
    assert deviations(ours(NOISES[kind]), theirs).max() < 4.0


def test_a_temperature_wrong_by_six_per_cent_would_be_seen():
    assert deviations(ours(IsotropicNoise(0.5)), ours(IsotropicNoise(0.5 * 1.06))).max() > 4.0
