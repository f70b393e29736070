"""Smooth Sinai potentials of the weights along random lines, as one more output of a network.

Along each line V(s) = sum_j a_j cos(q_j s + phase_j), with eight waves to an octave of q and a_j^2 = (2 A/pi)
(Delta ln q)/q_j: since |s| = (2/pi) int (1 - cos q s)/q^2 dq, E[(V(s) - V(0))^2] = A |s| between the shortest and the
longest wavelength. The lines go through the weights that the network starts from, with s = 0 there, close to the top
of the highest hill within eight of the shortest waves: noise can bring a replica down on the other side. The hill is
one of the whole loss, V + g s, where g is the slope of the network's own loss along the line: otherwise that would push
most replicas down on one side. And lines are at right angles to one another: otherwise the first replica to fall along
one would push it along all the others.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.fully_connected import with_hidden_layers
from langevin_sgd.training.architectures.planted_barriers import PlantedBarriers
from langevin_sgd.training.losses.loss import Loss

_TO_AN_OCTAVE = 8
_GRID, _NEWTON = 2000, 6


class SinaiLines(nn.Module):
    """A network with the energy of its own weights as the last output, the same for all samples."""

    lines: Tensor
    start: Tensor
    wave_numbers: Tensor
    amplitudes: Tensor
    phases: Tensor

    def __init__(self, network: nn.Module, section: PlantedBarriers) -> None:
        super().__init__()
        self.network = network
        start = torch.cat([each.detach().reshape(-1) for each in network.parameters()])
        octaves = math.log2(section.longest / section.shortest)
        count = max(2, round(_TO_AN_OCTAVE * octaves))
        lowest = 2.0 * math.pi / section.longest
        numbers = lowest * torch.exp(torch.arange(count) * (octaves * math.log(2.0) / (count - 1)))
        step = octaves * math.log(2.0) / (count - 1)
        directions = torch.empty(section.lines, len(start)).normal_()
        self._drawn = torch.empty(section.lines, count).uniform_(0.0, 2.0 * math.pi).double()
        self._reach, self._offset = 8.0 * section.shortest, section.offset
        self.register_buffer("start", start.clone())
        self.register_buffer("lines", _at_right_angles(directions))
        self.register_buffer("wave_numbers", numbers)
        self.register_buffer("amplitudes", torch.sqrt(2.0 * section.amplitude / math.pi * step / numbers))
        self.register_buffer("phases", torch.empty(section.lines, count))
        self.place(torch.zeros(section.lines, dtype=torch.float64))

    def place(self, slopes: Tensor) -> None:
        """Put s = 0 beside the tops of hills of V + slope x s, with one slope a line (float64)."""
        numbers = self.wave_numbers.double()
        top = _hill_tops(numbers, self.amplitudes.double(), self._drawn, slopes, reach=self._reach)
        top = top + self._offset  # lines have no sense, so that one side is like the other
        self.phases.copy_((self._drawn + top[:, None] * numbers).remainder(2.0 * math.pi))

    def energy(self) -> Tensor:
        """sum over lines of V(s)."""
        weights = torch.cat([each.reshape(-1) for each in self.network.parameters()])
        along = (self.lines * (weights - self.start)).sum(1)  # a product of all replicas would round by their number
        return (self.amplitudes * torch.cos(along[:, None] * self.wave_numbers + self.phases)).sum()

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (n, classes + 1)."""
        outputs: Tensor = self.network(inputs)
        return torch.cat([outputs, self.energy().expand(len(outputs), 1).to(outputs.dtype)], dim=1)


def _at_right_angles(directions: Tensor) -> Tensor:
    """Unit vectors (line, d) from random ones, orthogonal in groups of d where there are more of them than that."""
    groups = torch.split(directions.double(), directions.shape[1])
    return torch.cat([torch.linalg.qr(group.T).Q.T for group in groups]).to(directions.dtype).contiguous()


def _hill_tops(numbers: Tensor, amplitudes: Tensor, phases: Tensor, slopes: Tensor, *, reach: float) -> Tensor:
    """The place of the highest maximum of each V(s) + slope s in (0, reach), by a grid and Newton's steps."""
    grid = torch.arange(1, _GRID, dtype=torch.float64) * (reach / _GRID)
    value = (amplitudes * torch.cos(grid[:, None, None] * numbers + phases)).sum(-1) + grid[:, None] * slopes
    inner = value[1:-1]
    peak = (inner > value[:-2]) & (inner > value[2:])
    place = grid[1:-1][torch.where(peak, inner, -torch.inf).argmax(0)]
    for _ in range(_NEWTON):
        angle = place[:, None] * numbers + phases
        slope = slopes - (amplitudes * numbers * torch.sin(angle)).sum(-1)
        curvature = -(amplitudes * numbers**2 * torch.cos(angle)).sum(-1)
        place = place - slope / curvature
    return place


def on_hills_of_the_loss(built: SinaiLines, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
    """Move the start to the tops of hills of the loss of all samples: their slopes by the network alone are known now.

    Inputs are in float64. Weight decay is left out.
    """
    network = copy.deepcopy(built.network).double()
    with torch.enable_grad():
        outputs = network(inputs)
        outputs = torch.cat([outputs, outputs.new_zeros(len(outputs), 1)], dim=1)
        slopes = torch.autograd.grad(loss.values(outputs, targets).mean(), list(network.parameters()))
    built.place(built.lines.double() @ torch.cat([each.reshape(-1) for each in slopes]))


def with_planted_barriers(section: PlantedBarriers, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """The mlp with one output less, and the energy in the place of that."""
    return SinaiLines(with_hidden_layers(section, input_shape, outputs - 1), section)
