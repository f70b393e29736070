"""What the twin of a network holds in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from langevin_sgd import machine_memory
from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage
from langevin_sgd.models.factors import copies, parameters, samples, scan_points, times
from langevin_sgd.models.langevin_twin.config import LangevinTwinModel
from langevin_sgd.models.memory import Factor, Held, refuse_too_large
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.memory import evaluation

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_TOGETHER = 32  # replicas that a core moves at once
_BYTES = {"float32": 4.0, "float64": 8.0}


def held(study: Study, name: str) -> list[Held]:
    """Weights of replicas x parameters, noise of replicas x samples, records of replicas x times, H and C.

    Nothing of a network of the user's own, whose size is known once it is built: `of_size` then.
    """
    size = _twin(study, name).network(study).parameters()
    return [] if size is None else of_size(study, name, size)


def refuse_size(study: Study, name: str, size: int) -> None:
    """Raise `TooLarge` for a twin of `size` weights, known now that the network is there, that cannot fit."""
    refuse_too_large(name, of_size(study, name, size), free=machine_memory.available())


def of_size(study: Study, name: str, size: int) -> list[Held]:
    """What the twin of a network with so many weights holds."""
    twin = _twin(study, name)
    network, at = twin.network(study), ("models", name)
    shape, count = network.data.shape(), network.data.training_samples()
    points = scan_points(study, name)
    many, number = copies(points), _BYTES[network.precision]
    replicas = Factor((*at, "replicas"), "replicas", twin.replicas, LangevinTwinModel.model_fields["replicas"].default)
    of: KeyPath = ("models", twin.of)
    weights, record = parameters((*of, "architecture"), size), times(of, network.record_times)
    parts = [
        Held("the weights of replicas x parameters", number * 4.0 + 8.0 * 4, (replicas, weights), on_device=True),
        Held("copies of one network", 40.0, (weights,)),
        Held("the records of replicas x times", 8.0 * 6, (replicas, record, points), kept=True, copies=many),
    ]
    if count is not None:
        every = Factor((*of, "data"), "samples", count, 2_000)
        together = min(replicas.value, _TOGETHER * (os.cpu_count() or 1)) / replicas.value
        parts.append(Held("the noise of replicas x samples", 16.0 * together, (replicas, every)))
        if twin.noise in ("frozen", "diagonal", "isotropic"):
            parts.append(Held("the gradients of all samples", 8.0 * 4, (every, weights)))
    if shape is not None:
        parts += evaluation(
            of, network.architecture, replicas, network.architecture.input_shape(network.data), shape.outputs
        )
    return [*parts, *_window(study, name, network, (replicas, weights, points), many)]


def _window(
    study: Study, name: str, network: NetworkModel, counts: tuple[Factor, Factor, Factor], many: int
) -> list[Held]:
    """Of the stationary window, if there is one."""
    if not network.has_stationary_window():
        return []
    replicas, weights, points = counts
    modes = weights
    if (few := network.curvature_modes()) is not None:
        modes = Factor(("models", _twin(study, name).of, "curvature", "modes"), "modes", few, 50)
    sample = samples(("models", name), network, lineage.steps(study, name))
    return [
        Held("Hessian, noise covariance and laws", 8.0 * 14, (modes, modes)),
        Held("Hessian, noise covariance and eigenvectors", 8.0 * 3, (weights, modes, points), kept=True, copies=many),
        Held("the mode moments of replicas x modes", 16.0, (replicas, modes, points), kept=True, copies=many),
        Held("the mode moments under way", 8.0 * 12, (replicas, modes)),
        Held("the energies in the stationary window", 8.0, (replicas, sample, points), kept=True, copies=many),
        Held("the transients of samples x modes", 40.0, (sample, modes)),
    ]


def _twin(study: Study, name: str) -> LangevinTwinModel:
    model = study.models[name]
    assert isinstance(model, LangevinTwinModel)
    return model
