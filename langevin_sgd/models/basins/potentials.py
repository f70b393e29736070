"""Landscapes of the `basins` model that come ready, each a formula with named basins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from langevin_sgd.config.errors import KeyPath, inconsistent
from langevin_sgd.config.fields import Number, PositiveNumber, WholeNumber
from langevin_sgd.models.langevin.potential import ExpressionPotential, PotentialSection

if TYPE_CHECKING:
    from langevin_sgd.landscapes.families import Family

Dimension = Annotated[WholeNumber, Field(ge=1, le=16)]


class ReadyPotential(PotentialSection):
    """A ready landscape, which expands to a formula."""

    def family(self) -> Family:
        """The landscape as a formula with basins."""
        raise NotImplementedError

    def formula(self) -> ExpressionPotential:
        """That formula."""
        family = self.family()
        return ExpressionPotential(
            kind="expression",
            energy=family.energy,
            variables=family.variables,
            parameters=dict(family.parameters),
            force=family.force,
        )

    def _faults(self) -> list[tuple[KeyPath, str]]:
        """What is wrong with its numbers."""
        return []

    @model_validator(mode="after")
    def _exists(self) -> Self:
        from langevin_sgd.landscapes.formula import FormulaError

        if faults := self._faults():
            raise inconsistent(faults)
        try:
            self.family()
        except FormulaError as error:
            raise inconsistent([((), str(error))]) from None
        return self


class SharpFlat(ReadyPotential):
    """A sharp well left and a flat one right, each with its Hessian a multiple of the identity."""

    kind: Literal["sharp_flat"]
    """Always `sharp_flat`."""
    dimension: Dimension = 1
    """Number of coordinates d."""
    depth_difference: Number
    """E at the flat minimum minus E at the sharp one."""
    curvature_ratio: Annotated[PositiveNumber, Field(ge=0.01, le=100)]
    """Curvature of the sharp minimum over that of the flat one, the same along every coordinate."""
    barrier: PositiveNumber
    """E at the saddle minus E at the flat minimum."""

    def _faults(self) -> list[tuple[KeyPath, str]]:
        if self.depth_difference > -self.barrier:
            return []
        return [(("depth_difference",), f"must be above -barrier, {-self.barrier:g}, or there is no sharp well")]

    def family(self) -> Family:
        """The landscape as a formula."""
        from langevin_sgd.landscapes import families

        return families.sharp_flat(
            dimension=self.dimension,
            depth_difference=self.depth_difference,
            curvature_ratio=self.curvature_ratio,
            barrier=self.barrier,
        )


class Quartic(ReadyPotential):
    """E = barrier (x^2 - 1)^2 + transverse_curvature |y|^2/2."""

    kind: Literal["quartic"]
    """Always `quartic`."""
    dimension: Dimension = 1
    """Number of coordinates d."""
    barrier: PositiveNumber = 1.0
    """Height of the saddle above both minima; the curvature along x there is 8 barrier."""
    transverse_curvature: PositiveNumber = 1.0
    """Curvature along the other coordinates."""

    def family(self) -> Family:
        """The landscape as a formula."""
        from langevin_sgd.landscapes import families

        return families.quartic(
            dimension=self.dimension, barrier=self.barrier, transverse_curvature=self.transverse_curvature
        )


class TwoBasin(ReadyPotential):
    """Two global minima in the plane, a flat one at (-1, -1) and a sharp one at (1, 1), after Zhu et al. (2019)."""

    kind: Literal["two_basin"]
    """Always `two_basin`."""
    sharp_curvature: PositiveNumber = 10.0
    """Curvature of the sharp minimum in every direction."""
    flat_curvature: PositiveNumber = 1.0
    """Curvature of the flat one."""

    def family(self) -> Family:
        """The landscape as a formula."""
        from langevin_sgd.landscapes import families

        return families.two_basin(sharp_curvature=self.sharp_curvature, flat_curvature=self.flat_curvature)


class NonequilibriumWell(ReadyPotential):
    """A double well in the plane with a current and a known density (Chaudhari and Soatto 2018)."""

    kind: Literal["nonequilibrium_well"]
    """Always `nonequilibrium_well`."""
    rotation: Number = 1.0
    """Strength of the force that is no gradient."""
    thermal_energy: PositiveNumber = 1.0
    """theta = T/2 for which the force is made, so that the density is exp(-U/theta)."""

    def family(self) -> Family:
        """The landscape as a formula."""
        from langevin_sgd.landscapes import families

        return families.nonequilibrium_well(rotation=self.rotation, thermal_energy=self.thermal_energy)


Potential = Annotated[
    ExpressionPotential | SharpFlat | Quartic | TwoBasin | NonequilibriumWell, Field(discriminator="kind")
]
