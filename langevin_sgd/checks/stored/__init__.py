"""What is stored beside the measurements is worked out again; what differs is named and replaced.

Laws follow from H, C, eta, B, mu, the landscape and the noise; estimates from moments and displacements; what a model
was run with from the config. Raw measurements have no second source: what they are changed to is what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from langevin_sgd.checks.stored.estimates import estimates
from langevin_sgd.checks.stored.recomputed import BOUND, Point, Recomputed
from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.observables.scanned import dimensions, points
from langevin_sgd.study.config import Study

KINDS: Family[Any] = Family(
    "recomputation",
    {
        "network": "langevin_sgd.checks.stored.quadratic:network",
        "ornstein_uhlenbeck": "langevin_sgd.checks.stored.quadratic:ornstein_uhlenbeck_model",
        "langevin": "langevin_sgd.checks.stored.walkers:walkers",
        "basins": "langevin_sgd.checks.stored.walkers:in_basins",
        "interpolation": "langevin_sgd.checks.stored.line:on_line",
        "random_potential": "langevin_sgd.checks.stored.disorder:in_disorder",
    },
    group="langevin_sgd.recomputations",
    is_member=callable,
    needed="a function",
)
"""What follows from the config and the measurements of a kind of model, at one point of a scan."""


def restored(study: Study, name: str, done: Mapping[str, xr.Dataset]) -> tuple[xr.Dataset, list[Comparison]]:
    """A finished model with what was altered worked out again, and one row for every variable that was.

    `done` holds the models that it is measured on, restored themselves.
    """
    data = done[name]
    kind = study.models[name].kind
    if kind not in KINDS:
        return data, []
    altered: dict[str, str] = {}
    for recompute in (KINDS[kind], estimates):
        found = _everywhere(recompute, study, name, data, done)
        if isinstance(found, str):
            return data, [_untold(name, found)]
        for variable, each in found.items():
            if variable in data.variables and not all(one.agrees(stored) for one, stored in each):
                altered.setdefault(variable, each[0][0].of)
                data = _replaced(data, variable, [one for one, _ in each])
    return data, [_row(name, variable, of) for variable, of in altered.items()]


Pairs = dict[str, list[tuple[Recomputed, Any]]]


def _everywhere(
    recompute: Any, study: Study, name: str, data: xr.Dataset, done: Mapping[str, xr.Dataset]
) -> Pairs | str:
    """Every variable at every point as it follows and as it is stored, or why that cannot be said."""
    configs = [(point.models[name], _sgd(point, name)) for point in study.points(name)]
    steps = study.effective_steps(name) if study.models[name].kind == "ornstein_uhlenbeck" else None
    pairs: Pairs = {}
    every = list(points(data))
    if len(every) != len(configs):
        return f"it holds {len(every)} points and the config asks for {len(configs)}"
    for (_, point), (model, sgd) in zip(every, configs, strict=True):
        try:
            found = recompute(Point(point, model, sgd, configs, done, steps))
        except (UserError, Diverged, ValueError, np.linalg.LinAlgError) as error:
            return " ".join(str(error).split())
        for variable, one in found.items():
            if variable not in point.variables:
                continue
            if np.shape(one.value) != point[variable].shape:
                sizes = " and ".join(
                    "x".join(map(str, shape)) or "one number" for shape in (point[variable].shape, np.shape(one.value))
                )
                return f"{variable} has another shape than the config gives it ({sizes})"
            pairs.setdefault(variable, []).append((one, point[variable].values))
    return {variable: each for variable, each in pairs.items() if len(each) == len(every)}


def _sgd(study: Study, name: str) -> Sgd | None:
    return None if study.sgd is None and study.models[name].own_sgd() is None else study.effective_sgd(name)


def _replaced(data: xr.Dataset, name: str, found: list[Recomputed]) -> xr.Dataset:
    """The dataset with a variable as it follows, which may now differ between points."""
    stored, axes = data[name].variable, dimensions(data)
    if name in axes:  # the scanned number itself
        return data.assign_coords({name: (name, _along(data, name, found), stored.attrs)})
    own = [dim for dim in stored.dims if dim not in axes]
    values = np.stack([np.asarray(one.value) for one in found])
    values = values.reshape((*(data.sizes[axis] for axis in axes), *values.shape[1:]))
    variable = xr.Variable((*axes, *own), values, stored.attrs)
    return data.assign_coords({name: variable}) if name in data.coords else data.assign({name: variable})


def _along(data: xr.Dataset, name: str, found: list[Recomputed]) -> Any:
    axes = dimensions(data)
    values = np.array([float(np.asarray(one.value)) for one in found]).reshape([data.sizes[axis] for axis in axes])
    return values[tuple(slice(None) if axis == name else 0 for axis in axes)]


def _row(model: str, variable: str, of: str) -> Comparison:
    return _told(
        model,
        f"stored[{variable}]",
        f"{variable} is not what follows from {of} (to {BOUND:g} of it): one of them was altered after the run, or "
        f"written by another version; the comparisons take it as it follows. Run the study again to be sure",
    )


def _untold(model: str, why: str) -> Comparison:
    return _told(model, "stored", f"what is stored cannot be worked out again, so it stands as it is: {why}")


def _told(model: str, quantity: str, reason: str) -> Comparison:
    return Comparison.from_assessment(
        inconclusive(math.nan, math.nan, reason),
        model=model,
        quantity=quantity,
        law="recomputed",
        role="law",
        measured=math.nan,
        standard_error=math.nan,
        predicted=math.nan,
        tolerance=BOUND,
        eigenvalues=np.empty(0),
    )
