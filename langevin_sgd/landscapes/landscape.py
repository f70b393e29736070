"""What a run asks of a landscape, and what those answer that have nothing special to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Landscape:
    """The base of landscapes that the integrator takes.

    A symbolic one has `coordinates` and `drift` in symbols, of which kernels are made. Any other is evaluated on
    tensors of positions (d, N), by `energy_at` and `gradient_at`.
    """

    symbolic: ClassVar[bool] = False
    force_has_steps: ClassVar[bool] = False
    """Whether the force jumps, so that only a scheme whose step is Euler's takes it as it is."""
    compiled_for_cpu_alone: ClassVar[bool] = False
    """Whether its kernel is made for no GPU."""
    whole_formula: ClassVar[bool] = False
    """Whether all of a step is a formula of the position, which can be evaluated anywhere without a table."""
    largest_curvature: float | None = None
    """Largest eigenvalue of the Hessian, if it is the same everywhere and known in numbers."""

    if TYPE_CHECKING:

        @property
        def dimension(self) -> int:
            """Number of coordinates d."""

        @property
        def variables(self) -> tuple[str, ...]:
            """Names of the coordinates, if they have any."""

        @property
        def parameters(self) -> Mapping[str, float | None]:
            """Parameters that a run may set, if there are any."""

        def energy_at(self, position: Any) -> Any:
            """E at positions (d, N) -> (N,)."""

        def gradient_at(self, position: Any) -> Any:
            """Gradient at positions (d, N) -> (d, N)."""

    @property
    def is_quadratic(self) -> bool:
        """Whether the Hessian is the same everywhere and nothing else acts, so that the law of any step is known."""
        return False

    @property
    def constants(self) -> Mapping[str, float]:
        """Numbers of its own, by the names that formulas of a record may use."""
        return {}

    @property
    def formulas(self) -> Mapping[str, Any]:
        """Quantities that it gives in symbols, such as its energy."""
        return {}

    @property
    def table(self) -> Array | None:
        """What a kernel looks its force up in, (disorder, number); None if the force is a formula."""
        return None

    @property
    def cells(self) -> int:
        """Number of cells, or of blocks of waves, of one disorder in the table."""
        return 1

    def rows(self, disorder: Any) -> NDArray[np.int64]:
        """The rows of the table for the values of the parameter `disorder`, where there is one."""
        raise NotImplementedError

    @property
    def work(self) -> int:
        """What a gradient costs beside one update for each coordinate, in updates of one coordinate."""
        return 0

    def on(self, backend: str, device: str) -> Landscape:
        """The landscape as the backend of that name takes it."""
        return self

    def confined(self, position: Any, named: Callable[[Any], Any]) -> Any:
        """Positions after a step, in symbols, brought back from beyond its ends; `named` computes a vector once."""
        return position

    def curvature_bound(self, values: Mapping[str, ArrayLike]) -> ArrayLike | None:
        """Largest eigenvalue of the Hessian at these values of the parameters, a number or (n,) like them; None where
        it varies or is unknown."""
        return self.largest_curvature

    def check_start(self, position: NDArray[Any]) -> None:
        """Raise `UserError` for first positions (d, N) at which no trajectory can start."""


class OnTensors(Landscape):
    """A landscape of the caller's own, any object with `dimension`, `energy_at` and `gradient_at` on tensors."""

    def __init__(self, given: Any) -> None:
        self._given = given
        self.largest_curvature = getattr(given, "largest_curvature", None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._given, name)
