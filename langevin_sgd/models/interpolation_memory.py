"""What an interpolation model holds in memory."""

from __future__ import annotations

from langevin_sgd.config import InterpolationModel, Study, parameter_count
from langevin_sgd.config.errors import KeyPath
from langevin_sgd.estimates import Factor, Held, scan_points
from langevin_sgd.models.network_memory import evaluation, parameters, times


def held(study: Study, name: str) -> list[Held]:
    """Walkers, the tables of samples x points of the line, transition matrices, weights at every point of the line."""
    model = study.models[name]
    assert isinstance(model, InterpolationModel)
    at: KeyPath = ("models", name)
    fields = InterpolationModel.model_fields
    replicas = Factor((*at, "replicas"), "replicas", model.replicas, fields["replicas"].default)
    line = Factor((*at, "points"), "points_of_the_line", model.points, fields["points"].default)
    points, record = scan_points(study, name), times(at, model.record_times)
    parts = [
        Held("the walkers and their moves", 400.0, (replicas,)),
        Held("the walkers of all points of the scan", 60.0, (replicas, points)),
        Held("the transition matrices", 8.0 * 8, (line, line)),
        Held("the occupancies", 64.0, (record, points), kept=True),
        Held("densities and laws", 8_000.0, (points,), kept=True),
    ]
    shape, samples = model.data.shape(), model.data.train_size()
    if shape is None or samples is None:
        return parts
    size = parameter_count(model.architecture, shape.inputs, shape.classes)
    parts.append(Held("the gradients of samples on the line", 4.0 * 4 * samples, (line,)))
    if size is not None:
        weights = parameters(at, size)
        parts += [
            Held("the weights on the line", 8.0 * 2, (weights, line)),
            Held("copies of one network", 80.0, (weights,)),
            *evaluation(at, model.architecture, line, shape.classes),
        ]
    return parts
