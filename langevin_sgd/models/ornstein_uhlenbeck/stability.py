"""Whether an Ornstein-Uhlenbeck model with a given Hessian stays bounded: known before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage

if TYPE_CHECKING:
    from langevin_sgd.models.ornstein_uhlenbeck.config import OrnsteinUhlenbeckModel
    from langevin_sgd.study.config import Study


def problems(study: Study, name: str, model: OrnsteinUhlenbeckModel) -> Iterator[tuple[KeyPath, str]]:
    """Faults as (key path, message): k <= 0 in a mode that moves, or eta k >= 2 (1 + mu) in the discrete dynamics.

    The limit is that of heavy-ball descent on a quadratic (Polyak 1964, USSR Comput. Math. Math. Phys. 4, 1). A
    Hessian measured on a network is known only when the network has run, and is left to the simulation.
    """
    if model.hessian.source() is not None:
        return
    at: KeyPath = ("models", name, "hessian", model.hessian.KEY)
    rates, noisy = _modes(model)
    if not all(map(math.isfinite, rates)):
        yield at, "has entries too large for its eigenvalues to be found"
        return
    rounding = model.hessian.ROUNDING * max(map(abs, rates))
    unbound = [rate for rate, moves in zip(rates, noisy, strict=True) if rate <= rounding and moves]
    if model.starts_away():
        unbound += [rate for rate in rates if rate < -rounding]
    if unbound:
        yield at, f"eigenvalue {min(unbound):.4g} is not positive, so its mode grows without bound; make it > 0"
    sgd = lineage.sgd(study, name)
    limit = 2 * (1 + sgd.momentum)
    largest = max(rates)
    if model.dynamics == "discrete" and sgd.learning_rate * largest >= limit:
        yield (
            lineage.sgd_origin(study, name, "learning_rate"),
            f"learning_rate {sgd.learning_rate:g} times the largest eigenvalue {largest:.4g} of the Hessian of {name} "
            f"is {sgd.learning_rate * largest:.4g}, at or over the stability limit 2 (1 + momentum) = {limit:g}; "
            f"give less than {limit / largest:.4g}",
        )


def _modes(model: OrnsteinUhlenbeckModel) -> tuple[list[float], list[bool]]:
    """Each eigenvalue of a given Hessian, and whether its mode is known to have noise."""
    import numpy  # only a study with a given Hessian pays for these imports

    from langevin_sgd.theory.modes import NOISE_FREE

    try:
        with numpy.errstate(all="ignore"):
            rates, vectors = model.hessian.spectrum()
            strengths = model.noise.strengths(vectors, len(rates))
    except numpy.linalg.LinAlgError:
        return [math.nan], [True]
    return rates.tolist(), (strengths > NOISE_FREE * strengths.max()).tolist()
