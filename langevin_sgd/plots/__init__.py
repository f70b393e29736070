"""The figures of a run: one file a figure, one style for all."""

from __future__ import annotations

import difflib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from langevin_sgd import store
from langevin_sgd.errors import UserError
from langevin_sgd.plots.basins import landscape_and_density, probability_current
from langevin_sgd.plots.collapse import diffusion_collapse
from langevin_sgd.plots.diffusion import aging, logarithmic_diffusion, position_distribution
from langevin_sgd.plots.displacement import squared_displacement
from langevin_sgd.plots.energy_distribution import energy_distribution
from langevin_sgd.plots.escape import arrhenius, survival
from langevin_sgd.plots.flatness import flatness
from langevin_sgd.plots.learning_curves import learning_curves
from langevin_sgd.plots.mode_prediction import mode_prediction
from langevin_sgd.plots.mode_variance import mode_variance
from langevin_sgd.plots.network_displacement import network_displacement
from langevin_sgd.plots.occupancy import occupancy_against_temperature, occupancy_in_time
from langevin_sgd.plots.scanned import scanned
from langevin_sgd.plots.style import Subject, style
from langevin_sgd.plots.walker_history import walker_history
from langevin_sgd.scan import dimensions

FORMATS = ("png", "pdf", "svg")

_Draw = Callable[[Subject], Figure]
_ALL_NETWORKS = "network_displacement"
_SCAN = "scan"
_FLATNESS = "flatness"
_ALL_POTENTIALS = "diffusion_collapse"
# Every figure of one model, with the observable that a model must have to get one.
_FIGURES: dict[str, tuple[str, _Draw]] = {
    "mode_variance": ("mode_variance", mode_variance),
    "mode_prediction": ("mode_variance", mode_prediction),
    "energy_distribution": ("stationary_energy", energy_distribution),
    "squared_displacement": ("effective_time", squared_displacement),
    "logarithmic_diffusion": ("valid_range", logarithmic_diffusion),
    "position_distribution": ("position_draw", position_distribution),
    "aging": ("return_probability", aging),
    "walker_history": ("example_position", walker_history),
    "occupancy": ("mean_occupancy", occupancy_in_time),
    "basins": ("density_law", landscape_and_density),
    "current": ("current_law", probability_current),
    "escape": ("escape_time_law", survival),
    "learning_curves": ("train_loss", learning_curves),
}
# Figures of a scanned model, with the observable that it must have; one that has none gets `scan`.
_SCANNED: dict[str, tuple[str, _Draw]] = {
    "occupancy_scan": ("mean_occupancy_law", occupancy_against_temperature),
    "escape_scan": ("escape_time_law", arrhenius),
}
_DRAW: dict[str, _Draw] = {
    **{kind: draw for kind, (_, draw) in _FIGURES.items()},
    _ALL_NETWORKS: network_displacement,
    **{kind: draw for kind, (_, draw) in _SCANNED.items()},
    _SCAN: scanned,
    _FLATNESS: flatness,
    _ALL_POTENTIALS: diffusion_collapse,
}


def figures(tree: xr.DataTree, names: Iterable[str] = ()) -> dict[str, Figure]:
    """The figures of a study, by name; only those named if any are.

    There is one of each kind for every network, with the simulated models beside it that share its Hessian, learning
    rate, batch size and momentum, and for every model that belongs to no network; and one of all networks together if
    there are several. A scanned model has one of its own, `scan`. A figure is called by its kind, with `_MODEL` behind
    it if there are several; a kind as name stands for all its figures. Raises `UserError` for a name that the study has
    no figure of.
    """
    planned = _plan(tree)
    wanted = list(names)
    for name in wanted:
        if name not in planned and not any(kind == name for kind, _ in planned.values()):
            close = difflib.get_close_matches(name, planned, n=1)
            mend = f"did you mean {close[0]}?" if close else f"there are: {', '.join(planned) or 'none'}"
            raise UserError(f"no figure {name!r} in this run; {mend}")
    drawn = {}
    with style():
        for name, (kind, subject) in planned.items():
            if not wanted or name in wanted or kind in wanted:
                drawn[name] = _DRAW[kind](subject)
    return drawn


def plot(run: str | os.PathLike[str], names: Iterable[str] = (), *, format: str = "png") -> list[os.PathLike[str]]:
    """Draw figures of a run directory into its figures/ folder as PNG, PDF or SVG; returns their paths."""
    if format not in FORMATS:
        raise UserError(f"no figure format {format!r}; use {', '.join(FORMATS)}")
    drawn = figures(store.open_run(run, load=True), names)
    return list(store.save_figures(run, {f"{name}.{format}": render(figure, format) for name, figure in drawn.items()}))


def render(figure: Figure, format: str) -> bytes:
    """The figure as a file of the given format, the same bytes for the same data."""
    buffer = io.BytesIO()
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[format]
    with style():
        figure.savefig(buffer, format=format, metadata=metadata)
    return buffer.getvalue()


