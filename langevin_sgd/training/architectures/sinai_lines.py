"""Smooth Sinai potentials of the weights along random lines, as one more output of a network.

Along each line V(s) = sum_j a_j cos(q_j s + phase_j), with eight waves to an octave of q and a_j^2 = (2 A/pi)
(Delta ln q)/q_j: since |s| = (2/pi) int (1 - cos q s)/q^2 dq, E[(V(s) - V(0))^2] = A |s| between the shortest and the
longest wavelength. The lines go through the weights that the network starts from, with s = 0 there, close to
the top of the highest hill of V within eight of the shortest waves: noise can bring a replica down on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.fully_connected import with_hidden_layers
from langevin_sgd.training.architectures.planted_barriers import PlantedBarriers

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
        amplitudes = torch.sqrt(2.0 * section.amplitude / math.pi * step / numbers)
        phases = torch.empty(section.lines, count).uniform_(0.0, 2.0 * math.pi)
        top = _hill_tops(numbers.double(), amplitudes.double(), phases.double(), reach=8.0 * section.shortest)
        top = top + section.offset  # lines have no sense, so that one side is like the other
        self.register_buffer("start", start.clone())
        self.register_buffer("lines", directions / directions.norm(dim=1, keepdim=True))
        self.register_buffer("wave_numbers", numbers)
        self.register_buffer("amplitudes", amplitudes)
        self.register_buffer(
            "phases", (phases.double() + top[:, None] * numbers.double()).remainder(2.0 * math.pi).float()
        )

    def energy(self) -> Tensor:
        """sum over lines of V(s)."""
        weights = torch.cat([each.reshape(-1) for each in self.network.parameters()])
        along = (self.lines * (weights - self.start)).sum(1)  # a product of all replicas would round by their number
        return (self.amplitudes * torch.cos(along[:, None] * self.wave_numbers + self.phases)).sum()

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs (n, classes + 1)."""
        outputs: Tensor = self.network(inputs)
        return torch.cat([outputs, self.energy().expand(len(outputs), 1).to(outputs.dtype)], dim=1)


def _hill_tops(numbers: Tensor, amplitudes: Tensor, phases: Tensor, *, reach: float) -> Tensor:
    """The place of the highest maximum of each potential in (0, reach), by a grid and Newton's steps."""
    grid = torch.arange(1, _GRID, dtype=torch.float64) * (reach / _GRID)
    value = (amplitudes * torch.cos(grid[:, None, None] * numbers + phases)).sum(-1)
    inner = value[1:-1]
    peak = (inner > value[:-2]) & (inner > value[2:])
    place = grid[1:-1][torch.where(peak, inner, -torch.inf).argmax(0)]
    for _ in range(_NEWTON):
        angle = place[:, None] * numbers + phases
        slope = -(amplitudes * numbers * torch.sin(angle)).sum(-1)
        curvature = -(amplitudes * numbers**2 * torch.cos(angle)).sum(-1)
        place = place - slope / curvature
    return place


def with_planted_barriers(section: PlantedBarriers, input_shape: Sequence[int], outputs: int) -> nn.Module:
    """The mlp with one output less, and the energy in the place of that."""
    return SinaiLines(with_hidden_layers(section, input_shape, outputs - 1), section)
