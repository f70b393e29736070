"""Walkers in sums of waves: every step by hand, the gradient, bits, and what is refused, on every backend."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from langevin_sgd.errors import UserError
from langevin_sgd.integrators import fused_cpu
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.integrators.integrate import Integration, integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.fourier import Fourier
from langevin_sgd.landscapes.fourier_potential import FourierPotential
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.random_numbers.increments import increments

BACKENDS = [{"backend": "fused"}, {"backend": "batched"}, {"backend": "fused", "precision": "float32"}]
NUMBERS, WALKERS, STEPS, H, SEED = [4, 0, 7], 5, 40, 0.01, (1 << 40) + 3
RECORD = Record(steps=(0, 7, STEPS), each=("squared_displacement",), means=("squared_displacement",))


def potentials(dimension: int, numbers: list[int] = NUMBERS, walkers: int = WALKERS) -> FourierPotential:
    """37 waves to a disorder, not a whole number of blocks."""
    return Fourier(dimension, 1.0, 0.1, 10.0, features=37).potential(3, numbers, walkers=walkers)


def walk(
    potential: FourierPotential, *, walkers: int = WALKERS, temperature: float = 0.7, **how: object
) -> Integration:
    given = {"time_step": H, "steps": STEPS, "record": RECORD, "device": "cpu", "seed": SEED, **how}
    return integrate(potential, IsotropicNoise(temperature), trajectories=walkers, scan=potential.scan, **given)


def by_hand(potential: FourierPotential, *, sign: float = 1.0, order: slice = slice(None), temperature: float = 0.7):
    """(disorder, walker, step, d): Euler-Maruyama, typed in again on purpose."""
    numbers, d = trajectory_numbers(range(3), WALKERS), potential.dimension
    xi = increments("gaussian", SEED, trajectories=numbers, first=0, steps=STEPS, count=d)
    path = [np.zeros((3, WALKERS, d))]
    for kick in xi.reshape(STEPS, 3, WALKERS, d):
        slope = potential.gradient(path[-1][order])[order]
        path.append(path[-1] - sign * H * slope + np.sqrt(temperature * H) * kick)
    return np.stack(path, axis=2)


@pytest.mark.covering
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_every_step_is_the_one_by_hand_in_every_disorder(dimension: int, backend: dict) -> None:
    potential = potentials(dimension)
    run, path = walk(potential, **backend), by_hand(potential)
    tolerance = 1e-4 if "precision" in backend else 5e-6  # float32 normals, summed
    last = run.state.vectors["position"].reshape(dimension, 3, WALKERS).transpose(1, 2, 0)
    np.testing.assert_allclose(last, path[:, :, -1], rtol=0, atol=tolerance)
    squared = (path[:, :, [0, 7, STEPS]] ** 2).sum(-1)
    np.testing.assert_allclose(run.data.squared_displacement, squared, rtol=0, atol=4 * tolerance)
    np.testing.assert_allclose(run.data.squared_displacement_mean, squared.mean(1), rtol=0, atol=4 * tolerance)
    assert run.data.disorder.values.tolist() == NUMBERS


def test_the_comparison_by_hand_sees_planted_errors() -> None:
    potential = potentials(2)
    path = by_hand(potential)
    for planted in ({"sign": -1.0}, {"order": slice(None, None, -1)}, {"temperature": 0.35}):
        assert np.abs(by_hand(potential, **planted) - path).max() > 0.05


@pytest.mark.by_default("2", "3")
@pytest.mark.parametrize("dimension", [1, 2, 3, 4])
def test_the_gradient_of_the_kernel_is_that_of_automatic_differentiation(dimension: int) -> None:
    """From one step of length one without noise, in float64 to 1e-10 of the largest."""
    potential = potentials(dimension)
    start = np.random.default_rng(1).normal(scale=3.0, size=(dimension, 3 * WALKERS))
    run = walk(potential, backend="fused", temperature=0.0, time_step=1.0, steps=1, start=start, record=Record())
    position = torch.tensor(start, requires_grad=True)
    (expected,) = torch.autograd.grad(potential.energy_at(position).sum(), position)
    found = start - run.state.vectors["position"]
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-10 * float(expected.abs().max()))


@pytest.mark.parametrize("far", [1e3, 1e6, 1e8])
def test_far_away_phases_are_as_good_as_float64_resolves_them(far: float) -> None:
    potential = potentials(2)
    start = far * np.random.default_rng(1).normal(size=(2, 3 * WALKERS))
    run = walk(potential, backend="fused", temperature=0.0, time_step=far, steps=1, start=start, record=Record())
    found = (start - run.state.vectors["position"]) / far
    expected = potential.gradient(start.reshape(2, 3, WALKERS).transpose(1, 2, 0)).transpose(2, 0, 1).reshape(2, -1)
    # |k| <= 10, and the waves add up at random
    assert np.abs(found - expected).max() < 100.0 * far * np.finfo(np.float64).eps * np.abs(expected).max()


def test_bits_depend_on_nothing_but_the_trajectory() -> None:
    """Not on threads, on a stop, on walkers or disorders beside it."""
    how = {"backend": "fused"}
    potential = potentials(3, walkers=70)
    whole = walk(potential, walkers=70, **how, threads=1).data
    np.testing.assert_array_equal(
        walk(potential, walkers=70, **how, threads=3).data.squared_displacement, whole.squared_displacement
    )
    first = walk(potential, walkers=70, **how, steps=11, until=STEPS)
    rest = walk(potential, walkers=70, **how, steps=STEPS - 11, state=first.state)
    np.testing.assert_array_equal(rest.data.squared_displacement[..., -1], whole.squared_displacement[..., -1])
    few = walk(potentials(3), **how).data
    np.testing.assert_array_equal(few.squared_displacement, whole.squared_displacement[:, :WALKERS])
    numbers = trajectory_numbers([2], WALKERS)
    origin = np.zeros((3, WALKERS))
    begin = State(0, {"position": origin}, origin.copy(), numbers, np.full(WALKERS, -1))
    alone = walk(potentials(3, [7]), **how, state=begin).data
    np.testing.assert_array_equal(alone.squared_displacement, few.squared_displacement.sel(disorder=7)[:, 1:])


def test_launches_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    potential, seen = potentials(2), []
    whole = walk(potential, backend="fused").data
    monkeypatch.setattr(fused_cpu, "_LAUNCH", 3 * 15 * 50)  # of 15 walkers in 48 waves and 2 coordinates
    cut = walk(potential, backend="fused", after_launch=seen.append).data
    np.testing.assert_array_equal(cut.squared_displacement, whole.squared_displacement)
    np.testing.assert_array_equal(cut.squared_displacement_mean, whole.squared_displacement_mean)
    assert seen == [*range(3, STEPS, 3), STEPS]


@pytest.mark.parametrize(
    ("dimension", "how", "message"),
    [
        (5, {}, "up to 4 coordinates, not 5; use backend='batched'"),
        (2, {"device": "cuda"}, "the fused kernel of waves runs on the CPU"),
        (2, {"record": Record(steps=[1], each=("energy",))}, "unknown quantity 'energy'"),
        (2, {"scheme": "sra1"}, "sra1 takes the force ahead of the position; use euler_maruyama, or backend='batched'"),
    ],
)
def test_what_the_kernel_has_not_is_refused(dimension: int, how: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        walk(potentials(dimension), backend="fused", **how)


def test_a_disorder_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="no disorder 5 among the 3"):
        integrate(
            potentials(2), IsotropicNoise(1.0), time_step=H, steps=1, scan={"disorder": [4.0, 5.0]}, backend="fused",
            device="cpu",
        )  # fmt: skip


def test_walkers_that_leave_the_finite_numbers_are_reported() -> None:
    with pytest.raises(Diverged, match="15 of 15 trajectories are no longer finite"):
        walk(potentials(2), backend="fused", temperature=1e308, time_step=1e308, steps=4, record=Record())
