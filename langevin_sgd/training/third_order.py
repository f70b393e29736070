"""Third derivatives of a network's energy and how its gradient noise changes and is skewed, along a few directions.

About one point of weights, in coordinates x (p,) of them, for q of the coordinates a and b and all coordinates i:
T_abi by central differences of Hessian products, and of the samples n, from g_n and H_n u_a,

    d_i C_ab = <h_na,i g_nb> + <g_na h_nb,i>,   d_a C_bi = <h_na,b g_ni> + <g_nb h_na,i>,   kappa_abi = <g_na g_nb g_ni>

with everything centred over samples, h_na = H_n u_a. Costs 2 q^2 + N q Hessian products of a sample or of all.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd.theory.skewness import ThirdOrder
from langevin_sgd.training.gaussian_averages import Surroundings
from langevin_sgd.training.losses import functions
from langevin_sgd.training.tracing import trace
from langevin_sgd.training.view import Instruments

Array = NDArray[np.float64]

_STEP = 0.1  # of a direction's scale: third differences err by its square, and rounding is far
_GROUP = 16  # samples at a time
_LANES = 4


def third_order(instruments: Instruments, about: Surroundings, chosen: NDArray[np.int64], scale: Array) -> ThirdOrder:
    """The tensors at the origin of `about` along its coordinates `chosen` (q,), which move by about `scale` (q,)."""
    vectors = about.basis[:, chosen].T
    energy = _third_derivatives(instruments, about, vectors, scale)
    noise, along, cumulant = _of_samples(instruments, about, chosen)
    return ThirdOrder(chosen, energy, noise, along, cumulant)


def _third_derivatives(instruments: Instruments, about: Surroundings, vectors: Array, scale: Array) -> Array:
    """T_abi (q, q, p), symmetric in a and b."""
    full = instruments.loss
    rows = []
    for vector, size in zip(vectors, _STEP * scale, strict=True):
        up, down = (full.hessian_products(about.origin + sign * size * vector, vectors) for sign in (1.0, -1.0))
        rows.append((up - down) / (2.0 * size) @ about.basis)
    found = np.stack(rows)
    symmetric: Array = 0.5 * (found + found.swapaxes(0, 1))
    return symmetric


def _of_samples(instruments: Instruments, about: Surroundings, chosen: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    """Derivatives of C along all coordinates and along the chosen ones, and kappa, (q, q, p) each."""
    network, gradient = instruments.network, functions.gradient(instruments.network, instruments.of_samples)
    samples = instruments.samples
    device = samples.labels.device
    groups = samples.chunks(_GROUP, torch.float64)
    origin = torch.from_numpy(about.origin.copy()).to(device)
    basis = torch.from_numpy(np.ascontiguousarray(about.basis)).to(device)
    own = torch.from_numpy(chosen).to(device)
    vectors = basis[:, own].T.contiguous()
    q, p = len(chosen), basis.shape[1]

    def of_sample(x: Tensor, label: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        def slope(w: Tensor) -> Tensor:
            alone = x.unsqueeze(0), label.unsqueeze(0), weight.unsqueeze(0)
            return network.flatten(gradient(*network.parameters(w), *alone))

        g, pull_back = torch.func.vjp(slope, origin)[:2]
        (rows,) = torch.func.vmap(pull_back)(vectors)
        return g, rows

    function = trace(
        lambda *group: torch.func.vmap(of_sample)(*group), *groups[0], purpose="differentiated as third orders need it"
    )

    def lane(numbers: list[int]) -> list[Tensor]:
        g_sum, h_sum = (torch.zeros(*shape, dtype=torch.float64, device=device) for shape in ((p,), (q, p)))
        hg, gh, ggg = (torch.zeros(q, q, p, dtype=torch.float64, device=device) for _ in range(3))
        gg = torch.zeros(q, p, dtype=torch.float64, device=device)
        for number in numbers:
            g, h = function(*groups[number])
            g, h = g @ basis, h @ basis  # (n, p), (n, q, p)
            few = g[:, own]
            g_sum += g.sum(0)
            h_sum += h.sum(0)
            gg += few.T @ g
            pairs = (few[:, :, None] * few[:, None, :]).flatten(1)
            ggg += (pairs.T @ g).view(q, q, p)
            # [b, a, i]: g_b times row i of H u_a;  [a, b, i]: entry b of H u_a times g_i
            gh += (few.T @ h.flatten(1)).view(q, q, p)
            hg += (h[:, :, own].flatten(1).T @ g).view(q, q, p)
        return [g_sum, h_sum, gg, gh, hg, ggg]

    groups_of = [list(range(len(groups))[first::_LANES]) for first in range(min(_LANES, len(groups)))]
    parts = instruments.workers.map(lane, groups_of)
    g, h, gg, gh, hg, ggg = ((torch.stack(one).sum(0) / len(samples)).cpu().numpy() for one in zip(*parts, strict=True))
    few, rows = g[chosen], h[:, chosen]
    gh = gh - few[:, None, None] * h  # centred: <g_b h_a,i> - <g_b><h_a,i>, [b, a, i]
    hg = hg - rows[:, :, None] * g  # [a, b, i]
    noise = gh + gh.swapaxes(0, 1)
    along = hg + gh.swapaxes(0, 1)
    outer = few[:, None, None] * few[:, None] * g
    pairs = gg[:, chosen]
    cumulant = ggg - pairs[:, :, None] * g - few[:, None, None] * gg - few[None, :, None] * gg[:, None] + 2.0 * outer
    return noise, along, cumulant
