"""The `noise_covariance` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection
from langevin_sgd.training.probes.section import Watched

_AT = ("noise_look", "noise_replica")
_LAYER = (*_AT, "noise_layer")
_MODE = (*_LAYER, "noise_mode")
_FIT = "gamma of C_ii ~ H_ii^gamma in a layer"
_APART, _SAME = "on samples that did not choose the eigenvectors", "on the samples that chose the eigenvectors"


class NoiseCovarianceProbe(FirstReplicasSection):
    """C, the covariance of one sample's gradient: its size and spectrum, and what it has of H; tails of its noise.

    Per layer, gamma of C_ii ~ H_ii^gamma: half of the training samples, drawn once, choose the sharpest eigenvectors of
    the layer's block of H, and C_ii and H_ii along them are measured on the other half, and beside it on those that
    chose them, where both are too large, since the eigenvectors lean to single samples. The line through the logarithms
    takes errors of both, over samples (York et al. 2004). tr(HC), |H| and |C| are averages over random signs.

    Tail indices are those of the block estimator (`estimators.tail_index`) of the noise of minibatches at fixed
    weights, of which 1/alpha is averaged: over the coordinates of one minibatch, or over many for one coordinate.
    Weight decay is in none of all this.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.noise_covariance.measure:NoiseCovariance"
    DECLARES: ClassVar[Declarations] = {
        "gradient_noise_trace": Variable(_AT, "trace of C, the covariance of one sample's gradient"),
        "gradient_noise_top": Variable((*_AT, "noise_top_mode"), "largest eigenvalues of C"),
        "gradient_noise_hessian_trace": Variable(_AT, "tr(HC)"),
        "gradient_noise_hessian_trace_stderr": Variable(_AT, "standard error of tr(HC), over random vectors"),
        "gradient_noise_alignment": Variable(_AT, "tr(HC)/(|H||C|): 1 where C is H times a number"),
        "gradient_noise_exponent": Variable(_LAYER, f"{_FIT}, {_APART}"),
        "gradient_noise_exponent_stderr": Variable(_LAYER, f"standard error of {_FIT}, {_APART}"),
        "gradient_noise_exponent_misfit": Variable(
            _LAYER, f"chi^2 over degrees of freedom of the fit of {_FIT}, {_APART}"
        ),
        "gradient_noise_exponent_in_sample": Variable(_LAYER, f"{_FIT}, {_SAME}"),
        "gradient_noise_exponent_in_sample_stderr": Variable(_LAYER, f"standard error of {_FIT}, {_SAME}"),
        "gradient_noise_exponent_in_sample_misfit": Variable(
            _LAYER, f"chi^2 over degrees of freedom of {_FIT}, {_SAME}"
        ),
        "curvature_along": Variable(_MODE, f"H_ii along a layer's sharpest eigenvectors, {_APART}"),
        "noise_along": Variable(_MODE, f"C_ii along a layer's sharpest eigenvectors, {_APART}"),
        "curvature_along_in_sample": Variable(_MODE, f"H_ii along a layer's sharpest eigenvectors, {_SAME}"),
        "noise_along_in_sample": Variable(_MODE, f"C_ii along a layer's sharpest eigenvectors, {_SAME}"),
        "gradient_noise_tail_across_coordinates": Variable(
            _AT, "tail index of a minibatch's noise across its coordinates, by 1/alpha averaged over minibatches"
        ),
        "gradient_noise_tail_across_iterations": Variable(
            _AT, "tail index of a coordinate's noise across minibatches, by 1/alpha averaged over coordinates"
        ),
        "noise_step": Coordinate(("noise_look",), "step at which C is measured", "step"),
        "noise_replica": Coordinate(("noise_replica",), "replica of which C is measured"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["noise_covariance"]
    """Always `noise_covariance`."""
    modes: Annotated[WholeNumber, Field(ge=3, le=500)] = 20
    """Sharpest eigenvectors of each layer's block, those that a layer has. Of these the fit leaves out along which H_ii
    or C_ii is not positive."""
    eigenvalues: Annotated[WholeNumber, Field(ge=1, le=500)] = 5
    """How many of the largest eigenvalues of C."""
    vectors: Annotated[WholeNumber, Field(ge=2, le=1000)] = 8
    """Random vectors for tr(HC)."""
    minibatches: Annotated[WholeNumber, Field(ge=4, le=100_000)] = 100
    """Of so many, those that the replica would see next, is the noise whose tail index is told."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to 12."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """There must be so many replicas and eigenvalues, and a training set that stays."""
        yield from super().problems(watched, model=model, probe=probe)
        if watched.parameters is not None and self.eigenvalues >= watched.parameters:
            yield (
                (*probe, "eigenvalues"),
                f"the network has {watched.parameters} weights; give at most {watched.parameters - 1}",
            )
        if watched.anew:
            yield (
                probe,
                "takes minibatches of the training samples, and samples are made anew at every step; remove it, or "
                "augment or fresh of data",
            )

    def passes(self, layers: int) -> float:
        """What one measurement takes, in passes of the training set through the gradient."""
        directions = layers * self.modes
        found = _STEPS_OF_A_LEADING_ONE * (0.5 * _HESSIAN * directions + _SECOND_MOMENT * self.eigenvalues)
        return found + _EACH_SAMPLE * (directions + 1) + (_HESSIAN + _SECOND_MOMENT) * self.vectors


_STEPS_OF_A_LEADING_ONE = 6
_HESSIAN, _SECOND_MOMENT, _EACH_SAMPLE = 2.5, 3.5, 5.0  # a product, in gradients
