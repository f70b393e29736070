"""What an ensemble of networks in training holds in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from langevin_sgd import machine_memory
from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models import lineage
from langevin_sgd.models.factors import common_points, copies, launch_points, parameters, samples, scan_points, times
from langevin_sgd.models.memory import Factor, Held, of_launch, refuse_too_large
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.training import chunks
from langevin_sgd.training.architectures.section import ArchitectureSection

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_USUAL_REPLICAS = NetworkModel.model_fields["replicas"].default
_VECTORS_OF_A_MODE = 8  # twice as many as modes in the iteration, those found, and copies of both
_BYTES = {"float32": 4.0, "float64": 8.0}


def held(study: Study, name: str) -> list[Held]:
    """Weights of replicas x parameters, minibatches, records of replicas x times, H and C of parameters x parameters.

    Nothing of a network of the user's own, whose size is known once it is built: `of_size` then.
    """
    model = study.models[name]
    assert isinstance(model, NetworkModel)
    size = model.parameters()
    return [] if size is None else of_size(study, name, size)


def refuse_size(study: Study, name: str, device: str, size: int) -> None:
    """Raise `TooLarge` for a network of `size` weights, known now that it or its data are there, that cannot fit."""
    whole = of_size(study, name, size)
    refuse_too_large(name, whole, free=machine_memory.available())
    if device != "cpu":
        there = [each for each in whole if each.on_device]
        refuse_too_large(f"{name} on {device}", there, free=machine_memory.available_on(device))


def of_size(study: Study, name: str, size: int) -> list[Held]:
    """What a network with so many parameters holds."""
    model, sgd = study.models[name], lineage.sgd(study, name)
    assert isinstance(model, NetworkModel)
    at: KeyPath = ("models", name)
    points = scan_points(study, name)
    count = copies(points)
    replicas = Factor((*at, "replicas"), "replicas", model.replicas, _USUAL_REPLICAS)
    weights = parameters((*at, "architecture"), size)
    record = times(at, model.record_times)
    number, tensors = _BYTES[model.precision], 1 + len(model.update_rule.slots(sgd))
    parts = [
        Held(
            "the weights of replicas x parameters",
            number * (3.0 + 3.0 * tensors),
            (replicas, weights),
            on_device=True,
        ),
        Held("their displacements in float64", 8.0 * (4 if model.start == "shared" else 6), (replicas, weights)),
        Held("copies of one network", 40.0, (weights,)),
        Held("the records of replicas x times", 8.0 * 6, (replicas, record, points), kept=True, copies=count),
        *_evaluation(at, model, replicas),
        *_minibatches(study, name, model, replicas, number),
    ]
    if model.start == "minimum" and model.measure_curvature:
        sample = samples(at, model, model.length(sgd))
        modes = weights
        if model.curvature is None:
            parts += [
                Held("Hessian, noise covariance and laws", 8.0 * 14, (weights, weights)),
                Held(
                    "Hessian, noise covariance and eigenvectors",
                    8.0 * 3,
                    (weights, weights, common_points(study, name)),
                    kept=True,
                    copies=count,
                ),
            ]
        else:
            modes = Factor((*at, "curvature", "modes"), "modes", model.curvature.modes, 50)
            parts += [
                Held("the vectors that the modes are found in", 8.0 * _VECTORS_OF_A_MODE, (weights, modes)),
                Held(
                    "the eigenvectors of the modes",
                    8.0,
                    (weights, modes, common_points(study, name)),
                    kept=True,
                    copies=count,
                ),
            ]
        parts += [
            Held("the mode moments of replicas x modes", 16.0, (replicas, modes, points), kept=True, copies=count),
            Held("the mode moments under way", 8.0 * 12, (replicas, modes)),
            Held("the energies in the stationary window", 8.0, (replicas, sample, points), kept=True, copies=count),
            Held("the sampled steps", 32.0, (sample,)),
            Held("the transients of samples x modes", 40.0, (sample, modes)),
        ]
    for place, probe in enumerate(model.probes):
        kept = Factor((*at, "probes", place), "snapshots", probe.kept(), 20)
        parts.append(Held("the weights that the probes look at", 8.0 * 3, (replicas, kept, weights)))
        if "hessian" in probe.NEEDS:
            parts.append(Held("the Hessian of the probes", 8.0 * 6, (weights, weights)))
    return [*parts, *of_launch(parts, points, launch_points(study, name))]


def evaluation(
    at: KeyPath, architecture: ArchitectureSection, replicas: Factor, input_shape: tuple[int, ...], outputs: int
) -> list[Held]:
    """Activations of a network on the data, a few replicas and samples at a time."""
    width = Factor(
        (*at, "architecture"),
        "units",
        architecture.units(input_shape, outputs),
        200,
        lambda most: f"make the layers narrower, {most:,} units in all",
    )
    widest = architecture.widest(input_shape, outputs)
    samples = chunks.SAMPLES_AT_A_TIME if architecture.mixes_samples() else chunks.samples_at_a_time(widest)
    most = 1.5 * chunks.replicas_at_a_time(widest) * (os.cpu_count() or 1)
    together = min(replicas.value, most) / replicas.value
    return [Held("the activations of the network on the data", 8.0 * samples * 2.5 * together, (replicas, width))]


def _evaluation(at: KeyPath, model: NetworkModel, replicas: Factor) -> list[Held]:
    shape = model.data.shape()
    if shape is None:
        return []
    return evaluation(at, model.architecture, replicas, model.architecture.input_shape(model.data), shape.outputs)


def _minibatches(study: Study, name: str, model: NetworkModel, replicas: Factor, number: float) -> list[Held]:
    """Indices and inputs of one step, and activations with their gradients; in epochs the order of all samples."""
    sgd = lineage.sgd(study, name)
    scanned = [
        int(value)
        for axis in lineage.scanned(study, name)
        for path, column in zip(axis.paths, axis.columns, strict=True)
        if path[-1] == "batch_size"
        for value in column
    ]
    batch = Factor(
        lineage.sgd_origin(study, name, "batch_size"), "batch_size", max(scanned, default=sgd.batch_size), 64
    )
    shape = model.data.shape()
    inputs, outputs = (0, 0) if shape is None else (shape.inputs, shape.outputs)
    width = model.architecture.units(model.architecture.input_shape(model.data), outputs)
    parts = [
        Held("the minibatches of replicas", number * (2 * inputs + 4 * width) + 40.0, (replicas, batch), on_device=True)
    ]
    samples_in_all = model.data.training_samples()
    if sgd.sampling == "epoch" and samples_in_all is not None:
        order = 24.0 * samples_in_all
        parts.append(Held("the orders of the samples in an epoch", order, (replicas,)))
    return parts
