"""Landscapes of a Langevin equation as a config writes them: each says which formula it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import Number, Section, Text

if TYPE_CHECKING:
    from langevin_sgd.landscapes.families import Family


class PotentialSection(Section):
    """The base of what may be written for E."""

    def formula(self) -> ExpressionPotential:
        """E as a formula, with its variables and parameters."""
        raise NotImplementedError

    def family(self) -> Family | None:
        """The ready landscape with its basins; None if E is known as a formula alone."""
        return None


class ExpressionPotential(PotentialSection):
    """E as a formula."""

    kind: Literal["expression"]
    """Always `expression`."""
    energy: Text
    """E in Python's notation over `variables` and `parameters`, for example "a*(x**2 - 1)**2"."""
    variables: Annotated[tuple[Text, ...], Field(min_length=1, max_length=16)]
    """The coordinates in order."""
    force: tuple[Text, ...] = ()
    """Formulas added to -grad E, one a coordinate, for a drift that is no gradient."""
    parameters: dict[Text, Number] = Field(default_factory=dict)
    """Named numbers in the formulas; each can be scanned."""

    def formula(self) -> ExpressionPotential:
        """As it is."""
        return self

    @model_validator(mode="after")
    def _readable(self) -> ExpressionPotential:
        from langevin_sgd.landscapes.formula import FormulaError, check_names, names_in

        try:
            check_names([*self.variables, *self.parameters], "the symbol")
        except FormulaError as error:
            raise inconsistent([(("variables",), str(error))]) from None
        formulas = [(("energy",), self.energy), *((("force", i), text) for i, text in enumerate(self.force))]
        for path, text in formulas:
            try:
                names_in(text, [*self.variables, *self.parameters])
            except FormulaError as error:
                raise inconsistent([(path, str(error))]) from None
        if self.force and len(self.force) != len(self.variables):
            message = f"has {len(self.force)} entries, but there are {len(self.variables)} variables; give one for each"
            raise inconsistent([(("force",), message)])
        return self
