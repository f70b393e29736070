"""What is stored beside the measurements is worked out again; what differs is named and replaced.

What laws say is evaluated anew from what was measured, and compared with the answers that are kept of the same version;
estimates follow from moments and displacements; what a model was run with from the config: each kind says what else
follows. Raw measurements have no second source: what they are changed to is what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from langevin_sgd.checks.stored.columns import Columns, only
from langevin_sgd.checks.stored.estimates import READS, estimates
from langevin_sgd.checks.verdicts.labels import FIRST, Fault, Quantity, Said
from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.laws import Law, Point
from langevin_sgd.laws.block import any_asked
from langevin_sgd.laws.cache import compared
from langevin_sgd.laws.evaluate import evaluated
from langevin_sgd.laws.recomputed import BOUND, Found, Recomputed
from langevin_sgd.models.finished import configured, stored_points
from langevin_sgd.observables.scanned import dimensions, entries_done, places_done

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

_FAILS = (UserError, Diverged, ValueError, np.linalg.LinAlgError)


def restored(
    study: Study, name: str, done: Mapping[str, xr.Dataset], laws: Sequence[Law]
) -> tuple[xr.Dataset, list[Comparison]]:
    """A finished model with what was altered worked out again, and one row for every variable that was.

    `done` holds the models that it is measured on, restored themselves. Answers of laws that are missing, or of another
    version, are added.
    """
    data, configs = done[name], configured(study, name)
    count = math.prod(data.sizes[axis] for axis in dimensions(data))
    if count != len(configs):
        return data, [_untold(name, f"it holds {count} points and the config asks for {len(configs)}")]
    configs = configs.only(places_done(data))
    altered: dict[str, str] = {}
    for recompute, read in ((study.models[name].follows, None), (estimates, READS)):
        at = stored_points(study, data if read is None else only(data, read), done, configs)
        found = _everywhere(recompute, at, Columns(data), len(configs))
        if isinstance(found, str):
            return data, [_untold(name, found)]
        for variable, each in found.items():
            if variable in data.variables and not all(one.agrees(stored) for one, stored in each):
                altered.setdefault(variable, each[0][0].of)
                data = _replaced(data, variable, [one for one, _ in each])
    if not any_asked(study.models[name], data, laws):
        return data, _rows(name, altered)
    try:
        answers = [evaluated(point, laws) for point in stored_points(study, data, done, configs)]
        data, told = compared(data, answers)
    except _FAILS as error:
        return data, [*_rows(name, altered), _untold(name, " ".join(str(error).split()))]
    return data, _rows(name, altered | told)


Pairs = dict[str, list[tuple[Recomputed, Any]]]


def _everywhere(recompute: Callable[[Point], Found], at: Iterable[Point], stored: Columns, count: int) -> Pairs | str:
    """Every variable at every point as it follows and as it is stored, or why that cannot be said."""
    pairs: Pairs = {}
    for index, point in enumerate(at):
        try:
            found = recompute(point)
        except _FAILS as error:
            return " ".join(str(error).split())
        for variable, one in found.items():
            if variable not in stored:
                continue
            held = stored.at(variable, index)
            if np.shape(one.value) != held.shape:
                sizes = " and ".join(
                    "x".join(map(str, shape)) or "one number" for shape in (held.shape, np.shape(one.value))
                )
                return f"{variable} has another shape than the config gives it ({sizes})"
            pairs.setdefault(variable, []).append((one, held))
    return {variable: each for variable, each in pairs.items() if len(each) == count}


def _replaced(data: xr.Dataset, name: str, found: list[Recomputed]) -> xr.Dataset:
    """The dataset with a variable as it follows at the points that are done, which may now differ between points."""
    stored, axes = data[name].variable, dimensions(data)
    own = [dim for dim in stored.dims if dim not in axes]
    # the scanned number itself, or one of a group, stays along its own dimension
    along = stored.dims if name in data.coords and not own and stored.dims else axes
    before = stored.transpose(*(axis for axis in along if axis in stored.dims), *own).values
    inner = [data.sizes[dim] for dim in own]
    before = before.reshape([data.sizes[axis] if axis in stored.dims else 1 for axis in along] + inner)
    dtype = np.result_type(before, *(np.asarray(one.value) for one in found))
    values = np.broadcast_to(before, [data.sizes[axis] for axis in along] + inner).astype(dtype)
    for entries, one in zip(entries_done(data), found, strict=True):
        place: tuple[Any, ...] = tuple(entry for axis, entry in zip(axes, entries, strict=True) if axis in along)
        new = np.asarray(one.value)
        values[(*place, *(slice(size) for size in new.shape))] = new
    variable = xr.Variable((*along, *own), values, stored.attrs)
    return data.assign_coords({name: variable}) if name in data.coords else data.assign({name: variable})


def _rows(model: str, altered: Mapping[str, str]) -> list[Comparison]:
    return [_row(model, variable, of) for variable, of in altered.items()]


def _row(model: str, variable: str, of: str) -> Comparison:
    return _told(
        model,
        Quantity(
            f"stored[{variable}]",
            f"stored {variable.replace('_', ' ')}",
            {"variable": variable},
            (FIRST, FIRST),
            said=_altered(variable),
        ),
        f"{variable} is not what follows from {of} (to {BOUND:g} of it): one of them was altered after the run, or "
        f"written by another version; the comparisons take it as it follows. Run the study again to be sure",
    )


def _altered(variable: str) -> Said:
    told = f"its {variable.replace('_', ' ')} was altered after the run"
    return Said(told, told, told)


def _untold(model: str, why: str) -> Comparison:
    told = "what is stored of it cannot be worked out again"
    quantity = Quantity("stored", ranks=(FIRST, FIRST), said=Said(told, told, told))
    return _told(model, quantity, f"what is stored cannot be worked out again, so it stands as it is: {why}")


def _told(model: str, quantity: Quantity, reason: str) -> Comparison:
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
        fault=Fault.ALTERED,
    )
