"""The `frozen_noise` probe in a config."""

from __future__ import annotations

from typing import ClassVar, Literal

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.observables.variable import Declarations, Variable
from langevin_sgd.training.probes.section import ProbeSection, Watched


class FrozenNoiseProbe(ProbeSection):
    """v <- v - eta [H v + g_B(w*)] beside the training, on its own minibatches, with H and g at the minimum w*.

    It rises and falls with the training, and its variance is known exactly: what is measured of the training less what
    this happens to show has the same mean and an error several times smaller. The check of equilibrium takes it where
    it is there (`langevin_sgd.estimators.control_variate`). It costs about what the training does, for small networks.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.frozen_noise.measure:FrozenNoise"
    DECLARES: ClassVar[Declarations] = {
        "frozen_moment_1": Variable(
            ("replica", "mode"), "time average of the mode with noise frozen at the minimum, on the same minibatches"
        ),
        "frozen_moment_2": Variable(("replica", "mode"), "time average of its square"),
        "frozen_variance": Variable(("mode",), "what that is on average, exactly, at the sampled steps"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"curvature", "beside"})
    kind: Literal["frozen_noise"]
    """Always `frozen_noise`."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """A rule that has no linear process."""
        yield from super().problems(watched, model=model, probe=probe)
        rule = watched.rule
        if rule is not None and not (rule.has_law() and rule.schedule.constant()):
            yield (
                probe,
                "the linear process is that of a linear rule at one learning rate, such as sgd without clipping and "
                "without a schedule; remove it, or change the update rule",
            )
