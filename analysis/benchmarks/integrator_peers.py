"""The peers of integrator.py: the same equation by Euler-Maruyama, in the way of each library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

N = 102_400
H = 0.01

# contestant: a function that integrates and returns the number of component-steps that it made
Contestant = Callable[[], int]


def numpy_loop(
    drift: Callable[..., Any], amplitude: Callable[..., Any], d: int, precision: type, steps: int
) -> Contestant:
    """A plain numpy loop."""
    rng = np.random.default_rng(7)

    def go() -> int:
        x = np.zeros((d, N), precision)
        for _ in range(steps):
            z = rng.standard_normal((d, N), dtype=precision)
            x = x + precision(H) * drift(x) + precision(math.sqrt(H)) * amplitude(x) * z
        return d * N * steps

    return go


def torch_eager(
    drift: Callable[..., Any],
    amplitude: Callable[..., Any],
    d: int,
    precision: type,
    steps: int,
    trajectories: int = N,
    device: str = "cpu",
) -> Contestant:
    """The loop that one writes in torch."""
    import torch

    dtype = torch.float32 if precision is np.float32 else torch.float64

    def go() -> int:
        with torch.no_grad():
            x = torch.zeros(d, trajectories, dtype=dtype, device=device)
            for _ in range(steps):
                x = x + H * drift(x) + math.sqrt(H) * amplitude(x) * torch.randn_like(x)
            float(x[0, 0])  # a device has answered before it is done
        return d * trajectories * steps

    return go


def jax_scan(
    drift: Callable[..., Any],
    amplitude: Callable[..., Any],
    d: int,
    precision: type,
    steps: int,
    trajectories: int = N,
) -> Contestant:
    """jax.lax.scan, compiled."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", precision is np.float64)
    dtype = jnp.float32 if precision is np.float32 else jnp.float64

    @jax.jit
    def integrate(key: Any) -> Any:
        def step(carry: Any, key: Any) -> Any:
            z = jax.random.normal(key, (d, trajectories), dtype)
            return carry + dtype(H) * drift(carry) + dtype(math.sqrt(H)) * amplitude(carry) * z, None

        return jax.lax.scan(step, jnp.zeros((d, trajectories), dtype), jax.random.split(key, steps))[0]

    def go() -> int:
        jax.config.update("jax_enable_x64", precision is np.float64)
        integrate(jax.random.key(7)).block_until_ready()
        return d * trajectories * steps

    return go


def torchsde_euler(
    drift: Callable[..., Any], amplitude: Callable[..., Any], d: int, precision: type, steps: int
) -> Contestant:
    """torchsde.sdeint, Euler with diagonal noise."""
    import torch
    import torchsde

    class Equation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t: Any, y: Any) -> Any:
            return drift(y.T).T

        def g(self, t: Any, y: Any) -> Any:
            return (amplitude(y.T) * torch.ones_like(y.T)).T

    dtype = torch.float32 if precision is np.float32 else torch.float64

    def go() -> int:
        with torch.no_grad():
            start = torch.zeros(N, d, dtype=dtype)
            torchsde.sdeint(Equation(), start, torch.tensor([0.0, steps * H], dtype=dtype), method="euler", dt=H)
        return d * N * steps

    return go


def diffrax_euler(
    drift: Callable[..., Any], amplitude: Callable[..., Any], d: int, precision: type, steps: int
) -> Contestant:
    """diffrax.diffeqsolve, Euler, vmapped over trajectories and compiled."""
    import diffrax
    import jax
    import jax.numpy as jnp
    import lineax

    dtype = jnp.float32 if precision is np.float32 else jnp.float64

    def one(key: Any) -> Any:
        path = diffrax.UnsafeBrownianPath(jax.ShapeDtypeStruct((d,), dtype), key)
        control = diffrax.ControlTerm(
            lambda t, y, args: lineax.DiagonalLinearOperator(amplitude(y) * jnp.ones((d,), dtype)), path
        )
        terms = diffrax.MultiTerm(diffrax.ODETerm(lambda t, y, args: drift(y)), control)
        return diffrax.diffeqsolve(
            terms, diffrax.Euler(), 0.0, steps * H, H, jnp.zeros((d,), dtype), saveat=diffrax.SaveAt(t1=True),
            max_steps=steps + 8, adjoint=diffrax.ForwardMode(), throw=False,
        ).ys  # fmt: skip

    solve = jax.jit(jax.vmap(one))

    def go() -> int:
        jax.config.update("jax_enable_x64", precision is np.float64)
        solve(jax.random.split(jax.random.key(7), N)).block_until_ready()
        return d * N * steps

    return go


def sdeint_euler(
    drift: Callable[..., Any], amplitude: Callable[..., Any], d: int, precision: type, steps: int
) -> Contestant:
    """sdeint.itoEuler, one trajectory."""
    import sdeint

    def go() -> int:
        few = 20 * steps
        sdeint.itoEuler(
            lambda y, t: drift(y), lambda y, t: np.diag(amplitude(y) * np.ones(d)), np.zeros(d), np.arange(few + 1) * H
        )
        return d * few

    return go


# on a table each trajectory has a potential of its own, which those that see one trajectory at a time cannot know
WHOLE_ARRAYS = ("numpy", "torch_eager", "jax_scan")
PEERS: dict[str, tuple[Callable[..., Contestant], int]] = {
    # name: (contestant, steps)
    "numpy": (numpy_loop, 20),
    "torch_eager": (torch_eager, 100),
    "jax_scan": (jax_scan, 100),
    "torchsde": (torchsde_euler, 100),
    "diffrax": (diffrax_euler, 40),
    "sdeint": (sdeint_euler, 20),
}
