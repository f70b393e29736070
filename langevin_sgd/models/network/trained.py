"""What a config must tell of an ensemble in training for it to be recorded, whatever makes its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.observables.variable import Declarations
from langevin_sgd.training.probes.section import ProbeSection
from langevin_sgd.training.recording.config import Precision, Recording
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class Schedule(Protocol):
    """What the learning rate was multiplied by at each step, once all are made: that of an update rule, or read off."""

    def constant(self) -> bool:
        """Whether it never changed anything."""

    def factors(self) -> Callable[[int, int], float]:
        """The factor of each step, (n, steps)."""

    def summed(self, counts: Iterable[int], steps: int) -> list[float]:
        """Sum of the factors of the first n steps, for every n of `counts`, which do not decrease."""


class Trained(Protocol):
    """An ensemble in training, as `NetworkModel` describes it; each key is said there."""

    DECLARES: ClassVar[Declarations]

    @property
    def replicas(self) -> int:
        """Copies of the network."""

    @property
    def start(self) -> str:
        """Where they begin: minimum, shared or independent."""

    @property
    def update_rule(self) -> UpdateRuleSection:
        """How they step."""

    @property
    def training_time(self) -> float | None:
        """The length of the training as a time, if it is given so."""

    @property
    def burn_in(self) -> int | None:
        """Steps left out of the stationary window."""

    @property
    def sample_every(self) -> int | None:
        """Steps between samples of the window."""

    @property
    def record_times(self) -> int:
        """Number of recorded times."""

    @property
    def recording(self) -> Recording:
        """How loss, energy and accuracy are evaluated at them."""

    @property
    def control(self) -> bool:
        """Whether full-batch descent runs beside them."""

    @property
    def precision(self) -> Precision:
        """Arithmetic of the training."""

    @property
    def gradient_tolerance(self) -> float:
        """Gradient norm at which a minimum counts as found."""

    @property
    def probes(self) -> tuple[ProbeSection, ...]:
        """What is measured beside the record."""

    def length(self, sgd: Sgd) -> int:
        """Number of steps with this `sgd`."""

    def declares(self) -> Declarations:
        """What may be emitted beside the observables of every ensemble."""
