"""The random-potential model of a config: walkers in random landscapes, by the method that the config names.

Disorders are made, followed and forgotten in chunks, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from langevin_sgd.cores import cores
from langevin_sgd.families import imported
from langevin_sgd.landscapes.line import Line
from langevin_sgd.models.context import Context
from langevin_sgd.models.random_potential.config import RandomPotentialModel
from langevin_sgd.models.random_potential.known import Known, known
from langevin_sgd.models.random_potential.methods import walker_history
from langevin_sgd.models.random_potential.potentials import Array, Arrays, Disorders, landscape, ln_times
from langevin_sgd.models.random_potential.strength import errors
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.variable import joined
from langevin_sgd.progress import Progress
from langevin_sgd.storage.keeper import Keeper, Pace, Within, part, prefixed
from langevin_sgd.theory import logarithmic_diffusion as theory

_CHUNK_BYTES = 1 << 26
_LEAST = 16  # disorders side by side in the vector registers
_MOST = 4096  # so that the progress of many small ones is seen

_AT_ONCE = {
    "master_equation": "langevin_sgd.models.random_potential.methods.master_equation:measure",
    "flooding": "langevin_sgd.models.random_potential.methods.flooding:measure",
}
"""What follows disorders to the end in one go, by method."""

_WALKERS = {
    "line": "langevin_sgd.models.random_potential.methods.walkers_on_line:walk",
    "fourier": "langevin_sgd.models.random_potential.methods.walkers_in_waves:walk",
}
"""What follows walkers step by step, by landscape."""

_BACKENDS = {"master_equation": "master equation (numba)", "flooding": "flooding (numba)"}
_COORDINATES = ("time", "distance")
_ONCE = (*_COORDINATES, *walker_history.NAMES)  # of no disorder, or of the first alone


def run(points: Sequence[tuple[RandomPotentialModel, None]], context: Context) -> list[xr.Dataset]:
    """Run the model at every point of a scan (one point without); the observables of each.

    Disorder n is the same potential up to its amplitude at every point, and whatever others are run. Raises
    `UserError` for what the landscape or the method refuses. After an interruption the same call goes on from
    the checkpoint, to the same bits.
    """
    models, device, progress = [known(model, context.sources) for model, _ in points], context.device, context.progress
    total, before = sum(model.disorders for model in models), 0
    progress.begin("disorders", unit="disorders")
    with Keeper(context.checkpoint) as keeper:
        measured = _Measured.of(keeper.saved, len(models))
        for index, model in enumerate(models):
            cut = _Cut(model)
            while (first := measured.disorders - before) < model.disorders:
                chunk = cut.next(first)
                within = keeper.within("chunk", measured.state)
                told = partial(_tell_share, progress, measured.disorders, chunk.size, total)
                told(0.0)
                found = _measure(model, chunk, seed=context.seed, device=device, told=told, keeper=within)
                measured = measured.adding(index, found, chunk.size)
                cut.done(chunk.size)
                keeper.tell(measured.state)
                progress.update(measured.disorders, total)
            before += model.disorders
    return [
        _dataset(model, _joined(parts), device, errors(asked.strength(), context.sources))
        for (asked, _), model, parts in zip(points, models, measured.parts, strict=True)
    ]


@dataclass(frozen=True)
class _Measured:
    """What is known of so many disorders, point after point."""

    disorders: int
    parts: tuple[tuple[Arrays, ...], ...]

    @classmethod
    def of(cls, saved: Arrays, points: int) -> _Measured:
        kept = [part(saved, str(index)) for index in range(points)]
        return cls(int(saved.get("disorders", 0)), tuple((own,) if own else () for own in kept))

    def adding(self, index: int, found: Arrays, disorders: int) -> _Measured:
        parts = list(self.parts)
        parts[index] = (*parts[index], found)
        return _Measured(self.disorders + disorders, tuple(parts))

    def state(self) -> Arrays:
        state: Arrays = {"disorders": np.array(self.disorders)}
        for index, parts in enumerate(self.parts):
            state |= prefixed(str(index), _joined(parts)) if parts else {}
        return state


class _Cut:
    """The disorders of one point in chunks that run side by side: as many as memory holds, and few if they take long.

    Walkers are cut in time instead: they go on within a chunk, so theirs must be the same after an interruption.
    """

    def __init__(self, model: Known) -> None:
        self._disorders = model.disorders
        self._most = chunk_size(model)
        self._in_time = model.method == "sde"
        least = _LEAST if model.method == "master_equation" else cores()
        self._pace = Pace(least, least=least, most=max(self._most, least))

    def next(self, first: int) -> Disorders:
        if self._in_time:
            equal = np.array_split(np.arange(self._disorders), -(-self._disorders // self._most))
            return next(chunk for chunk in equal if chunk[0] >= first)
        return np.arange(first, first + self._pace.next(self._disorders - first))

    def done(self, disorders: int) -> None:
        self._pace.done(disorders)


def _tell_share(progress: Progress, before: int, size: int, total: int, share: float) -> None:
    progress.update(before + share * size, total)


def chunk_size(model: RandomPotentialModel) -> int:
    """The most disorders that run side by side."""
    if model.landscape == "fourier":
        assert model.features is not None
        assert model.walkers is not None
        numbers = model.features * (model.dimension + 2 * model.walkers)
    else:
        assert model.half_width is not None
        numbers = (2 * model.half_width + 1) ** model.dimension * (model.cells or 1)
    return max(_LEAST, min(_MOST, _CHUNK_BYTES // (8 * numbers)))


def _measure(
    model: Known,
    disorders: Disorders,
    *,
    seed: int,
    device: str,
    told: Callable[[float], None],
    keeper: Within,
) -> Arrays:
    """What the model's method measures of these disorders; walkers tell what share of their steps is done."""
    if model.method in _AT_ONCE:
        found: Arrays = imported(_AT_ONCE[model.method])(model, disorders, seed=seed)
        return found
    walk: Callable[..., Arrays] = imported(_WALKERS[model.landscape])
    return walk(model, disorders, seed=seed, device=device, told=told, keeper=keeper)


