"""Landscapes given by any torch function of the position, in any dimension: for the batched backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from langevin_sgd import import_path
from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.user_code import call, transforming


class TensorLandscape(Protocol):
    """A landscape evaluated on tensors of positions (d, N), as the batched backend takes it."""

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the coordinates, if they have any."""

    @property
    def parameters(self) -> Mapping[str, float | None]:
        """Parameters that a run may set, if there are any."""

    def energy_at(self, position: Tensor) -> Tensor:
        """E, (N,)."""

    def gradient_at(self, position: Tensor) -> Tensor:
        """Gradient, (d, N)."""


@dataclass(frozen=True)
class TorchCallable(Landscape):
    """Energy E(w) as a torch function of one position (d,) -> (); its gradient comes from automatic differentiation.

    Raises `UserError` when the function does not return one number for a position of `dimension` coordinates.
    """

    function: Callable[[Tensor], Tensor]
    dimension: int

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise UserError(f"a landscape has at least one coordinate, not {self.dimension}")
        value = self._call(torch.zeros(self.dimension, dtype=torch.float64))
        if not isinstance(value, Tensor) or value.shape != ():
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"the landscape's function must return one number for a position, not {shape}")

    @classmethod
    def from_name(cls, name: str, dimension: int) -> TorchCallable:
        """From "module:attribute". Raises `UserError` when there is no such function, as for a config's own code."""
        return cls(import_path.load(name), dimension)

    @property
    def variables(self) -> tuple[str, ...]:
        """The coordinates have no names."""
        return ()

    @property
    def parameters(self) -> Mapping[str, float | None]:
        """A function carries its own parameters."""
        return {}

    def energy_at(self, position: Tensor) -> Tensor:
        """E at positions (d, N) -> (N,)."""
        with transforming("the landscape's function cannot be evaluated at many positions (torch.func.vmap)"):
            energy: Tensor = torch.func.vmap(self._call, in_dims=1)(position)
        return energy

    def gradient_at(self, position: Tensor) -> Tensor:
        """Gradient at positions (d, N) -> (d, N)."""
        with transforming("the landscape's function cannot be differentiated (torch.func.grad and vmap)"):
            slope: Tensor = torch.func.vmap(torch.func.grad(self._call), in_dims=1, out_dims=1)(position)
        return slope

    def _call(self, position: Tensor) -> Tensor:
        return call("the landscape's function failed", self.function, position)
