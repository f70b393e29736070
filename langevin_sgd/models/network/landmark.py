"""The minimum that networks fluctuate about, with its curvature: found once for all points that have it in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.laws.companion import about_minimum
from langevin_sgd.laws.linear_process import LinearProcess, Whole
from langevin_sgd.models import lineage
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.models.network.trained import Trained
from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.progress import Progress
from langevin_sgd.theory.companion import Companion
from langevin_sgd.training import curvature, minimum, top_modes
from langevin_sgd.training.curvature import Curvature
from langevin_sgd.training.curvature_limit import refuse_too_large
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minimum import Minimum
from langevin_sgd.training.top_modes import TopModes

if TYPE_CHECKING:
    from langevin_sgd.models.context import Context
    from langevin_sgd.study.config import Study

Array = NDArray[np.float64]

_LARGEST_OFFSET = 0.02  # of the point found from the minimum, in units of the predicted fluctuations
_LARGEST_BESIDE = 0.25  # the same in directions beside the measured modes, where it is told of


@dataclass(frozen=True)
class Landmark:
    """The minimum, and the curvature there if it is measured."""

    minimum: Minimum
    curvature: Curvature | TopModes | None

    def state(self) -> dict[str, NDArray[Any]]:
        """Arrays from which `of` makes it again."""
        found = self.minimum
        arrays = {
            "minimum_position": found.position,
            "minimum_energy": np.asarray(found.energy),
            "minimum_gradient": found.gradient,
        }
        fields = () if self.curvature is None else tuple(type(self.curvature).__annotations__)
        return arrays | {f"curvature_{field}": np.asarray(getattr(self.curvature, field)) for field in fields}

    @classmethod
    def of(cls, saved: Mapping[str, NDArray[Any]]) -> Landmark:
        """The one that had this state."""
        found = Minimum(saved["minimum_position"], float(saved["minimum_energy"]), saved["minimum_gradient"])
        start = "curvature_"
        measured: dict[str, Any] = {name[len(start) :]: saved[name] for name in saved if name.startswith(start)}
        kind = next((kind for kind in (Curvature, TopModes) if measured.keys() == kind.__annotations__.keys()), None)
        return cls(found, None if kind is None else kind(**measured))

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        return sum(array.nbytes for array in self.state().values())


def find_landmark(
    full: FullBatch,
    start: Array,
    *,
    tolerance: float,
    curved: bool,
    modes: int | None = None,
    name: str,
    progress: Progress,
) -> Landmark:
    """Find the minimum of `full` from `start` (d,), and measure the curvature there if it is asked for, `curved`: in so
    many `modes`, or in full.

    Raises `UserError` if there is no minimum, or too many weights for H and C.
    """
    if curved and modes is None:
        refuse_too_large(full.dimension)
    progress.begin(f"{name}: minimum")
    found = minimum.find(full, start, tolerance=tolerance, progress=progress.update)
    if not curved:
        return Landmark(found, None)
    if modes is not None:
        progress.begin(f"{name}: {modes} modes of the Hessian")
        # no polish, which may take as many products as the search did: `gradient_tolerance` says how near it must be
        return Landmark(found, top_modes.measure(full, found, modes, progress=progress.update))
    found = minimum.polish(full, found)
    progress.begin(f"{name}: Hessian")
    return Landmark(found, curvature.measure(full, found.position, progress=progress.update))


def process_at(
    landmark: Landmark, model: Trained, sgd: Sgd, samples: int, step: Companion | None
) -> LinearProcess | None:
    """SGD about the minimum with the numbers of one point, by a rule with a linear `step` if it has one.

    None where no curvature is measured.

    Raises `Diverged` if the minimum is unstable at this learning rate, and `UserError` if its curvature is not positive
    in the directions of the noise, or if the point found is too far from it.
    """
    measured = landmark.curvature
    if measured is None:
        return None
    process = about_minimum(
        measured.eigenvalues,
        measured.noise_in_modes,
        sgd,
        step=step if model.update_rule.has_law() else None,
        samples=samples,
        roots=measured.roots_in_modes,
        whole=Whole.unless_all(measured.eigenvalues.size, measured.dimension, measured.noise_trace),
        since=model.update_rule.schedule.settled() or 0,
    )
    if model.update_rule.has_law():  # of another rule no law says where it is stable, or how far it fluctuates
        process.refuse_unstable()
        refuse_distant(landmark.minimum, measured, process)
    return process


def refuse_distant(found: Minimum, measured: Curvature | TopModes, process: LinearProcess) -> None:
    """Raise `UserError` where a small gradient is no minimum, as on separable data without weight decay."""
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


def far_beside(landmark: Landmark, process: LinearProcess) -> str | None:
    """What is to be said of a point that is far from the minimum in directions beside the measured modes.

    There the modes are others, though the gradient along them is next to nothing. None where nothing is to be said.
    """
    left = 0.0 if landmark.curvature is None else landmark.curvature.step_left
    fluctuation = float(np.sqrt(np.trace(process.covariance(process.own))))
    if left <= _LARGEST_BESIDE * fluctuation:
        return None
    return (
        f"start: minimum: where the gradient norm is {landmark.minimum.gradient_norm:.2g} the minimum is still "
        f"{left:.2g} away along flat directions beside the measured modes, where fluctuations along these are "
        f"{fluctuation:.2g}: modes and law are those of the point found; a lower gradient_tolerance goes on"
    )


def finished_alike(context: Context, model: NetworkModel, sgd: Sgd) -> xr.Dataset | None:
    """A network of the study that ran before this one and has the same minimum, with the same H and C measured there.

    The same data, architecture, loss, weight decay and gradient tolerance make it so; whatever moves the replicas does
    not matter. None if there is none.
    """
    own = _minimum_of(model, sgd)
    if own is None:
        return None
    for name, dataset in context.finished.items():
        # a piece of a study, of which the time of all is told, has no others, although these have run
        alike = name != context.name and name in context.study.models and _of_another(context.study, name) == own
        if alike and dataset.attrs.get("status") == "done" and not dimensions(dataset):
            return dataset
    return None


def _of_another(study: Study, name: str) -> tuple[object, ...] | None:
    model = study.models[name]
    return _minimum_of(model, lineage.sgd(study, name)) if isinstance(model, NetworkModel) else None


def _minimum_of(model: NetworkModel, sgd: Sgd) -> tuple[object, ...] | None:
    """What a minimum and its curvature follow from, beside the seed of the study; None for what measures none."""
    if not model.has_stationary_window():
        return None
    return model.data, model.architecture, model.loss, sgd.weight_decay, model.gradient_tolerance, model.curvature


def lent(finished: xr.Dataset, full: FullBatch) -> Landmark:
    """That of a finished network; the gradient at its minimum is evaluated again."""
    position = finished["minimum"].values
    found = Minimum(position, *full.energy_and_gradient(position))
    eigenvalues, vectors = finished["hessian_eigenvalue"].values, finished["hessian_eigenvector"].values
    measured: Curvature | TopModes
    if "hessian" in finished:
        rows = finished["curvature_root"].values if "curvature_root" in finished else np.empty((0, 0, full.dimension))
        h, c = finished["hessian"].values, finished["noise_covariance"].values
        measured = Curvature(h, c, eigenvalues, vectors, rows)
    else:
        trace, left = float(finished["noise_trace"]), top_modes.step_left_across(full, found, vectors)
        measured = TopModes(eigenvalues, vectors, finished["noise_in_modes"].values, trace, left)
    return Landmark(found, measured)
