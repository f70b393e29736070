"""Whether an Ornstein-Uhlenbeck model with a given Hessian stays bounded: known before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from langevin_sgd.config.errors import KeyPath
from langevin_sgd.config.quadratic import (
    DiagonalHessian,
    DiagonalNoise,
    Displacement,
    FullNoise,
    IsotropicNoise,
    MeasuredHessian,
)

if TYPE_CHECKING:
    from langevin_sgd.models.ornstein_uhlenbeck.config import OrnsteinUhlenbeckModel
    from langevin_sgd.study.config import Study


def problems(study: Study, name: str, model: OrnsteinUhlenbeckModel) -> Iterator[tuple[KeyPath, str]]:
    """Faults as (key path, message): k <= 0 in a mode that moves, or eta k >= 2 (1 + mu) in the discrete dynamics.

    The limit is that of heavy-ball descent on a quadratic (Polyak 1964, USSR Comput. Math. Math. Phys. 4, 1). A
    Hessian measured on a network is known only when the network has run, and is left to the simulation.
    """
    if isinstance(model.hessian, MeasuredHessian):
        return
    field = "eigenvalues" if isinstance(model.hessian, DiagonalHessian) else "matrix"
    at: KeyPath = ("models", name, "hessian", field)
    rates, noisy = _modes(model)
    if not all(map(math.isfinite, rates)):
        yield at, "has entries too large for its eigenvalues to be found"
        return
    # Eigenvalues of a matrix carry rounding errors, given ones do not.
    rounding = 0.0 if isinstance(model.hessian, DiagonalHessian) else 1e-12 * max(map(abs, rates))
    unbound = [rate for rate, moves in zip(rates, noisy, strict=True) if rate <= rounding and moves]
    if isinstance(model.start, Displacement):
        unbound += [rate for rate in rates if rate < -rounding]
    if unbound:
        yield at, f"eigenvalue {min(unbound):.4g} is not positive, so its mode grows without bound; make it > 0"
    sgd = study.effective_sgd(name)
    limit = 2 * (1 + sgd.momentum)
    largest = max(rates)
    if model.dynamics == "discrete" and sgd.learning_rate * largest >= limit:
        yield (
            study.sgd_origin(name, "learning_rate"),
            f"learning_rate {sgd.learning_rate:g} times the largest eigenvalue {largest:.4g} of the Hessian of {name} "
            f"is {sgd.learning_rate * largest:.4g}, at or over the stability limit 2 (1 + momentum) = {limit:g}; "
            f"give less than {limit / largest:.4g}",
        )


def _modes(model: OrnsteinUhlenbeckModel) -> tuple[list[float], list[bool]]:
    """Each eigenvalue of a given Hessian, and whether its mode is known to have noise."""
    import numpy  # only a study with a given Hessian pays for these imports

    from langevin_sgd.theory.modes import NOISE_FREE

    hessian, noise = model.hessian, model.noise
    if isinstance(hessian, MeasuredHessian):
        raise TypeError("a measured Hessian has no eigenvalues yet")
    size = len(hessian.eigenvalues) if isinstance(hessian, DiagonalHessian) else len(hessian.matrix)
    try:
        with numpy.errstate(all="ignore"):
            if isinstance(hessian, DiagonalHessian):
                rates, vectors = numpy.array(hessian.eigenvalues), None
            else:
                rates, vectors = numpy.linalg.eigh(numpy.array(hessian.matrix))
            if isinstance(noise, FullNoise):
                covariance = numpy.array(noise.matrix)
                strengths = (
                    covariance.diagonal()
                    if vectors is None
                    else numpy.einsum("im,im->m", vectors, covariance @ vectors)
                )
            elif isinstance(noise, DiagonalNoise) and noise.variances is not None:
                variances = numpy.array(noise.variances)
                strengths = variances if vectors is None else variances @ vectors**2
            else:
                # Isotropic noise moves every mode; of other measured noise nothing is known yet.
                strengths = numpy.full(size, float(isinstance(noise, IsotropicNoise)))
    except numpy.linalg.LinAlgError:
        return [math.nan], [True]
    return rates.tolist(), (strengths > NOISE_FREE * strengths.max()).tolist()
