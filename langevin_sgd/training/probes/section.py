"""What a kind of probe tells the config: its keys, its rules, what it declares, and what measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import Section
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.families import imported
from langevin_sgd.observables.variable import Coordinate, Declarations
from langevin_sgd.training.curvature_limit import too_many
from langevin_sgd.training.update_rules.section import UpdateRuleSection

_MEASURED = "give start: minimum and measure_curvature: true"

if TYPE_CHECKING:
    from langevin_sgd.training.beside import Beside
    from langevin_sgd.training.probes.probe import Probe


@dataclass(frozen=True)
class Watched:
    """The training that a probe watches: its length, its ensemble, its sgd.

    `parameters` is d, the number of weights; None where a config is read and the network is not built yet, and so is
    `steps` where the config gives none. `gradient_tolerance` is the gradient norm at which a minimum counts as found.
    `rule` is how it steps, None as the sgd alone says.
    `curved` says whether H and C are measured at the minimum, and `draws` whether minibatches are drawn from the seed,
    so that something can run beside it, on the same ones: what it needs is `beside`, None where a config is read.
    `linear` says whether the update rule's step is, `one_start` whether all replicas begin at one point, and `control`
    whether full-batch descent runs beside them anyway. `anew` says whether samples are made anew at every step, as with
    augmented images.
    """

    steps: int | None
    replicas: int
    parameters: int | None
    sgd: Sgd
    gradient_tolerance: float
    rule: UpdateRuleSection | None = None
    curved: bool = False
    draws: bool = True
    linear: bool = True
    one_start: bool = True
    control: bool = False
    anew: bool = False
    beside: Beside | None = None


class ProbeSection(Section):
    """The base of all kinds of probe; a kind overrides what is different with it, and nothing else names the kind."""

    PROBE: ClassVar[str]
    """The class that measures, "module:Class" of (section, watched), a `Probe`, imported when the training begins; see
    `build`."""
    DECLARES: ClassVar[Declarations] = {}
    """The observables that it emits and the coordinates that they need, by name."""
    NEEDS: ClassVar[frozenset[str]] = frozenset()
    """What it takes of the training: "hessian", whose size is parameters x parameters; "curvature", H and C at the
    minimum that the training starts from; "beside", to run something of its own on the same minibatches; "squares", the
    sums over every step that `View.squares` gives, of heavy-ball SGD."""
    kind: str

    def build(self, watched: Watched) -> Probe:
        """What measures, for one training. Raises `UserError` if that cannot be measured."""
        made: Callable[[ProbeSection, Watched], Probe] = imported(self.PROBE)
        return made(self, watched)

    def emits(self) -> frozenset[str]:
        """The observables that it is sure to emit."""
        return frozenset(name for name, each in self.DECLARES.items() if not isinstance(each, Coordinate))

    def kept(self) -> int:
        """How many copies of the weights of every replica it keeps."""
        return 1

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """What is wrong with it in a training, at key paths of the study; `model` and `probe` are where these are."""
        if "hessian" in self.NEEDS:
            fault = too_many(watched.parameters, "the full Hessian that its probes measure", "remove the probes")
            if fault is not None:
                yield (*model, "architecture"), fault
        if "curvature" in self.NEEDS and not watched.curved:
            yield probe, f"{self.kind} takes H and C at the minimum; {_MEASURED}, or remove it"
        if "beside" in self.NEEDS and not watched.draws:
            yield (
                probe,
                f"{self.kind} draws the minibatches again, which it cannot of a loop of your own; remove it",
            )

        if "squares" in self.NEEDS:
            if not watched.draws:
                yield probe, f"{self.kind} sums over every step, which it does not see of a loop of your own; remove it"
            elif watched.rule is not None and not watched.rule.heavy_ball(watched.sgd):
                yield (
                    probe,
                    f"{self.kind} rests on an identity of heavy-ball SGD, without Nesterov, dampening, clipping or a "
                    f"schedule, and update_rule is {watched.rule.kind}, or has one of these; remove one of the two",
                )

    def unscannable(self) -> str | None:
        """Why no scan can reach a model with it; None if one can."""
        return None

    def shorter(self, steps: int) -> ProbeSection | None:
        """The same for a piece of so few steps, of which the time of all is told; None if it has nothing to see there.

        For a probe that names steps of its own, or takes so many.
        """
        return self

    def code(self) -> tuple[str, ...]:
        """Code of the user's own that it names, each "module:attribute"."""
        return (self.kind,) if ":" in self.kind else ()


def probe_problems(probes: Sequence[ProbeSection], watched: Watched, model: KeyPath) -> Faults:
    """What is wrong with the probes of a model, which is at that key path."""
    kinds = [probe.kind for probe in probes]
    for place, probe in enumerate(probes):
        here: KeyPath = (*model, "probes", place)
        yield from probe.problems(watched, model=model, probe=here)
        if probe.kind in kinds[:place]:
            yield here, f"{probe.kind} is there twice; remove one"
