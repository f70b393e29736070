"""A network with Sinai potentials of its weights: their law, their place, and what the loss makes of them."""

import copy
import functools

import numpy as np
import torch

from langevin_sgd.training import initial
from langevin_sgd.training.architectures.planted_barriers import PlantedBarriers
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.cross_entropy_plus_energy.config import CrossEntropyPlusEnergyLoss

SECTION = PlantedBarriers(
    kind="planted_barriers", hidden=(3,), lines=400, amplitude=0.2, shortest=0.1, longest=1000.0, offset=1e-6
)


@functools.cache
def once(section):
    return initial.build_with_seed(lambda: section.build((4,), 4), 3, 0)


def built(section=SECTION):
    """A copy of its own, of a network that is built once: hill tops of many lines take long to find."""
    return copy.deepcopy(once(section))


def along(network, s: float) -> np.ndarray:
    """V(s) of every line."""
    angle = s * network.wave_numbers + network.phases
    return (network.amplitudes * torch.cos(angle)).sum(1).double().numpy()


def test_the_structure_function_is_sinais():
    """Off the hill top, over 400 lines: A |s - s'| within 4 standard errors of a chi-squared and 3% of the cutoffs."""
    network = built()
    for far in (1.0, 10.0):
        change = along(network, 60.0 + far) - along(network, 60.0)
        assert abs((change**2).mean() / (0.2 * far) - 1.0) < 4 * (2 / 400) ** 0.5 + 0.03


def test_the_start_is_on_top_of_a_hill():
    network = built()
    top, step = along(network, 0.0), 0.02
    assert (along(network, step) < top).all()
    assert (along(network, -step) < top).all()
    slope = (along(network, step) - along(network, -step)) / (2 * step)
    assert np.abs(slope).max() < 0.1 * np.abs(along(network, 0.05) - top).max() / 0.05


def test_the_start_settles_on_a_hill_of_the_whole_loss_along_lines_at_right_angles():
    """The mean loss of 40 samples, whose slopes along the lines are 0.03 to 0.3: steep without it, flat with it."""
    section = SECTION.model_copy(update={"lines": 6, "shortest": 1.0, "longest": 20.0})
    network, loss = built(section), CrossEntropyPlusEnergyLoss(kind="cross_entropy_plus_energy").build()
    torch.testing.assert_close(network.lines @ network.lines.T, torch.eye(6), rtol=0.0, atol=1e-6)
    torch.manual_seed(1)
    inputs, targets = torch.randn(40, 4, dtype=torch.float64), torch.arange(40) % 3

    def slopes():
        own = copy.deepcopy(network).double()
        found = torch.autograd.grad(loss.values(own(inputs), targets).mean(), list(own.parameters()))
        return own.lines @ torch.cat([each.reshape(-1) for each in found])

    assert slopes().abs().max() > 0.1
    section.settle(network, inputs, targets, loss)
    assert slopes().abs().max() < 1e-4


def test_the_energy_is_added_to_every_samples_loss():
    network, loss = built(), CrossEntropyPlusEnergyLoss(kind="cross_entropy_plus_energy").build()
    assert loss.outputs(3) == 4
    with torch.no_grad():
        network.network[0].weight += 0.1
    inputs, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    outputs = network(inputs).detach()
    plain = CROSS_ENTROPY.values(network.network(inputs).detach(), labels)
    torch.testing.assert_close(loss.values(outputs, labels), plain + network.energy().detach())
    z = outputs.double().requires_grad_()
    (slope,) = torch.autograd.grad(loss.values(z, labels).sum(), z)
    torch.testing.assert_close(loss.gradient(z.detach(), labels), slope)
    torch.testing.assert_close(loss.correct(outputs, labels), CROSS_ENTROPY.correct(outputs[:, :-1], labels))
    assert sum(p.numel() for p in network.parameters()) == SECTION.parameters((4,), 4) == 4 * 3 + 3 + 3 * 3 + 3
