"""The laws of the basins of a landscape: where walkers stay, and how long they take to leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd.laws import Law, Point

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_PROCESS = "langevin_sgd.models.basins.answers:Answers"
_OF_STAYING = ("boltzmann", "laplace", "finite_step", "slide")
_OF_ESCAPE = ("eyring_kramers",)


def _law(name: str, title: str, said: str, source: str, line: tuple[str, str], version: int = 1) -> Law:
    def predict(point: Point) -> dict[str, ArrayLike]:
        return {**point.process.says(name), **(point.process.pace() if name == "fokker_planck" else {})}

    def applies(point: Point) -> bool:
        if name == "chain" and not point.process.has_chain:
            return False
        return name not in (_OF_STAYING if point.process.escaping else _OF_ESCAPE)

    return Law(
        name=name, title=title, said=said, source=source, version=version, predict=predict, process=_PROCESS,
        applies=applies,
        exact_for=lambda point: bool(point.process.claimed(name)), note=lambda point: str(point.process.remark(name)),
        single=frozenset({"relaxation_time"}), line=line,
    )  # fmt: skip


FOKKER_PLANCK = _law(
    "fokker_planck",
    "Fokker-Planck",
    "the Fokker-Planck equation",
    "Gardiner, Stochastic Methods (2009), ch. 5",
    ("blue", "solid"),
)
CHAIN = _law(
    "chain",
    "exact chain",
    "the exact chain",
    "the transition matrix of the map of the scheme; of linear steps in the plane the discrete Lyapunov equation",
    ("purple", "solid"),
    version=2,
)
BOLTZMANN = _law("boltzmann", "Boltzmann", "Boltzmann's law", "exp(-E/theta), theta = T/2", ("green", "dotted"))
LAPLACE = _law(
    "laplace",
    "Laplace",
    "Laplace's formula",
    "Boltzmann's law with every basin a paraboloid",
    ("vermillion", "dashed"),
)
FINITE_STEP = _law(
    "finite_step",
    "finite step",
    "the correction for a finite step",
    "leading correction of Euler-Maruyama in the step",
    ("orange", "dash-dot"),
)
SLIDE = _law(
    "slide", "exp(−E/2T)", "exp(−E/2T)", "a lecture's exponent, wrong by a factor of 4", ("grey", "short dashes")
)
EYRING_KRAMERS = _law(
    "eyring_kramers",
    "Eyring-Kramers",
    "the Eyring-Kramers formula",
    "Kramers (1940); Landauer and Swanson (1961)",
    ("vermillion", "dashed"),
)
