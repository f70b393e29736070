"""Normalisations as torch modules, for tensors whose first axis are units or channels and whose last are samples.

They are written out in plain operations, whose derivatives of any order under `torch.func.vmap` keep every replica's
bits apart from how many run beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from langevin_sgd.training.architectures.layered import LayeredSection

_SMALLEST_VARIANCE = 1e-5


def after_layer(architecture: LayeredSection, width: int) -> list[nn.Module]:
    """What stands behind a layer of so many units or channels: the normalisation, if there is one."""
    kind = architecture.normalisation
    if kind == "none":
        return []
    if kind in ("layer", "group"):
        return [OverUnits(width, 1 if kind == "layer" else architecture.groups)]
    return [OverSamples(width, architecture.ghost_batch if kind == "ghost" else None)]


class _Normalisation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(width, dtype=torch.float32))

    def _scaled(self, z: Tensor) -> Tensor:
        column = (-1, *(1 for _ in z.shape[1:]))
        return self.gain.view(column) * z + self.bias.view(column)


class OverUnits(_Normalisation):
    """Mean and variance of each group of units of a sample, as `nn.LayerNorm` (one group) and `nn.GroupNorm`."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__(width)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """(units, ..., samples) -> the same shape."""
        apart = x.reshape(self.groups, -1, x.shape[-1])
        return self._scaled(_standard(apart, (1,)).reshape(x.shape))


class OverSamples(_Normalisation):
    """Mean and variance of each unit over the samples of a minibatch, as `nn.BatchNorm1d` has it in training.

    With `ghost` samples are taken so many together, in order; what is left over goes to the last of these groups.
    """

    def __init__(self, width: int, ghost: int | None) -> None:
        super().__init__(width)
        self.ghost = ghost

    def forward(self, x: Tensor) -> Tensor:
        """(units, ..., samples) -> the same shape."""
        samples = x.shape[-1]
        together = samples if self.ghost is None else self.ghost
        full = max(1, samples // together) - 1  # groups before the last
        over = tuple(range(1, x.dim()))
        pieces = []
        if full:
            cut = x[..., : full * together].reshape(*x.shape[:-1], full, together)
            standard = _standard(cut, (*over[:-1], cut.dim() - 1))
            pieces.append(standard.reshape(*x.shape[:-1], full * together))
        pieces.append(_standard(x[..., full * together :], over))
        return self._scaled(torch.cat(pieces, -1) if full else pieces[0])


class OfRows(nn.Module):
    """A normalisation for rows (samples, units)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """(samples, units) -> the same shape."""
        result: Tensor = self.inner(x.T).T
        return result


def _standard(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(axes, keepdim=True) + _SMALLEST_VARIANCE)