def _plan(tree: xr.DataTree) -> dict[str, tuple[str, Subject]]:
    """What is drawn: the kind and the subject of every figure, by its name."""
    done = {
        name: node.to_dataset(inherit=False)
        for name, node in tree.children.items()
        if name != store.CHECKS and node.attrs.get("status", "done") == "done"
    }
    models = {name: model for name, model in done.items() if not dimensions(model)}
    over_points = [name for name in done if name not in models]
    networks = [name for name, model in models.items() if model.attrs.get("kind") == "network"]
    beside: dict[str, dict[str, xr.Dataset]] = {name: {} for name in networks}
    for name, model in models.items():
        hosts = [network for network in networks if _same_process(models[network], model)]
        if name in networks:
            continue
        for network in hosts:
            beside[network][name] = model
        if not hosts:
            beside[name] = {}
    planned: dict[str, tuple[str, Subject]] = {}
    for kind, (needed, _) in _FIGURES.items():
        subjects = [name for name in beside if _has(models[name], needed) and kind not in _unfit(models[name])]
        for name in subjects:
            others = {other: model for other, model in beside[name].items() if _has(model, needed)}
            criteria = _criteria(tree, name)
            subject = Subject(name, models[name], others, **criteria)
            planned[kind if len(subjects) == 1 else f"{kind}_{name}"] = (kind, subject)
    plain = [name for name in over_points if not any(_has(done[name], needed) for needed, _ in _SCANNED.values())]
    for name in plain:
        planned[_SCAN if len(plain) == 1 else f"{_SCAN}_{name}"] = (_SCAN, Subject(name, done[name], {}))
    for kind, (needed, _) in _SCANNED.items():
        able = [name for name in over_points if _has(done[name], needed)]
        for name in able:
            subject = Subject(name, done[name], {}, **_criteria(tree, name))
            planned[kind if len(able) == 1 else f"{kind}_{name}"] = (kind, subject)
    flat = [name for name in over_points if _has(done[name], "sharpness_trace") and _over_noise(done[name])]
    for name in flat:
        planned[_FLATNESS if len(flat) == 1 else f"{_FLATNESS}_{name}"] = (_FLATNESS, Subject(name, done[name], {}))
    together = {name: models[name] for name in networks if _has(models[name], "spread")}
    if len(together) > 1:
        first, *rest = together
        planned[_ALL_NETWORKS] = (_ALL_NETWORKS, Subject(first, models[first], {name: models[name] for name in rest}))
    walkers = _walkers(done)
    if len(walkers) > 1:
        first, *rest = walkers
        criteria = _criteria(tree, first.split(":")[0])
        others = {name: walkers[name] for name in rest}
        planned[_ALL_POTENTIALS] = (_ALL_POTENTIALS, Subject(first, walkers[first], others, **criteria))
    return planned


def _walkers(done: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """The models in random potentials and the points of those that are scanned, by name."""
    found = {}
    for name, model in done.items():
        if "valid_range" not in model:
            continue
        names = dimensions(model)
        for index in np.ndindex(*(model.sizes[dim] for dim in names)):
            chosen = dict(zip(names, index, strict=True))
            point = ", ".join(f"{dim} {float(model[dim][i]):.3g}" for dim, i in chosen.items())
            found[f"{name}: {point}" if point else name] = model.isel(chosen)
    return found


def _has(model: xr.Dataset, name: str) -> bool:
    """Whether there is anything to draw: a single replica has no variance over replicas, for one."""
    return name in model and bool((model[name] > 0).any())


def _unfit(model: xr.Dataset) -> tuple[str, ...]:
    """Figures that a model gets none of though it has the observable: walkers between basins have no displacement, and
    where barriers are bounded positions follow no logarithmic law."""
    unfit = [] if "squared_displacement" in model else ["squared_displacement"]
    return (*unfit, "position_distribution") if "correlation_length" in model else tuple(unfit)


def _over_noise(model: xr.Dataset) -> bool:
    """Whether learning rate and batch size are all that is scanned."""
    return set(dimensions(model)) <= {"learning_rate", "batch_size"}


def _criteria(tree: xr.DataTree, name: str) -> dict[str, float]:
    """What the checks of the run judged a model by, as far as they did."""
    if store.CHECKS not in tree.children:
        return {}
    table = tree.children[store.CHECKS].to_dataset(inherit=False)
    criteria = {}
    for key, quantity in (("tolerance", "total_variance"), ("energy_bound", "energy_distribution")):
        rows = (table["model"].values == name) & (table["quantity"].values == quantity)
        if rows.any():
            criteria[key] = float(table["tolerance"].values[rows][0])
    config = json.loads(tree.attrs["provenance"])["config"] if "provenance" in tree.attrs else {}
    for entry in config.get("checks", []):
        if entry["kind"] == "diffusion" and (entry["models"] is None or name in entry["models"]):
            criteria["window"] = float(entry["window"])
        if entry["kind"] == "occupancy" and (entry["models"] is None or name in entry["models"]):
            criteria |= {
                "occupancy_tolerance": float(entry["tolerance"]),
                "escape_tolerance": float(entry["escape_tolerance"]),
            }
    return criteria


def _same_process(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether two models share the Hessian, eta, B and momentum, so that they can share a figure."""
    shared = ("hessian_eigenvalue", "learning_rate", "batch_size", "momentum")
    return all(name in one and name in other and np.array_equal(one[name], other[name]) for name in shared)
