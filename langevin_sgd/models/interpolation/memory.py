"""What an interpolation model holds in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langevin_sgd import machine_memory
from langevin_sgd.config.errors import KeyPath
from langevin_sgd.models.factors import parameters, scan_points, times
from langevin_sgd.models.interpolation.config import InterpolationModel
from langevin_sgd.models.memory import Factor, Held, refuse_too_large
from langevin_sgd.models.network.memory import evaluation

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study


def held(study: Study, name: str) -> list[Held]:
    """Walkers, the tables of samples x points of the line, transition matrices, weights at every point of the line.

    Of data and modules of the user's own only what is known before they are there: `of_size` then.
    """
    model = study.models[name]
    assert isinstance(model, InterpolationModel)
    shape, samples = model.data.shape(), model.data.training_samples()
    parts = _walkers(study, name)
    if shape is None or samples is None:
        return parts
    taken = model.architecture.input_shape(model.data)
    fits = taken and model.architecture.problem(taken) is None
    size = model.architecture.parameters(taken, shape.outputs) if fits else None
    known = [] if size is None else _network(study, name, size, shape.outputs)
    return [*parts, _table(study, name, samples), *known]


def refuse_size(study: Study, name: str, size: int, samples: int, outputs: int) -> None:
    """Raise `TooLarge` for a model, known now that its data or its network are there, that cannot fit."""
    refuse_too_large(name, of_size(study, name, size, samples, outputs), free=machine_memory.available())


def of_size(study: Study, name: str, size: int, samples: int, outputs: int) -> list[Held]:
    """What a model holds whose network has `size` weights and so many outputs, on so many training samples."""
    return [*_walkers(study, name), _table(study, name, samples), *_network(study, name, size, outputs)]


def _walkers(study: Study, name: str) -> list[Held]:
    model = study.models[name]
    assert isinstance(model, InterpolationModel)
    at: KeyPath = ("models", name)
    fields = InterpolationModel.model_fields
    replicas = Factor((*at, "replicas"), "replicas", model.replicas, fields["replicas"].default)
    line = _points_of_the_line(study, name)
    points, record = scan_points(study, name), times(at, model.record_times)
    return [
        Held("the walkers and their moves", 400.0, (replicas,)),
        Held("the walkers of all points of the scan", 60.0, (replicas, points)),
        Held("the transition matrices", 8.0 * 8, (line, line)),
        Held("the occupancies", 64.0, (record, points), kept=True),
        Held("densities and laws", 8_000.0, (points,), kept=True),
    ]


def _points_of_the_line(study: Study, name: str) -> Factor:
    model = study.models[name]
    assert isinstance(model, InterpolationModel)
    usual = InterpolationModel.model_fields["points"].default
    return Factor(("models", name, "points"), "points_of_the_line", model.points, usual)


def _table(study: Study, name: str, samples: int) -> Held:
    return Held("the gradients of samples on the line", 4.0 * 4 * samples, (_points_of_the_line(study, name),))


def _network(study: Study, name: str, size: int, outputs: int) -> list[Held]:
    model, at, line = study.models[name], ("models", name), _points_of_the_line(study, name)
    assert isinstance(model, InterpolationModel)
    weights = parameters((*at, "architecture"), size)
    return [
        Held("the weights on the line", 8.0 * 2, (weights, line)),
        Held("copies of one network", 80.0, (weights,)),
        *evaluation(at, model.architecture, line, model.architecture.input_shape(model.data), outputs),
    ]
