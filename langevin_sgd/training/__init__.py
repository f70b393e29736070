"""Real training: networks as ensembles of replicas, and what is measured on them. The parts compose by hand.

    samples = Samples.of(inputs, labels, dtype=torch.float64)
    network = Network.of(module, dtype=torch.float64)
    with Workers(2) as workers:
        full = FullBatch(network, samples, weight_decay, workers)
        found = find_minimum(full, start, tolerance=1e-6)
        at_minimum = measure_curvature(full, found.position)  # H, C, and H's eigenbasis

What a config can name of the user's own derives from `ProbeSection` and `Probe`, `LossSection` and `Loss`,
`UpdateRuleSection` and `UpdateRule`, `ScheduleSection`, `ArchitectureSection`, `DataSection`. Everything is imported
when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "ArchitectureSection": "langevin_sgd.training.architectures.section:ArchitectureSection",
    "Beside": "langevin_sgd.training.beside:Beside",
    "Coordinate": "langevin_sgd.observables.variable:Coordinate",
    "Curvature": "langevin_sgd.training.curvature:Curvature",
    "DataSection": "langevin_sgd.training.data.section:DataSection",
    "DataSet": "langevin_sgd.training.data.dataset:DataSet",
    "DataShape": "langevin_sgd.training.data.section:DataShape",
    "Ensemble": "langevin_sgd.training.ensemble:Ensemble",
    "Evaluator": "langevin_sgd.training.energy:Evaluator",
    "FullBatch": "langevin_sgd.training.full_batch:FullBatch",
    "Loss": "langevin_sgd.training.losses.loss:Loss",
    "LossSection": "langevin_sgd.training.losses.section:LossSection",
    "Minibatches": "langevin_sgd.training.minibatches:Minibatches",
    "Minimum": "langevin_sgd.training.minimum:Minimum",
    "Network": "langevin_sgd.training.network:Network",
    "Plane": "langevin_sgd.training.plane:Plane",
    "Probe": "langevin_sgd.training.probes.probe:Probe",
    "ProbeSection": "langevin_sgd.training.probes.section:ProbeSection",
    "Replicas": "langevin_sgd.training.update_rules.rule:Replicas",
    "Samples": "langevin_sgd.training.energy:Samples",
    "ScheduleSection": "langevin_sgd.training.schedules.section:ScheduleSection",
    "UpdateRule": "langevin_sgd.training.update_rules.rule:UpdateRule",
    "UpdateRuleSection": "langevin_sgd.training.update_rules.section:UpdateRuleSection",
    "Variable": "langevin_sgd.observables.variable:Variable",
    "View": "langevin_sgd.training.view:View",
    "Watched": "langevin_sgd.training.probes.section:Watched",
    "Workers": "langevin_sgd.training.threads:Workers",
    "find_minimum": "langevin_sgd.training.minimum:find",
    "load_data": "langevin_sgd.training.data.loading:load",
    "measure_curvature": "langevin_sgd.training.curvature:measure",
    "measure_hessian": "langevin_sgd.training.curvature:hessian",
    "measure_noise_covariance": "langevin_sgd.training.curvature:noise_covariance",
    "minibatch_indices": "langevin_sgd.training.minibatches:minibatch_indices",
    "one_hot": "langevin_sgd.training.losses.loss:one_hot",
}
"""Where each public name is at home."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
