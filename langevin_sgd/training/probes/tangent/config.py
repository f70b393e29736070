"""The `tangent` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.training import TRAINING
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched

_LOOK = ("control_look",)


class TangentProbe(ProbeSection):
    """Linear response to the training's own minibatches about full-batch descent, which it runs itself.

    What the spread of the replicas and their drift are over what linear response and descent say, and the curvature,
    the noise and the kinks of the loss along the descent.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.tangent.measure:Tangent"
    DECLARES: ClassVar[Declarations] = {
        "control_energy": TRAINING["control_energy"],
        "control_squared_displacement": TRAINING["control_squared_displacement"],
        "tangent_spread": Variable(("time",), "variance over replicas of linear response to their minibatches, summed"),
        "tangent_spread_stderr": Variable(("time",), "standard error of it, over replicas"),
        "spread_over_tangent": Variable(("time",), "spread of the replicas over that of linear response"),
        "spread_over_tangent_stderr": Variable(("time",), "standard error of it, over replicas"),
        "tangent_residual": Variable(("time",), "what linear response leaves out, <|w - c - v|^2>/<|v|^2>"),
        "tangent_residual_stderr": Variable(("time",), "standard error of it, over replicas"),
        "tangent_correlation": Variable(("time",), "correlation of the replicas' deviations with linear response"),
        "drift_over_control": Variable(("time",), "squared drift over the squared displacement of the control"),
        "drift_over_control_stderr": Variable(("time",), "standard error of it, over replicas"),
        "control_edge": Variable(_LOOK, "learning rate x largest Hessian eigenvalue, of the control"),
        "control_kinks": Variable(_LOOK, "share of a small change of the gradient that the Hessian does not hold"),
        "control_thermal_energy": Variable(
            _LOOK, "thermal energy eta sigma^2/(2B (1 - momentum)) by the noise scale at the control"
        ),
        "control_look_step": Coordinate(_LOOK, "step at which the control is looked at", "step"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["tangent"]
    """Always `tangent`."""
    looks: Annotated[WholeNumber, Field(ge=2, le=1000)] = 16
    """Recorded times, the last among them, at which curvature, noise and kinks along the control are measured."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """A rule without linear response, replicas without a common start, and a second control."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.replicas < 2:
            yield (*model, "replicas"), "1 has no spread to compare with linear response; give 16 or more"
        if not watched.linear:
            yield (
                probe,
                "linear response is that of a linear rule, such as sgd without clipping; remove it, or change that",
            )
        if not watched.one_start:
            yield probe, "linear response is about one path, but start is independent; give start: shared"
        if watched.anew:
            yield (
                probe,
                "linear response is about descent on the training samples, and samples are made anew at every step; "
                "remove it, or augment or fresh of data",
            )
        if watched.control:
            yield (*model, "control"), "runs twice, since the tangent probe runs it too; remove it here"
