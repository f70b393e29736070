"""Which backend takes which landscape, what `auto` is, and the reason where one does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from langevin_sgd.devices import COMPILED, FUSED, SDEINT, TENSORS
from langevin_sgd.integrators.backends import BACKENDS, chosen
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.schemes import SchemeError
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.fourier import Fourier
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.landscapes.quadratic import Quadratic
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.landscapes.torch_callable import TorchCallable
from langevin_sgd.noise import IsotropicNoise

FORMULA = Expression("x**2/2", "x")
TABLE = Tabulated(np.zeros((1, 5)))
FUNCTION = TorchCallable(lambda w: (w**2).sum(), 3)
WAVES = Fourier(2, 1.0, smallest_wave_number=0.1, largest_wave_number=1.0, features=16).potential(0, [0])


@pytest.mark.parametrize(
    ("landscape", "name"),
    [
        (FORMULA, "fused"),
        (TABLE, "fused"),
        (FUNCTION, "batched"),
        (WAVES, "batched"),
        (WAVES.on("fused", "cpu"), "fused"),
        (Quadratic.from_matrix(np.eye(2)).on("auto", "cpu"), "fused"),
        (Quadratic.from_matrix(np.eye(17)).on("auto", "cpu"), "batched"),
    ],
)
def test_auto_is_the_first_that_takes_it(landscape: Landscape, name: str) -> None:
    assert chosen("auto", landscape) is BACKENDS[name]


@pytest.mark.parametrize(
    ("name", "landscape", "reason"),
    [
        ("fused", FUNCTION, "no source to compile; use backend='batched'"),
        ("reference", FUNCTION, "needs a landscape given by a formula"),
        ("reference", TABLE, "needs a landscape given by a formula"),
    ],
)
def test_one_that_does_not_take_it_gives_the_reason(name: str, landscape: Landscape, reason: str) -> None:
    with pytest.raises(SchemeError, match=reason):
        chosen(name, landscape)


def test_engines_follow_from_the_landscape() -> None:
    engines = [BACKENDS[name].engine(FORMULA) for name in BACKENDS]
    assert engines == [FUSED, TENSORS, SDEINT]
    assert BACKENDS["fused"].engine(WAVES.on("fused", "cpu")) is COMPILED


def test_an_object_of_the_callers_own_is_a_landscape_on_tensors() -> None:
    class Own:
        dimension, variables, parameters = 3, (), {}

        def energy_at(self, position: torch.Tensor) -> torch.Tensor:
            return (position**2).sum(dim=0)

        def gradient_at(self, position: torch.Tensor) -> torch.Tensor:
            return 2.0 * position

    same = dict(time_step=0.1, steps=5, trajectories=4, seed=1, device="cpu")
    own, ours = (integrate(one, IsotropicNoise(0.3), **same).state.vectors["position"] for one in (Own(), FUNCTION))
    np.testing.assert_allclose(own, ours, rtol=1e-14)