def _joined(parts: Sequence[Arrays]) -> Arrays:
    return {
        name: first if name in _ONCE else np.concatenate([other[name] for other in parts])
        for name, first in parts[0].items()
    }


def _dataset(model: Known, kept: Arrays, device: str, uncertain: Mapping[str, ArrayLike]) -> xr.Dataset:
    """The observables of one point; `uncertain` are the errors of the numbers that were measured elsewhere."""
    law = landscape(model)
    time = kept.get("time", np.exp(ln_times(model)))
    measured = {name: value for name, value in kept.items() if name not in (*_COORDINATES, "squared_increment")}
    parts: list[Mapping[str, ArrayLike]] = [measured, law_values(model), uncertain]
    coords: dict[str, ArrayLike] = {"time": time, "ln_time": np.log(time), "disorder": np.arange(model.disorders)}
    if "squared_increment" in kept:
        squared = kept["squared_increment"]
        coords = joined(coords, {"distance": law.distances})
        parts.append(
            {
                "structure_function": squared.mean(axis=0),
                "structure_function_stderr": _stderr(squared),
            }
        )
    if model.aging is not None:
        waits: dict[str, ArrayLike] = {"ln_waiting_time": model.aging.ln_waiting_times}
        coords = joined(coords, waits, {"ratio": np.unique(model.aging.ratios)})
        parts.append(returns(model, kept["two_time_displacement"]))
    attrs = {
        "method": model.method,
        "backend": _BACKENDS.get(model.method, f"sde on {device}"),
        "landscape": model.landscape,
        "dimension": model.dimension,
    }
    return dataset(*parts, coords=coords, declares=model.DECLARES, attrs=attrs, members="disorder")


def law_values(model: Known) -> dict[str, ArrayLike]:
    """The numbers of the structure function and of the noise."""
    law = landscape(model)
    values: dict[str, ArrayLike] = {
        "alpha": model.alpha,
        "amplitude": model.amplitude,
        "thermal_energy": model.thermal_energy,
        "temperature": 2.0 * model.thermal_energy,
        "valid_range": law.valid_range if not callable(law.valid_range) else law.valid_range(),
    }
    if isinstance(law, Line) and law.correlation_length is not None:
        values["correlation_length"] = law.correlation_length
    return values


def returns(model: Known, moved: Array) -> dict[str, ArrayLike]:
    """Share of the disorders, (waiting_time, ratio), whose walker is found again where it was at t_w."""
    assert model.aging is not None
    waits = np.asarray(model.aging.ln_waiting_times)
    unit = theory.length_scale(waits, alpha=model.alpha, amplitude=model.amplitude, thermal_energy=model.thermal_energy)
    stayed = (np.abs(moved) < model.aging.distance * unit[:, None]).astype(np.float64)
    return {
        "two_time_squared_displacement": moved**2,
        "return_probability": stayed.mean(0),
        "return_probability_stderr": stayed.std(0) / np.sqrt(max(model.disorders - 1, 1)),
        "return_distance": model.aging.distance,
    }


def _stderr(each: Array) -> Array:
    """Standard error of the mean over disorders, NaN for one."""
    count = len(each)
    error: Array = np.full(each.shape[1], np.nan) if count < 2 else each.std(axis=0, ddof=1) / np.sqrt(count)
    return error
