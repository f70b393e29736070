"""The `reconstruction` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.fields import WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection

_AT = ("reconstructed_replica", "reconstructed_layer", "reconstructed_sample")


class ReconstructionProbe(FirstReplicasSection):
    """Inputs x that a layer cannot tell from a training sample x_n: |h_l(x) - h_l(x_n)|^2/|h_l(x_n)|^2 made small.

    h_l is what layer l hands to the next one with a weight matrix or kernels, behind pooling and nonlinearity, and the
    outputs for the last. The descent (L-BFGS with strong Wolfe conditions) starts from the mean of the training inputs
    and a tenth of their standard deviation of noise, the same for all samples, layers and replicas, with no prior
    beside (Mahendran and Vedaldi 2015 have some): what the layer does not hold stays what it was there. NaN where a
    layer's signal, or the sample, is zero throughout.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.reconstruction.measure:Reconstruction"
    DECLARES: ClassVar[Declarations] = {
        "reconstruction_error": Variable(_AT, "|x - x_n|^2/|x_n|^2 of the input x made from a layer's signal"),
        "reconstruction_mismatch": Variable(_AT, "|h(x) - h(x_n)|^2/|h(x_n)|^2 of the layer's signal h"),
        "reconstruction": Variable((*_AT, "reconstructed_component"), "input x made from a layer's signal"),
        "reconstructed_input": Variable(("reconstructed_sample", "reconstructed_component"), "training sample x_n"),
        "reconstruction_start_error": Variable(("reconstructed_sample",), "|x - x_n|^2/|x_n|^2 of where x starts"),
        "reconstructed_replica": Coordinate(("reconstructed_replica",), "replica whose layers are read"),
        "reconstructed_layer": Coordinate(
            ("reconstructed_layer",), "layer with a weight matrix or kernels, from the input on"
        ),
        "reconstructed_sample": Coordinate(("reconstructed_sample",), "training sample that is reconstructed"),
        "reconstructed_component": Coordinate(("reconstructed_component",), "component of an input"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["reconstruction"]
    """Always `reconstruction`."""
    samples: Annotated[WholeNumber, Field(ge=1, le=10_000)] = 4
    """The first so many training samples, or all of fewer."""
    iterations: Annotated[WholeNumber, Field(ge=1, le=100_000)] = 200
    """Iterations of L-BFGS, at most, from the start for each."""
