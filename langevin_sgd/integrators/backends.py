"""The backends: what runs a problem, which landscapes each takes, and what `auto` is.

Each gives the reason why it does not take a landscape; `auto` is the first of them that does. The name of what ran is
recorded with the results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from langevin_sgd.devices import COMPILED, FUSED, SDEINT, TENSORS, Engine
from langevin_sgd.integrators.generate import is_generated
from langevin_sgd.integrators.problem import Problem, Reductions
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError
from langevin_sgd.landscapes.landscape import Landscape
from langevin_sgd.one_thread import one_torch_thread

Backend = Literal["auto", "fused", "batched", "reference"]
_AfterLaunch = Callable[[int], None] | None


@dataclass(frozen=True)
class Runs:
    """One backend: `takes(landscape)` is the reason why it does not, or empty; `engine(landscape)` what computes.

    `run(problem, scheme, device, after_launch)` advances a problem in place and returns what ran, and the reductions.
    """

    takes: Callable[[Landscape], str]
    engine: Callable[[Landscape], Engine]
    run: Callable[[Problem, Scheme, str, _AfterLaunch], tuple[str, Reductions]]


def _fused(problem: Problem, scheme: Scheme, device: str, after_launch: _AfterLaunch) -> tuple[str, Reductions]:
    if device.startswith("cuda"):
        from langevin_sgd.integrators import fused_gpu

        return f"fused on {device}", fused_gpu.run(problem, device, after_launch)
    from langevin_sgd.integrators import fused_cpu

    return "fused on cpu", fused_cpu.run(problem, after_launch)


def _batched(problem: Problem, scheme: Scheme, device: str, after_launch: _AfterLaunch) -> tuple[str, Reductions]:
    from langevin_sgd.integrators import batched_torch

    if is_generated(problem.landscape):
        return f"batched on {device}", batched_torch.run(problem, device, after_launch)
    from langevin_sgd.integrators.callable_stepper import CallableStepper

    make = partial(CallableStepper, problem.landscape, problem.noise, scheme)
    with one_torch_thread():  # its matrix products would round as the number of threads says
        return f"batched on {device}", batched_torch.run(problem, device, after_launch, make)


def _reference(problem: Problem, scheme: Scheme, device: str, after_launch: _AfterLaunch) -> tuple[str, Reductions]:
    from langevin_sgd.integrators import reference

    return "sdeint", reference.run(problem, scheme, after_launch)


def _source(landscape: Landscape) -> str:
    what = "a callable landscape has no source to compile; use backend='batched' or 'auto'"
    return "" if landscape.symbolic else what


def _formula(landscape: Landscape) -> str:
    what = "backend='reference' needs a landscape given by a formula; use backend='batched'"
    return "" if landscape.whole_formula else what


BACKENDS: dict[str, Runs] = {
    "fused": Runs(_source, lambda landscape: COMPILED if landscape.compiled_for_cpu_alone else FUSED, _fused),
    "batched": Runs(lambda landscape: "", lambda landscape: TENSORS, _batched),
    "reference": Runs(_formula, lambda landscape: SDEINT, _reference),
}
"""By name, in the order in which `auto` tries them."""


def chosen(name: str, landscape: Landscape) -> Runs:
    """The backend of that name. Raises `SchemeError` with the reason if it does not take the landscape."""
    if name == "auto":
        return next(one for one in BACKENDS.values() if not one.takes(landscape))
    if reason := BACKENDS[name].takes(landscape):
        raise SchemeError(reason)
    return BACKENDS[name]
