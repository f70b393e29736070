"""The `stationarity` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

FEWEST = 2
"""Windows, of which the last is held against the one before."""
_FULL = "2 <w.grad E> over eta (1 + momentum) <|m|^2>, E the whole energy, in the last window"


class StationarityProbe(ProbeSection):
    """Whether |w|^2 of every layer stands still, in windows that double, at any place of any network.

    Y = 1 - D|w|^2/(eta^2 Sum |g|^2), g the gradient of each step's own minibatch, and its form with momentum
    (`langevin_sgd.theory.norm_balance`). It is summed over every step, which costs some per cent of the training. The
    windows end with the training: the last is its second half, the one before the second quarter, and so on. A layer
    is what one module of the network holds. (Yaida, ICLR 2019)
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.stationarity.measure:Stationarity"
    DECLARES: ClassVar[Declarations] = {
        "norm_balance": Variable(
            ("replica", "layer", "window"), "1 less the growth of |w|^2 over that of its noise, 1 where it stands still"
        ),
        "norm_balance_total": Variable(("replica", "window"), "the same of all layers together"),
        "gradient_balance": Variable(("replica", "layer"), _FULL),
        "gradient_balance_total": Variable(("replica",), f"{_FULL}, of all layers together"),
        "layer": Coordinate(("layer",), "module of the network"),
        "window_first": Coordinate(("window",), "step that the window begins with", "step"),
        "window_last": Coordinate(("window",), "step that the window ends with", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"squares"})
    kind: Literal["stationarity"]
    """Always `stationarity`."""
    windows: Annotated[WholeNumber, Field(ge=FEWEST, le=40)] = 6
    """How many windows, each twice as long as the one before."""
    samples: Annotated[WholeNumber, Field(ge=0, le=10_000)] = 0
    """Steps in the last window at which the gradient of the whole energy is taken, for a contrast; 0: none. Each costs
    a pass over all data."""

    def emits(self) -> frozenset[str]:
        """The contrast only if it is taken."""
        found = super().emits()
        return found if self.samples else found - {"gradient_balance", "gradient_balance_total"}

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Windows that are shorter than a step, and samples closer than that."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.steps is not None and (fault := self.too_short(watched.steps)) is not None:
            key, told = fault
            yield (*probe, key), told

    def shorter(self, steps: int) -> StationarityProbe | None:
        """With as many windows as fit; nothing where the last two have no room."""
        fewer = self.model_copy(update={"windows": min(self.windows, max(steps.bit_length() - 1, 0)), "samples": 0})
        return fewer if fewer.windows >= FEWEST else None

    def too_short(self, steps: int) -> tuple[str, str] | None:
        """The key that a training of so few steps is too short for, and why; None if it is long enough."""
        if steps < 1 << self.windows:
            most = max(steps.bit_length() - 1, 0)
            mend = f"give {most}" if most >= FEWEST else f"give {1 << FEWEST} steps or more"
            return "windows", f"{self.windows} that double need {1 << self.windows} steps, got {steps}; {mend}"
        last = steps - steps // 2
        if self.samples > last:
            return "samples", f"{self.samples} in the {last} steps of the last window; give fewer"
        return None
