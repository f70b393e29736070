"""The `degrees_of_freedom` probe in a config."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from langevin_sgd.config.errors import Faults, KeyPath
from langevin_sgd.config.fields import PositiveNumber, WholeNumber
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable
from langevin_sgd.training.probes.first_replicas import FirstReplicasSection
from langevin_sgd.training.probes.section import Watched

_AT = ("freedom_look", "freedom_replica")
_LAYER = (*_AT, "freedom_layer")


class DegreesOfFreedomProbe(FirstReplicasSection):
    """N(lambda) = sum_j mu_j/(mu_j + lambda), mu_j the eigenvalues of the covariance of what enters a layer.

    The covariance is over the training set, of the inputs (layer 0) and of the activations of each hidden layer that
    enter a fully connected one. lambda is given in units of the largest mu_j of the layer. With N units chosen out of
    many, 5 N log N, the others are told by a linear map up to an error of about lambda (Suzuki et al. 2018, 2020). So
    the network is pruned: of every hidden layer that many units are kept, each the one that those before it tell least
    of, the others are told by ridge regression on them and put into the weights of the next layer, without training;
    and the same with N units.
    """

    PROBE: ClassVar[str] = "langevin_sgd.training.probes.degrees_of_freedom.measure:DegreesOfFreedom"
    DECLARES: ClassVar[Declarations] = {
        "activation_spectrum": Variable(
            (*_LAYER, "freedom_mode"),
            "eigenvalues of the covariance of what enters a layer, falling; nan beyond its width",
        ),
        "degrees_of_freedom": Variable((*_LAYER, "freedom_lambda"), "N(lambda) of what enters a layer"),
        "unpruned_test_error": Variable(_AT, "share of wrong answers on the test set; nan without classes or test set"),
        "pruned_test_error": Variable(
            (*_AT, "freedom_lambda"), "the same with 5 N log N units kept of each hidden layer, or all of fewer"
        ),
        "overpruned_test_error": Variable((*_AT, "freedom_lambda"), "the same with N units kept of each hidden layer"),
        "freedom_step": Coordinate(("freedom_look",), "step at which activations are seen", "step"),
        "freedom_replica": Coordinate(("freedom_replica",), "replica whose activations are seen"),
        "freedom_layer": Coordinate(("freedom_layer",), "fully connected layer, by its number, that activations enter"),
        "freedom_lambda": Coordinate(("freedom_lambda",), "lambda over the largest eigenvalue of the layer"),
        "freedom_width": Coordinate(("freedom_layer",), "number of what enters a layer"),
    }
    NEEDS: ClassVar[frozenset[str]] = frozenset({"beside"})
    kind: Literal["degrees_of_freedom"]
    """Always `degrees_of_freedom`."""
    relative_lambda: Annotated[tuple[PositiveNumber, ...], Field(min_length=1)] = (0.1, 0.01, 0.001)
    """lambda over the largest eigenvalue, falling."""
    looks: Annotated[WholeNumber, Field(ge=1, le=1000)] | None = None
    """Recorded times, the last among them. null: as many as a fifth of the training pays, one to 6."""

    def problems(self, watched: Watched, *, model: KeyPath, probe: KeyPath) -> Faults:
        """There must be so many replicas, and lambda falls."""
        yield from super().problems(watched, model=model, probe=probe)
        if list(self.relative_lambda) != sorted(set(self.relative_lambda), reverse=True):
            mend = ", ".join(f"{each:g}" for each in sorted(set(self.relative_lambda), reverse=True))
            yield (*probe, "relative_lambda"), f"must fall from one to the next; give [{mend}]"
