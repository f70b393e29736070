"""A scheme: one update rule, and what it declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.dynamics import Dynamics, Vector
from langevin_sgd.landscapes.by_value import ByValue
from langevin_sgd.noise import Interpretation, Noise

State = dict[str, Vector]
Rule = Callable[[Dynamics, State, tuple[Vector, ...]], State]


# (landscape, noise, parameter values, names of those that vary) -> the scheme to run, and parameters of its own
Bind = Callable[[Any, Noise, Mapping[str, Any], Sequence[str]], "tuple[Scheme, dict[str, Any]]"]


class SchemeError(UserError, ValueError):
    """A scheme asked to do what it is not made for."""


@dataclass(frozen=True, eq=False)
class Scheme(ByValue):
    """An integration scheme for dw = f dt + b dW.

    `rule(dynamics, state, draws)` returns the state one step on, in vector arithmetic; `draws` are vectors of m
    independent numbers of mean 0 and variance 1 (of d with `draws_of` "position"), `draws_per_step` of them. `state`
    names the vectors carried from step to step; `position` is the first.
    The orders map each kind of noise that the scheme accepts (`additive`, `diagonal`: each amplitude a function of its
    own coordinate, `general`) to its order there: `strong_order` of the path, `weak_order` of averages at a finite
    time, `sampling_order` of stationary averages. A scheme of a higher order where the drift is linear and the noise
    constant says so under `linear`. `increments` are those that keep the weak order; a scheme that needs the path
    itself accepts `gaussian` alone. `parameters` are the scheme's own, None: must be given. A rule whose matrices are
    computed for each parameter point comes from `bind`.
    """

    name: str
    rule: Rule
    interpretation: Interpretation
    strong_order: Mapping[str, float]
    weak_order: Mapping[str, float]
    sampling_order: Mapping[str, float]
    increments: tuple[str, ...]
    draws_per_step: int = 1
    draws_of: Literal["noise", "position"] = "noise"
    state: tuple[str, ...] = ("position",)
    parameters: Mapping[str, float | None] = field(default_factory=dict)
    needs: tuple[str, ...] = ("gradient",)
    bind: Bind | None = None
    source: str = ""

    def widths(self, dimension: int, noises: int) -> dict[str, int]:
        """Number of components of each vector of the state."""
        return {name: noises if name == "previous_noise" else dimension for name in self.state}

    def draws(self, dimension: int, noises: int) -> int:
        """Number of random numbers that a step takes."""
        return self.draws_per_step * (noises if self.draws_of == "noise" else dimension)

    @property
    def accepts(self) -> tuple[str, ...]:
        """The kinds of noise that the scheme takes."""
        return tuple(kind for kind in self.strong_order if kind != "linear")

    def check(self, structure: str, increments: str, *, force: bool = False) -> None:
        """Raise `SchemeError` when the scheme does not take this kind of noise or of increments."""
        if structure not in self.accepts:
            other = {
                "additive": "euler_maruyama",
                "diagonal": "milstein",
                "general": "euler_maruyama or stratonovich_heun",
            }[structure]
            raise SchemeError(
                f"{self.name} takes {' or '.join(self.accepts)} noise, and this noise is {structure}; use {other}"
            )
        if increments not in self.increments and not force:
            raise SchemeError(
                f"{self.name} does not keep its order with {increments} increments; "
                f"use {' or '.join(self.increments)}, or force=True to see what is lost"
            )
