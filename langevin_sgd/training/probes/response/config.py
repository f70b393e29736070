"""The `response` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd import import_path
from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveNumber, Steps, Text, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable, with_errors
from langevin_sgd.training.curvature_limit import too_many
from langevin_sgd.training.probes.section import ProbeSection, Watched

GRADIENT = "gradient"
"""The direction of the mean gradient where the field is switched on."""
SHORTEST = 384
"""Steps of a training in which times that are not given find their place."""
LATE = 12
"""Delays that are equally spaced if delays are not given."""
_OWN_LAW = ("mode_response_predicted", "mode_increment_variance_predicted", "mode_thermal_energy_predicted")
_AFTER = ("onset", "delay", "mode")


class ResponseProbe(ProbeSection):
    """Effective temperature of every mode, theta = displacement^2/(2 response): response by copies of the replicas with
    a field +h and -h, on their own minibatches; displacement of the replicas themselves over the same times.

    One pair of copies shows the response of all modes: their fields have random signs in every replica, so that what a
    field does to other modes averages out. A second pair with another field shows whether the response is linear. Modes
    are eigenvectors of the Hessian at the minimum the training begins at, else where the mean of the replicas is when
    the field is switched on.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.response.measure:Response"
    DECLARES: ClassVar[Declarations] = {
        "onset_step": Coordinate(("onset",), "step at which a field is switched on", "step"),
        "delay_step": Coordinate(("delay",), "steps since the field was switched on", "step"),
        "field_strength": Coordinate(("field",), "what the field displaces a mode by, over its thermal spread"),
        "direction": Coordinate(("direction",), "direction of a field that is not along modes"),
        "origin_step": Variable(("onset", "origin"), "steps from which displacements are measured", "step"),
        "onset_eigenvalue": Variable(("onset", "mode"), "eigenvalue of the Hessian along the mode"),
        "bath_thermal_energy": Variable(
            ("onset", "mode"), "thermal energy of the noise along the mode, eta c/(2B (1 - momentum))"
        ),
        "mode_response": Variable(("replica", *_AFTER), "displacement of the mode by a field along it, over the field"),
        "field_response": Variable(
            ("replica", "field", "onset", "mode"), "the same in the longest delay, for each of the fields"
        ),
        "mode_response_predicted": Variable(_AFTER, "response of the mode, predicted by the process's own law"),
        "mode_increment_1": Variable(("replica", *_AFTER), "displacement of the mode in the delay, over all origins"),
        "mode_increment_2": Variable(("replica", *_AFTER), "its square, over all origins"),
        **with_errors("mode_increment_variance", _AFTER, "variance of the displacement of the mode in the delay"),
        **with_errors(
            "mode_thermal_energy", _AFTER, "effective thermal energy of the mode, displacement^2/(2 response)"
        ),
        "direction_response": Variable(
            ("replica", "onset", "delay", "direction"), "displacement by a field along the direction, over the field"
        ),
        **with_errors(
            "direction_thermal_energy",
            ("onset", "delay", "direction"),
            "effective thermal energy along the direction, displacement^2/(2 response)",
        ),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["response"]
    """Always `response`."""
    onsets: Annotated[tuple[Steps, ...], Field(min_length=1)] | None = None
    """Steps at which the field is switched on. null: after a quarter of a training that begins at a minimum with its
    curvature measured; else four, evenly spaced in their logarithm."""
    delays: Annotated[tuple[Steps, ...], Field(min_length=1)] | None = None
    """Steps after which the response is measured. null: 1, 4, 16, and twelve that are equally spaced, the longest a
    thirty-second of the training."""
    fields: Annotated[tuple[PositiveNumber, ...], Field(min_length=1, max_length=4)] = (0.1, 0.2)
    """Fields, by what they displace each mode by within the longest delay, in units of what noise displaces it by.
    The first one counts; the others show whether the response is linear."""
    origins: Annotated[WholeNumber, Field(ge=1, le=10_000)] | None = None
    """Number of steps from each onset on that displacements are measured from. null: 30 in equilibrium, 1 elsewhere."""
    directions: tuple[Text, ...] = ()
    """Directions beside the modes: `gradient`, or "module:function", a function of the mean weights (d,) that returns a
    vector (d,)."""

    def emits(self) -> frozenset[str]:
        """All but what a law says, and what there are no directions for."""
        found = super().emits() - frozenset(_OWN_LAW)
        return found if self.directions else frozenset(n for n in found if not n.startswith("direction_"))

    def kept(self) -> int:
        """Two copies a field and direction, each with its field, and what is measured at each onset and delay."""
        measured = (4 if self.onsets is None else len(self.onsets)) * (15 if self.delays is None else len(self.delays))
        return 4 * (len(self.fields) + len(self.directions)) + 3 * measured

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """Sizes, times that are not in order or beyond the training, and directions that are none."""
        yield from super().problems(watched, model=model, probe=probe)
        fault = too_many(watched.parameters, "the full Hessian that the response is measured along", "remove the probe")
        if fault is not None and not watched.curved:
            yield (*model, "architecture"), fault
        for key in ("onsets", "delays", "fields"):
            given = getattr(self, key)
            if given is not None and list(given) != sorted(set(given)):
                mend = ", ".join(f"{each:g}" for each in sorted(set(given)))
                yield (*probe, key), f"must grow from one to the next; give [{mend}]"
        if watched.steps is not None and (unfit := self.unfit(watched.steps, curved=watched.curved)) is not None:
            at, told = unfit
            yield (*probe, *at), told
        for place, name in enumerate(self.directions):
            if name != GRADIENT and not import_path.is_import_path(name):
                yield (*probe, "directions", place), f'expected {GRADIENT} or "module:function", got {name!r}'
            elif reason := import_path.foreign(name):
                yield (*probe, "directions", place), f"{name}: {reason}"
            if name in self.directions[:place]:
                yield (*probe, "directions", place), f"{name} is there twice; remove one"

    def unfit(self, steps: int, *, curved: bool) -> tuple[KeyPath, str] | None:
        """The key that does not go with a training of so many steps, and why; None if all times are within it.

        `curved` as in `Watched`.
        """
        if steps < SHORTEST and not (self.onsets and self.delays):
            return (), f"a training of {steps} steps is too short to choose times in; give onsets and delays"
        last = max(self.onsets or (last_onset(steps, curved=curved),))
        if self.delays is None:
            left = max(steps - last, 0)
            told = f"{left} steps are left for delays behind step {last}; give earlier onsets, or delays"
            return None if left >= LATE else (("onsets",), told)
        longest = last + max(self.delays)
        if longest <= steps:
            return None
        mend = "give less" if self.onsets else "give less, or earlier onsets"
        return ("delays",), f"onsets and delays reach step {longest}, but the training ends at {steps}; {mend}"

    def shorter(self, steps: int) -> ResponseProbe | None:
        """One onset amid the piece."""
        half = steps // 2
        if half < 1:
            return None
        return self.model_copy(update={"onsets": (half,), "delays": tuple(sorted({1, half})), "origins": 1})

    def code(self) -> tuple[str, ...]:
        """Functions of the user's own that give directions."""
        return (*super().code(), *(name for name in self.directions if import_path.is_import_path(name)))


def last_onset(steps: int, *, curved: bool) -> int:
    """The last of the onsets if they are not given."""
    return steps // 4 if curved else steps // 2
