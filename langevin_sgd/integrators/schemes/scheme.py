"""A scheme: one update rule, and what it declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.by_value import ByValue

if TYPE_CHECKING:
    from langevin_sgd.noise import Interpretation, Noise

Vector = Any  # array of sympy expressions (d,), numpy array or tensor (d, N)
Scalar = Any
State = dict[str, Vector]


class Dynamics(Protocol):
    """dw = f(w) dt + b(w) dW, seen by an update rule.

    A rule is written once, in plain arithmetic on vectors (arrays whose first axis is the coordinate). Handed symbols
    it yields the expressions from which kernels are generated; handed tensors or numbers it runs.
    """

    time_step: Scalar

    def parameter(self, name: str) -> Scalar:
        """A parameter of the scheme, such as the momentum."""

    def root(self, value: Scalar) -> Scalar:
        """Square root of a scalar."""

    def exponential(self, value: Scalar) -> Scalar:
        """Exponential of a scalar."""

    def named(self, value: Vector) -> Vector:
        """The same vector, computed once and used by name: an intermediate stage."""

    def drift(self, position: Vector) -> Vector:
        """f, (d,)."""

    def noise(self, position: Vector, increment: Vector) -> Vector:
        """b(w) v for a vector v of m noise increments, (d,)."""

    def noise_slope(self, position: Vector, weights: Vector) -> Vector:
        """b_i db_i/dw_i v_i for diagonal noise, (d,)."""


Rule = Callable[[Dynamics, State, tuple[Vector, ...]], State]
# (landscape, noise, parameter values, names of those that vary) -> the scheme to run, and parameters of its own
Bind = Callable[[Any, "Noise", Mapping[str, Any], Sequence[str]], "tuple[Scheme, dict[str, Any]]"]


class SchemeError(UserError, ValueError):
    """A scheme asked to do what it is not made for."""


def _of_the_drift(parameters: Mapping[str, float]) -> float:
    return 1.0


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

    What laws and other parts need to know of it: `euler_step`, that a step is w + f h + b sqrt(h) xi and nothing else,
    so that the transition matrix and the corrections of that map are its own, and a force with steps is taken as it is;
    `momentum_step`, that it is u' = mu u + f h + b sqrt(h) xi, w' = w + u' with mu its `momentum`, and nothing else;
    `map_of_sgd`, that it is a map of SGD, whose step is the learning rate; `inertia`, that walkers have a velocity
    which the equation has not, so that their positions alone are no diffusion; `mobility`, the mean velocity over the
    drift as a function of the scheme's parameters; `in_sdeint`, the name of the same method in the library sdeint.
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
    euler_step: bool = False
    momentum_step: bool = False
    map_of_sgd: bool = False
    inertia: bool = False
    mobility: Callable[[Mapping[str, float]], float] = _of_the_drift
    in_sdeint: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        """Raise `SchemeError` for what a scheme of somebody's own gives in another form."""
        if self.interpretation not in ("ito", "stratonovich"):
            raise SchemeError(f"scheme {self.name}: interpretation must be ito or stratonovich")
        for name in ("increments", "state", "needs"):
            given = getattr(self, name)
            if isinstance(given, str):
                raise SchemeError(f"scheme {self.name}: {name} must be a tuple of names, got the text {given!r}")

    def after(self, model: Dynamics, state: State, draws: tuple[Vector, ...]) -> State:
        """The state one step on. Raises `UserError` where the rule fails, or returns no state of the scheme."""
        failure = f"the rule of scheme {self.name} failed"
        found = user_code.call_at_every_step(failure, self.rule, model, state, draws)
        if not isinstance(found, dict) or set(found) != set(self.state):
            given = ", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__
            raise SchemeError(
                f"the rule of scheme {self.name} returned {given}; its state is {', '.join(self.state)}: return a dict "
                "with a vector for each"
            )
        for name in self.state:
            length = user_code.call_at_every_step(f"the {name} after {self.name} is no vector", len, found[name])
            if length != len(state[name]):
                raise SchemeError(
                    f"the rule of scheme {self.name} returned {length} components of {name}, which has "
                    f"{len(state[name])}"
                )
        return found

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
