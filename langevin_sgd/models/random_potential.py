"""The random-potential model of a config: walkers on a line, by master equation or flooding.

Disorders are made, run and forgotten in chunks, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from langevin_sgd import observables
from langevin_sgd.checkpoint import Checkpointing
from langevin_sgd.config import RandomPotentialModel
from langevin_sgd.integrators.flooding import flood_disorders
from langevin_sgd.integrators.master_equation import evolve
from langevin_sgd.landscapes.line import Line
from langevin_sgd.progress import Progress
from langevin_sgd.theory import logarithmic_diffusion as theory

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

CENSORED_PROBABILITY = 1e-3
"""A disorder counts as censored once so much of its probability sits on the ends of the box."""

_CHUNK_BYTES = 1 << 26
_LEAST = 16  # disorders side by side in the vector registers


def run(
    points: Sequence[RandomPotentialModel], *, seed: int, progress: Progress, checkpoint: Checkpointing
) -> list[xr.Dataset]:
    """Run the model at every point of a scan (one point without); the observables of each.

    Disorder n is the same potential up to its amplitude at every point, and whatever others are run. Raises
    `UserError` for what the landscape or the method refuses. After an interruption the same call goes on from
    `checkpoint`, to the same bits.
    """
    saved = checkpoint.load()
    done = 0 if saved is None else int(saved["step"])
    kept: list[list[Arrays]] = [[] for _ in points]
    if saved is not None:
        for index, parts in enumerate(kept):
            prefix = f"{index}/"
            part = {key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)}
            parts += [part] if part else []
    chunks = [(index, chunk) for index, point in enumerate(points) for chunk in _chunks(point)]
    total = sum(chunk.size for _, chunk in chunks)
    finished = 0
    progress.begin("disorders", unit="disorders")
    for index, chunk in chunks:
        finished += chunk.size
        if finished <= done:
            continue
        kept[index].append(_run_chunk(points[index], chunk, seed=seed))
        progress.update(finished, total)
        if checkpoint.due() and finished < total:
            kept = [[_joined(parts)] if parts else [] for parts in kept]
            saving = {f"{i}/{key}": value for i, parts in enumerate(kept) for p in parts for key, value in p.items()}
            checkpoint.save({**saving, "step": np.array(finished)})
    return [_dataset(point, _joined(parts)) for point, parts in zip(points, kept, strict=True)]


def _line(model: RandomPotentialModel) -> Line:
    return Line(model.alpha, half_width=model.half_width, amplitude=model.amplitude, spacing=model.spacing)


def _chunks(model: RandomPotentialModel) -> list[NDArray[np.int64]]:
    size = max(_LEAST, _CHUNK_BYTES // (8 * (2 * model.half_width + 1)))
    return np.array_split(np.arange(model.disorders), -(-model.disorders // size))


def _times(model: RandomPotentialModel) -> Array:
    """ln t of the record, (time,)."""
    return np.linspace(*model.ln_time, model.record_times)


def _run_chunk(model: RandomPotentialModel, disorders: NDArray[np.int64], *, seed: int) -> Arrays:
    line = _line(model)
    if model.method == "flooding":
        flooded = flood_disorders(line, seed, disorders, largest_gamma=model.thermal_energy * model.ln_time[1])
        found = flooded.dataset(_times(model), model.thermal_energy)
        moved = flooded.displacement(model.thermal_energy * _times(model))[..., 0]
        return {
            "squared_displacement": found["squared_displacement"].values,
            "mean_displacement": moved,
            "censored": found["censored"].values,
            "position_draw": moved[:, -1:],
        }
    potential = line.potential(seed, disorders)
    result = evolve(
        potential, times=np.exp(_times(model)), thermal_energy=model.thermal_energy, spacing=model.spacing,
        steps_per_e_fold=model.steps_per_e_fold, draws=model.draws, seed=seed, disorders=disorders,
    )  # fmt: skip
    out: Arrays = {
        "squared_displacement": result.mean_squared_displacement,
        "mean_displacement": result.mean_displacement,
        "censored": result.boundary_probability > CENSORED_PROBABILITY,
        "displaced_probability": result.returned,
        "position_draw": model.spacing * (result.positions[:, :, -1] - result.start_site[:, None]),
    }
    if model.aging is not None:
        out |= _aging(model, potential, disorders, seed=seed)
    return out


def _aging(model: RandomPotentialModel, potential: Array, disorders: NDArray[np.int64], *, seed: int) -> Arrays:
    """Displacements between t_w and t_w^h, (disorder, waiting_time, ratio), from a position drawn at each t_w."""
    assert model.aging is not None
    shared: dict[str, Any] = {
        "thermal_energy": model.thermal_energy, "spacing": model.spacing, "steps_per_e_fold": model.steps_per_e_fold,
        "draws": 1, "seed": seed, "disorders": disorders,
    }  # fmt: skip
    waits = np.asarray(model.aging.ln_waiting_times)
    ratios = np.unique(model.aging.ratios)
    first = evolve(potential, times=np.exp(waits), run_number=1, **shared)
    moved = np.empty((len(disorders), waits.size, ratios.size))
    edge = np.empty(moved.shape, dtype=bool)
    for index, wait in enumerate(waits):
        start = first.positions[:, 0, index]
        # t_w^h - t_w without cancellation
        times = np.exp(wait) * np.expm1((ratios - 1.0) * wait)
        later = evolve(potential, times=times, start_site=start, run_number=2 + index, **shared)
        moved[:, index] = model.spacing * (later.positions[:, 0, :] - start[:, None])
        edge[:, index] = later.boundary_probability > CENSORED_PROBABILITY
    return {"two_time_displacement": moved, "two_time_censored": edge}


def _joined(parts: Sequence[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _dataset(model: RandomPotentialModel, kept: Arrays) -> xr.Dataset:
    """The observables of one point."""
    line = _line(model)
    values: dict[str, ArrayLike] = {
        **kept,
        "alpha": model.alpha,
        "amplitude": model.amplitude,
        "thermal_energy": model.thermal_energy,
        "temperature": 2.0 * model.thermal_energy,
        "valid_range": line.valid_range,
    }
    coords: dict[str, ArrayLike] = {
        "time": np.exp(_times(model)),
        "ln_time": _times(model),
        "disorder": np.arange(model.disorders),
    }
    if model.aging is not None:
        waits, ratios = np.asarray(model.aging.ln_waiting_times), np.unique(model.aging.ratios)
        coords |= {"ln_waiting_time": waits, "ratio": ratios}
        unit = theory.length_scale(
            waits, alpha=model.alpha, amplitude=model.amplitude, thermal_energy=model.thermal_energy
        )
        stayed = np.abs(kept["two_time_displacement"]) < model.aging.distance * unit[:, None]
        values |= {
            "two_time_squared_displacement": kept["two_time_displacement"] ** 2,
            "return_probability": stayed.mean(0),
            "return_probability_stderr": stayed.std(0) / np.sqrt(max(model.disorders - 1, 1)),
            "return_distance": model.aging.distance,
        }
    backend = "flooding (numba)" if model.method == "flooding" else "master equation (numba)"
    return observables.dataset(
        values, coords=coords, attrs={"method": model.method, "backend": backend, "landscape": "line"},
        members="disorder",
    )  # fmt: skip
