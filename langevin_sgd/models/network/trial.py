"""The beginning of a training without its results: shows what is wrong with data, module, loss, rule and probes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from langevin_sgd import user_code
from langevin_sgd.config.errors import FaultAtKey, FaultWithin, at_key
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.models import lineage
from langevin_sgd.models.network import memory as network_memory
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.launch import Launch
from langevin_sgd.models.network.point import Point
from langevin_sgd.models.network.run import workers_on
from langevin_sgd.one_thread import one_torch_thread
from langevin_sgd.training.curvature_limit import too_many
from langevin_sgd.training.update_rules import checking as update_rules
from langevin_sgd.training.update_rules.rule import UpdateRule

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_FEW = 4
_WITHOUT_MINIMUM: Mapping[str, Any] = {"measure_curvature": False, "curvature": None, "control": False, "probes": ()}


def trial(study: Study, name: str, device: str) -> None:
    """Load the data, build the network, the rule and the probes, and call each once.

    Code of the user's own is also let make one step, and see the first weights. What the minimum has to be known for
    is not tried. Raises `UserError`, with the key to blame.
    """
    model, sgd = study.models[name], lineage.sgd(study, name)
    assert isinstance(model, NetworkModel)
    if (beyond := model.update_rule.schedule.beyond(model.length(sgd))) is not None:
        raise FaultWithin(("update_rule", "schedule", beyond[0]), beyond[1])
    with workers_on(device) as workers, one_torch_thread():
        refuse_size = partial(network_memory.refuse_size, study, name, device)
        bench = Bench.of(model, seed=study.seed, device=device, workers=workers, refuse_size=refuse_size)
        try:
            bench.problem.refuse_batch(sgd.batch_size)
        except FaultWithin as error:
            raise FaultAtKey(lineage.sgd_origin(study, name, "batch_size"), error.message) from None
        _refuse_unmeasurable(model, bench.network.size)
        _call_loss(bench, next(iter(model.loss.code()), model.loss.kind))
        with at_key("update_rule"):
            rule = update_rules.build(model.update_rule, sgd, model.length(sgd))
        _begin(model, sgd, bench, rule)


def _refuse_unmeasurable(model: NetworkModel, size: int) -> None:
    """Raise `FaultWithin` for a curvature that a network of so many weights has not, or that is too large to keep."""
    if not model.measure_curvature:
        return
    if model.curvature is None:
        fault = too_many(size, "the full Hessian and noise covariance", "give curvature: {modes: 50}")
        if fault is not None:
            raise FaultWithin(("architecture",), fault)
    elif model.curvature.modes >= size:
        mend = f"give fewer than {size}, or leave curvature out to have them all"
        raise FaultWithin(("curvature", "modes"), f"{model.curvature.modes} of a network of {size} parameters; {mend}")


def _call_loss(bench: Bench, name: str) -> None:
    """Let the loss see outputs and targets as they are."""
    problem = bench.problem
    few, targets = problem.train.inputs[:_FEW], problem.train.labels[:_FEW]
    network = bench.instruments.network
    with torch.no_grad():
        outputs = network.outputs(network.parameters(network.weights()), few)
    with at_key("loss"):
        user_code.call(f"loss {name}: values failed on the data", problem.loss.values, outputs, targets)
        user_code.call(f"loss {name}: gradient failed on the data", problem.loss.gradient, outputs, targets)


def _begin(model: NetworkModel, sgd: Sgd, bench: Bench, rule: UpdateRule) -> None:
    """Prepare what is recorded; with code of the user's own, look at the first weights, make a step and look again.

    Probes of the user's own see the first weights too, as far as they can without a minimum. Raises `UserError` for
    what fails there, but not for numbers without bound, which the training itself tells.
    """
    start = model.start if model.start == "independent" else "shared"
    bare = model.model_copy(update={**_WITHOUT_MINIMUM, "start": start})
    for place, probe in enumerate(model.probes):
        if probe.code() and "curvature" not in probe.NEEDS:
            with at_key("probes", place):
                _first_steps(bare.model_copy(update={"probes": (probe,)}), sgd, bench, rule, 0)
    with at_key():
        _first_steps(bare, sgd, bench, rule, 1 if model.code() else None)


def _first_steps(model: NetworkModel, sgd: Sgd, bench: Bench, rule: UpdateRule, steps: int | None) -> None:
    point = Point(model, sgd, bench, None, rule, per_epoch=None)
    if steps is not None:
        Launch([point], bench, rule).begin(steps)
    if isinstance(point.failed, UserError):
        raise point.failed
