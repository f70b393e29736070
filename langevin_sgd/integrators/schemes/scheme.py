"""A scheme: one update rule, and what it declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.dynamics import Dynamics, Vector
from langevin_sgd.noise import Interpretation

State = dict[str, Vector]
Rule = Callable[[Dynamics, State, tuple[Vector, ...]], State]


class SchemeError(UserError, ValueError):
    """A scheme asked to do what it is not made for."""


@dataclass(frozen=True)
class Scheme:
    """An integration scheme for dw = f dt + b dW.

    `rule(dynamics, state, draws)` returns the state one step on, in vector arithmetic; `draws` are vectors of m
    independent numbers of mean 0 and variance 1, `draws_per_step` of them. `state` names the vectors carried from step
    to step; `position` is the first.
    `strong_order` maps each kind of noise that the scheme accepts (`additive`, `diagonal`: each amplitude a function
    of its own coordinate, `general`) to its strong order there; `sampling_order` is the order in the time step of the
    bias of stationary averages. `increments` are the weak increments that keep the weak order; a scheme that needs the
    path itself accepts `gaussian` alone. `parameters` are the scheme's own, None: must be given.
    """

    name: str
    rule: Rule
    interpretation: Interpretation
    strong_order: Mapping[str, float]
    weak_order: float
    sampling_order: float
    increments: tuple[str, ...]
    draws_per_step: int = 1
    state: tuple[str, ...] = ("position",)
    parameters: Mapping[str, float | None] = field(default_factory=dict)
    needs: tuple[str, ...] = ("gradient",)
    source: str = ""

    def check(self, structure: str, increments: str, *, force: bool = False) -> None:
        """Raise `SchemeError` when the scheme does not take this kind of noise or of increments."""
        if structure not in self.strong_order:
            other = {
                "additive": "euler_maruyama",
                "diagonal": "milstein",
                "general": "euler_maruyama or stratonovich_heun",
            }[structure]
            raise SchemeError(
                f"{self.name} takes {' or '.join(self.strong_order)} noise, and this noise is {structure}; use {other}"
            )
        if increments not in self.increments and not force:
            raise SchemeError(
                f"{self.name} does not keep its order with {increments} increments; "
                f"use {' or '.join(self.increments)}, or force=True to see what is lost"
            )
