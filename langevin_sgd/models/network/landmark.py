"""The minimum that a network fluctuates about, its curvature, and the process there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.models import lineage
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.progress import Progress
from langevin_sgd.storage.checkpoint import Checkpointing
from langevin_sgd.training import curvature, minimum
from langevin_sgd.training.curvature import Curvature
from langevin_sgd.training.curvature_limit import refuse_too_large
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minimum import Minimum

if TYPE_CHECKING:
    from langevin_sgd.models.context import Context
    from langevin_sgd.study.config import Study

Array = NDArray[np.float64]

LANDMARK = "landmark"
"""The part of a checkpoint that holds the minimum and its curvature."""

_LARGEST_OFFSET = 0.02  # of the point found from the minimum, in units of the predicted fluctuations


@dataclass(frozen=True)
class Landmark:
    """The minimum, and the curvature and the process there if they are measured."""

    minimum: Minimum
    curvature: Curvature | None
    process: LinearProcess | None

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays that `find_landmark` can be given in place of the search and the measurement."""
        found = self.minimum
        arrays = {
            "minimum_position": found.position,
            "minimum_energy": np.asarray(found.energy),
            "minimum_gradient": found.gradient,
        }
        measured = {} if self.curvature is None else vars(self.curvature)
        return arrays | {f"curvature_{field}": value for field, value in measured.items()}


class TrainingCheckpoint:
    """The checkpoint of a training. What does not change, H and C among it, goes once into a file of its own."""

    def __init__(self, checkpoint: Checkpointing, landmark: Landmark | None) -> None:
        """`landmark` is one that is not in the checkpoint yet."""
        self._checkpoint, self._landmark = checkpoint, landmark
        self.due = checkpoint.due

    def save(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace what was saved before."""
        if self._landmark is not None:
            self._checkpoint.part(LANDMARK).save(self._landmark.state())
            self._landmark = None
        self._checkpoint.save(state)


def find_landmark(
    model: NetworkModel,
    sgd: Sgd,
    full: FullBatch,
    start: Array,
    saved: Mapping[str, NDArray[Any]] | None,
    *,
    name: str,
    progress: Progress,
) -> Landmark | None:
    """Find the minimum from `start` (d,) and measure what the config asks for there; None if it asks for no minimum.

    Raises `Diverged` if the minimum is unstable at this learning rate, and `UserError` if there is no minimum, or
    none of positive curvature in the directions of the noise.
    """
    if model.start != "minimum":
        return None
    if model.measure_curvature:
        refuse_too_large(full.dimension)
    if saved is not None:
        found = Minimum(saved["minimum_position"], float(saved["minimum_energy"]), saved["minimum_gradient"])
    else:
        progress.begin(f"{name}: minimum")
        found = minimum.find(full, start, tolerance=model.gradient_tolerance, progress=progress.update)
        if model.measure_curvature:
            found = minimum.polish(full, found)
    if not model.measure_curvature:
        return Landmark(found, None, None)
    if saved is not None:
        measured = Curvature(**{field: saved[f"curvature_{field}"] for field in Curvature.__annotations__})
    else:
        progress.begin(f"{name}: Hessian")
        measured = curvature.measure(full, found.position, progress=progress.update)
    process = LinearProcess(
        measured.eigenvalues,
        measured.noise_in_modes,
        sgd,
        own="epoch" if sgd.sampling == "epoch" else "discrete",
        samples=full.samples,
    )
    if model.update_rule.OWN_LAW:  # of another rule no law says where it is stable, or how far it fluctuates
        process.refuse_unstable()
        _refuse_distant(found, measured, process)
    return Landmark(found, measured, process)


def _refuse_distant(found: Minimum, measured: Curvature, process: LinearProcess) -> None:
    """A small gradient is no minimum where the loss is flat, as on separable data without weight decay."""
    noisy = process.noisy()
    slope = (measured.eigenvectors.T @ found.gradient)[noisy]
    offset = np.linalg.norm(slope / measured.eigenvalues[noisy])
    fluctuation = np.sqrt(np.trace(process.covariance(process.own)))
    if not offset <= _LARGEST_OFFSET * fluctuation:
        raise UserError(
            f"start: minimum: where the gradient norm is {found.gradient_norm:.2g} the quadratic minimum is still "
            f"{offset:.2g} away, which is not small against the predicted fluctuations, {fluctuation:.2g}; give the "
            "loss a minimum with sgd.weight_decay > 0, or lower gradient_tolerance"
        )


def finished_alike(context: Context) -> xr.Dataset | None:
    """A network of the study that ran before this one and has the same minimum, with the same H and C measured there.

    The same data, architecture, loss, weight decay and gradient tolerance make it so; whatever moves the replicas does
    not matter. None if there is none.
    """
    own = _minimum_of(context.study, context.name)
    if own is None:
        return None
    for name, dataset in context.finished.items():
        alike = name != context.name and _minimum_of(context.study, name) == own
        if alike and dataset.attrs.get("status") == "done" and not dimensions(dataset):
            return dataset
    return None


def _minimum_of(study: Study, name: str) -> tuple[object, ...] | None:
    """What a minimum and its curvature follow from, beside the seed of the study; None for what measures none."""
    model = study.models[name]
    if not isinstance(model, NetworkModel) or not model.has_stationary_window():
        return None
    decay = lineage.sgd(study, name).weight_decay
    return model.data, model.architecture, model.loss, decay, model.gradient_tolerance


def lent(finished: xr.Dataset, full: FullBatch) -> dict[str, NDArray[Any]]:
    """What `find_landmark` can be given of a finished network; the gradient at its minimum is evaluated again."""
    position = finished["minimum"].values
    energy, gradient = full.energy_and_gradient(position)
    minimum_there = {"minimum_position": position, "minimum_energy": np.asarray(energy), "minimum_gradient": gradient}
    names = {
        "hessian": "hessian",
        "noise_covariance": "noise_covariance",
        "eigenvalues": "hessian_eigenvalue",
        "eigenvectors": "hessian_eigenvector",
    }
    return minimum_there | {f"curvature_{field}": finished[name].values for field, name in names.items()}
