"""The `mode_growth` probe in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

SHORTEST = 2
"""Steps of a training that has a half."""


class ModeGrowthProbe(ProbeSection):
    """Every mode about the minimum at half of the training and at its end, for the growth of its variance.

    Along a direction that nothing holds back, the noise of minibatches adds (eta^2/B) c/(1 - momentum)^2 to the
    variance at every step; where the loss, weight decay or the shuffling of epochs bounds the mode, growth ends. It is
    judged by the check `flat_modes`, and costs two products with the eigenvectors. (Ignashin 2026)
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.mode_growth.measure:ModeGrowth"
    DECLARES: ClassVar[Declarations] = {
        "mode_position": Variable(("replica", "growth", "mode"), "displacement from the minimum along the mode"),
        "mode_growth_free": Variable(
            ("mode",),
            "growth of the mode's variance in a step, if nothing held it back and minibatches were independent",
        ),
        "mode_growth_linear": Variable(
            ("mode",), "growth of its variance a step in the last half, of the linear process with the noise there"
        ),
        "growth_step": Coordinate(("growth",), "step at which the modes are seen", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"curvature", "beside"})
    kind: Literal["mode_growth"]
    """Always `mode_growth`."""

    def kept(self) -> int:
        """The modes at two times."""
        return 2

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """A rule of which the free growth is not known, and a training without a half."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.rule is not None and not watched.rule.heavy_ball(watched.sgd):
            yield (
                probe,
                f"{self.kind} knows the growth of heavy-ball SGD, without Nesterov, dampening, clipping or a schedule, "
                f"and update_rule is {watched.rule.kind}, or has one of these; remove one of the two",
            )
        if watched.steps is not None and watched.steps < SHORTEST:
            yield probe, too_short(watched.steps)

    def shorter(self, steps: int) -> ModeGrowthProbe | None:
        """Itself, where there is a half."""
        return None if steps < SHORTEST else self


def too_short(steps: int) -> str:
    """Why a training has no halves."""
    return f"needs {SHORTEST} steps, got {steps}; give more steps"
