"""What can be known before anything runs: references, sizes, stability, windows. One function a rule.

Every rule yields (key path, message) pairs, each at the line that is best changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from langevin_sgd.config import stability
from langevin_sgd.config.errors import KeyPath, choice
from langevin_sgd.config.fields import STEP_LIMIT
from langevin_sgd.config.interpolation import InterpolationModel
from langevin_sgd.config.langevin import LangevinEquation
from langevin_sgd.config.network import CURVATURE_PARAMETER_LIMIT, NetworkModel
from langevin_sgd.config.ornstein_uhlenbeck import (
    DiagonalHessian,
    DiagonalNoise,
    Displacement,
    FullNoise,
    IsotropicNoise,
    MeasuredHessian,
    OrnsteinUhlenbeckModel,
)
from langevin_sgd.config.random_potential import RandomPotentialModel
from langevin_sgd.config.sgd import Sgd, overridden

if TYPE_CHECKING:
    from langevin_sgd.config.study import Study

Faults = Iterator[tuple[KeyPath, str]]


def problems(study: Study) -> list[tuple[KeyPath, str]]:
    """Every inconsistency of `study` as (key path, message), at most one at each place."""
    faults: list[tuple[KeyPath, str]] = []
    without = [name for name in study.models if study.sgd is None and study.needs_sgd(name)]
    if without:
        model = study.models[without[0]]
        own = isinstance(model, LangevinEquation) and model.temperature is not None and model.time_step is None
        mend = f"which {without[0]} takes" + ("; or give it a time_step" if own else "")
        return [(("sgd",), f"missing; expected a mapping with {', '.join(Sgd.model_fields)}, {mend}")]
    for name, model in study.models.items():
        if isinstance(model, NetworkModel):
            faults += _network(study, name, model)
        elif isinstance(model, InterpolationModel):
            faults += _interpolation(study, name, model)
        elif isinstance(model, LangevinEquation):
            faults += _langevin(study, name, model)
        elif isinstance(model, OrnsteinUhlenbeckModel):
            faults += _sources(study, name, model)
    if not faults:
        # What follows reads values through `from`, so it needs every `from` to be sound.
        for name, model in study.models.items():
            if isinstance(model, OrnsteinUhlenbeckModel):
                faults += _ornstein_uhlenbeck(study, name, model)
    faults += _checks(study)
    first: dict[KeyPath, str] = {}
    for path, message in faults:
        first.setdefault(path, message)
    return list(first.items())


def _network(study: Study, name: str, model: NetworkModel) -> Faults:
    at: KeyPath = ("models", name)
    sgd = study.effective_sgd(name)
    samples = model.data.train_size()
    if model.data.shape() is not None and model.data.folder is not None:
        yield (*at, "data", "folder"), f"{model.data.name} comes with scikit-learn and reads no folder; remove it"
    if samples is not None and sgd.batch_size > samples:
        yield (
            study.sgd_origin(name, "batch_size"),
            f"{sgd.batch_size} is more than the {samples} training samples of {name}; give at most {samples}",
        )
    if model.measure_curvature and model.start != "minimum":
        yield (
            (*at, "measure_curvature"),
            f"curvature is measured at the minimum, but start is {model.start}; give start: minimum, or false here",
        )
    parameters = model.parameters()
    if model.measure_curvature and parameters is not None and parameters > CURVATURE_PARAMETER_LIMIT:
        yield (
            (*at, "architecture"),
            f"has {parameters} parameters, too many for the full Hessian and noise covariance "
            f"(at most {CURVATURE_PARAMETER_LIMIT}); make it smaller, or give measure_curvature: false",
        )
    if model.control and model.start == "independent":
        yield (
            (*at, "control"),
            "the control needs one starting point for all replicas, but start is independent; give start: shared",
        )
    if model.start == "minimum" and sgd.sampling == "epoch" and sgd.momentum > 0:
        yield (
            study.sgd_origin(name, "sampling"),
            f"no stationary law is known for epoch sampling with momentum ({sgd.momentum}), and {name} starts at the "
            "minimum to be compared with one; give momentum: 0, with_replacement, or start: shared",
        )
    yield from _probes(at, model)
    structures = [place for place, probe in enumerate(model.probes) if probe.kind == "inherent_structures"]
    if structures and sgd.weight_decay == 0:
        yield (
            (*at, "probes", structures[0]),
            "inherent_structures are minima, and without weight decay the loss has none; give sgd.weight_decay > 0",
        )
    if (model.steps is None) == (model.training_time is None):
        fault = "missing; expected a whole number" if model.steps is None else "training_time is given too; remove one"
        yield (*at, "steps"), fault
        return
    if model.training_time is not None and not model.training_time <= STEP_LIMIT * sgd.learning_rate:
        yield (
            (*at, "training_time"),
            f"{model.training_time:g} takes more than {STEP_LIMIT:.2g} steps of {sgd.learning_rate:g}; give less",
        )
        return
    yield from _window(at, model, model.length(sgd), model.has_stationary_window())
    if samples is not None and sgd.sampling == "epoch" and sgd.batch_size <= samples:
        batches = samples // sgd.batch_size
        every = model.sample_every
        if every is not None and math.gcd(every, batches) != 1:
            coprime = next(other for other in range(every, every + batches + 1) if math.gcd(other, batches) == 1)
            yield (
                (*at, "sample_every"),
                f"{every} shares a factor with the {batches} batches of an epoch, so some phases would never be "
                f"sampled; give {coprime}, or null",
            )


def _probes(at: KeyPath, model: NetworkModel) -> Faults:
    parameters = model.parameters()
    if model.probes and parameters is not None and parameters > CURVATURE_PARAMETER_LIMIT:
        yield (
            (*at, "architecture"),
            f"has {parameters} parameters, too many for the full Hessian that its probes measure (at most "
            f"{CURVATURE_PARAMETER_LIMIT}); make it smaller, or remove the probes",
        )
    kinds = [probe.kind for probe in model.probes]
    for place, kind in enumerate(kinds):
        if kind in kinds[:place]:
            yield (*at, "probes", place), f"{kind} is there twice; remove one"


def _window(at: KeyPath, model: NetworkModel | OrnsteinUhlenbeckModel, steps: int, exists: bool) -> Faults:
    if not exists:
        for field in ("burn_in", "sample_every"):
            if getattr(model, field) is not None:
                yield (*at, field), "there is no stationary window without start: minimum and curvature; remove it"
        return
    if model.burn_in is not None and model.burn_in >= steps:
        yield (*at, "burn_in"), f"{model.burn_in} leaves nothing of the {steps} steps; give less than {steps}, or null"
        return
    longest = steps - (steps // 2 if model.burn_in is None else model.burn_in)
    if model.sample_every is not None and model.sample_every > longest:
        yield (*at, "sample_every"), f"{model.sample_every} is more than the {longest} steps after burn-in; give less"


def _sources(study: Study, name: str, model: OrnsteinUhlenbeckModel) -> Faults:
    networks = [other for other, candidate in study.models.items() if isinstance(candidate, NetworkModel)]
    for field, source in model.sources():
        at: KeyPath = ("models", name, field, "from")
        target = study.models.get(source)
        if target is None:
            hint = choice(source, networks, what="networks:") if networks else "the study has no network; add one"
            yield at, f'no model named "{source}"; {hint}'
        elif isinstance(target, OrnsteinUhlenbeckModel):
            cycle = _cycle(study, name, source)
            if not cycle:
                hint = choice(source, networks, what="networks:")
                yield at, f'"{source}" is an ornstein_uhlenbeck model; H and C are measured on a network; {hint}'
            elif name == min(cycle, key=list(study.models).index):  # a circle is one fault, told once
                yield at, f"goes in a circle ({' -> '.join(cycle)}); H and C are measured on a network"
        elif isinstance(target, InterpolationModel | LangevinEquation | RandomPotentialModel):
            hint = choice(source, networks, what="networks:")
            yield at, f'"{source}" is a {target.kind} model; H and C are measured on a network; {hint}'
        elif target.start != "minimum":
            yield (
                ("models", source, "start"),
                f"is {target.start}, but {name} takes H and C from {source}, measured at the minimum; give minimum",
            )
        elif not target.measure_curvature:
            yield (
                ("models", source, "measure_curvature"),
                f"is false, but {name} takes H and C from {source}; give true, or leave it out",
            )


def _interpolation(study: Study, name: str, model: InterpolationModel) -> Faults:
    at: KeyPath = ("models", name)
    sgd = study.effective_sgd(name)
    samples = model.data.train_size()
    if model.data.shape() is not None and model.data.folder is not None:
        yield (*at, "data", "folder"), f"{model.data.name} comes with scikit-learn and reads no folder; remove it"
    if samples is not None and sgd.batch_size > samples:
        yield (
            study.sgd_origin(name, "batch_size"),
            f"{sgd.batch_size} is more than the {samples} training samples of {name}; give at most {samples}",
        )
    if sgd.momentum > 0:
        yield (
            study.sgd_origin(name, "momentum"),
            f"must be 0 for {name}, got {sgd.momentum:g}: with momentum the position alone is no Markov chain",
        )
    if study.sgd is not None and overridden(study.sgd, model.sgd).sampling == "epoch":
        yield (
            study.sgd_origin(name, "sampling"),
            f"must be with_replacement for {name}: within an epoch the position alone is no Markov chain",
        )
    if model.learning_rate_per_sample is not None and model.sgd is not None and model.sgd.learning_rate is not None:
        yield (*at, "sgd", "learning_rate"), "learning_rate_per_sample is given too; remove one"


def _langevin(study: Study, name: str, model: LangevinEquation) -> Faults:
    at: KeyPath = ("models", name)
    sgd = study.effective_sgd(name)
    if model.sgd is not None and model.sgd.sampling == "epoch":
        yield (*at, "sgd", "sampling"), "the noise of this model is independent from step to step; remove it"
    if sgd.momentum > 0 and model.scheme not in (None, "heavy_ball"):
        yield (
            (*at, "scheme"),
            f"{model.scheme} knows no momentum, and momentum is {sgd.momentum:g}; give heavy_ball, null, or momentum 0",
        )
    if model.time_step is not None and (sgd.momentum > 0 or model.scheme == "heavy_ball"):
        yield (*at, "time_step"), "heavy_ball is a map whose step is the learning rate; remove it"


def _cycle(study: Study, name: str, source: str) -> list[str]:
    """The models passed on the way from `name` through `source` back to `name`; empty if there is no way back."""
    queue: list[list[str]] = [[name, source]]
    seen = {source}
    while queue:
        way = queue.pop(0)
        if way[-1] == name:
            return way
        model = study.models.get(way[-1])
        if isinstance(model, OrnsteinUhlenbeckModel):
            following = [target for _, target in model.sources() if target not in seen or target == name]
            seen.update(following)
            queue += [[*way, target] for target in following]
    return []


def _ornstein_uhlenbeck(study: Study, name: str, model: OrnsteinUhlenbeckModel) -> Faults:
    at: KeyPath = ("models", name)
    if model.sgd is not None and model.sgd.sampling == "epoch":
        yield (
            (*at, "sgd", "sampling"),
            "an ornstein_uhlenbeck model draws with replacement; remove it (the epoch law is compared by the check)",
        )
    yield from _one_sgd(study, name, model)
    if model.steps is None and not model.sources():
        yield (*at, "steps"), "missing; expected a whole number, since no network lends its own"
    else:
        yield from _window(at, model, study.effective_steps(name), exists=True)
    sizes_differ = list(_dimensions(study, name, model))
    yield from sizes_differ
    if not sizes_differ:
        yield from stability.problems(study, name, model)


def _one_sgd(study: Study, name: str, model: OrnsteinUhlenbeckModel) -> Faults:
    sources = study.sources(name)
    if len(sources) < 2:
        return
    first, second = (study.effective_sgd(source) for source in sources)
    own = model.sgd.changed() if model.sgd is not None else ()
    for field in Sgd.model_fields:
        a, b = getattr(first, field), getattr(second, field)
        if a != b and field not in own and field != "sampling":
            yield (
                ("models", name, "hessian", "from"),
                f"{sources[0]} and {sources[1]} have different {field} ({a} and {b}); give {name} its own sgd.{field}",
            )


def _dimensions(study: Study, name: str, model: OrnsteinUhlenbeckModel) -> Faults:
    at: KeyPath = ("models", name)
    dimension, origin = _hessian_dimension(study, model)
    if dimension is None:
        return
    sizes: list[tuple[KeyPath, int | None]] = []
    noise = model.noise
    if isinstance(noise, FullNoise):
        sizes.append(((*at, "noise", "matrix"), len(noise.matrix)))
    elif isinstance(noise, DiagonalNoise) and noise.variances is not None:
        sizes.append(((*at, "noise", "variances"), len(noise.variances)))
    elif noise.from_ is not None and not isinstance(noise, IsotropicNoise):
        sizes.append(((*at, "noise", "from"), _network_dimension(study, noise.from_)))
    if isinstance(model.start, Displacement):
        sizes.append(((*at, "start", "displacement"), len(model.start.displacement)))
    for path, size in sizes:
        if size is not None and size != dimension:
            yield path, f"has dimension {size}, but {origin} has dimension {dimension}; they must be equal"


def _hessian_dimension(study: Study, model: OrnsteinUhlenbeckModel) -> tuple[int | None, str]:
    hessian = model.hessian
    if isinstance(hessian, MeasuredHessian):
        return _network_dimension(study, hessian.from_), f"the Hessian of {hessian.from_}"
    size = len(hessian.eigenvalues) if isinstance(hessian, DiagonalHessian) else len(hessian.matrix)
    return size, "the Hessian"


def _network_dimension(study: Study, name: str) -> int | None:
    model = study.models[name]
    return model.parameters() if isinstance(model, NetworkModel) else None


def _checks(study: Study) -> Faults:
    for position, check in enumerate(study.checks):
        at: KeyPath = ("checks", position)
        names = list(study.models)
        if check.models is None and not study.checked_models(check):
            yield at, _NOTHING[check.kind]
        for place, name in enumerate(check.models or ()):
            if name not in study.models:
                yield (*at, "models", place), f'no model named "{name}"; {choice(name, names)}'
            elif name in (check.models or ())[:place]:
                yield (*at, "models", place), f'"{name}" is named twice; remove one'
            elif not study.can_be_checked(check, name):
                yield (*at, "models", place), f'"{name}" {_UNFIT[check.kind]}, or leave it out'
        for name in names:
            model = study.models[name]
            members = "disorders" if isinstance(model, RandomPotentialModel) else "replicas"
            if name in study.checked_models(check) and getattr(model, members) < 2:
                yield (
                    ("models", name, members),
                    f"the check takes its error bars from independent {members}; give at least 2",
                )


_NOTHING = {
    "equilibrium": "no model has a stationary window to check; give a network start: minimum, or remove the check",
    "diffusion": "no model is a random_potential; add one, name a network in models, or remove the check",
    "occupancy": "no model has basins to check; add one of kind basins or interpolation, or remove the check",
    "flatness": "no network has probes: [inherent_structures], or [sharpness] with sgd.learning_rate or B in scan",
}
_UNFIT = {
    "equilibrium": "has no stationary window; give it start: minimum and measure_curvature: true",
    "diffusion": "does not wander; name a random_potential or a network that starts away from the minimum",
    "occupancy": "has no start in several basins; name a model of kind basins or interpolation",
    "flatness": "has no sharpness over a scan of learning rate or batch size alone; give it probes: [sharpness]",
}
