"""The laws of random potentials themselves, which need no walk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.laws import Law, Point

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_PROCESS = "langevin_sgd.models.random_potential.stored:InDisorder"


def _structure_function(point: Point) -> dict[str, ArrayLike]:
    return {"structure_function": point.process.structure_function()}


def _late_diffusion(point: Point) -> dict[str, ArrayLike]:
    return {"effective_diffusion_predicted": point.process.late_diffusion()}


def _claimed(point: Point) -> bool:
    return True


STRUCTURE_FUNCTION = Law(
    name="structure_function",
    title="structure function",
    said="the structure function it was made with",
    source="A |x - y|^alpha, on the sites and between the cutoffs of the potential",
    version=1,
    predict=_structure_function,
    requires=frozenset({"distance"}),
    process=_PROCESS,
    exact_for=_claimed,
)
EFFECTIVE_DIFFUSION = Law(
    name="effective_diffusion",
    title="late diffusion",
    said="the late diffusion between bounded barriers",
    source="Zwanzig (1988): D = theta/(<exp(V/theta)><exp(-V/theta)>) on a line with bounded barriers",
    version=1,
    predict=_late_diffusion,
    requires=frozenset({"correlation_length"}),
    process=_PROCESS,
    exact_for=_claimed,
)
