"""A made-up run with the shape and the numbers of softmax regression on digits, drawn from the laws themselves."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from made_up_records import asked

from langevin_sgd.checks.equilibrium.point import ENERGY_DISTRIBUTION, MEAN_SHIFT, TOTAL_VARIANCE, bin_of_modes
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Band, assess, assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.laws.evaluate import known
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.schedule import log_spaced_steps, time_coordinates
from langevin_sgd.study import store

MODES, NOISE_FREE, SAMPLES, STEPS = 650, 92, 60, 20_000
BATCH_SIZE = 16
# Valid, and of models that the made-up tree has.
CONFIG = """\
name: made_up
seed: 1
sgd: {learning_rate: 0.5, batch_size: 16}
models:
  ou:
    kind: ornstein_uhlenbeck
    hessian: {kind: diagonal, eigenvalues: [0.5, 0.1]}
    noise: {kind: isotropic, scale: 0.4}
    steps: 20000
checks: [equilibrium]
"""


def _model(
    rng: np.random.Generator, *, kind: str, learning_rate: float = 0.5, momentum: float = 0.0, replicas: int = 64,
    sampling: str = "with_replacement", noise: str = "full", shift: float = 0.0,
) -> xr.Dataset:  # fmt: skip
    noisy = np.arange(MODES) < MODES - NOISE_FREE
    k = np.where(noisy, np.geomspace(0.95, 0.0102, MODES), 0.01)
    measured_noise = np.where(noisy, 0.9 * k**1.3 * np.exp(0.2 * np.sin(7.0 * np.arange(MODES))), 0.0)
    c = np.full(MODES, measured_noise.mean()) if noise == "isotropic" else measured_noise
    rate = learning_rate / (1 - momentum)
    laws = {
        "discrete": learning_rate * c / (BATCH_SIZE * k * (1 - momentum) * (2 - learning_rate * k / (1 + momentum))),
        "continuum": rate * c / (2 * BATCH_SIZE * k),
        "isotropic": rate * c.mean() / (2 * BATCH_SIZE * k),
    }
    own = "discrete"
    if sampling == "epoch":
        own = "epoch"
        laws["epoch"] = laws["discrete"] * np.clip(k, 0.02, 0.9)
    variance = laws[own]
    chi = rng.chisquare(SAMPLES, size=(replicas, MODES)) / SAMPLES
    mean = rng.normal(size=(replicas, MODES)) * np.sqrt(variance / SAMPLES) + shift * np.sqrt(variance)
    moment_2 = variance * chi * ((1.05 if kind == "network" else 1.0) - 1 / SAMPLES) + mean**2
    summary = stationary_summary(mean, moment_2)
    weights = {law: np.sort(k * s / 2)[::-1] for law, s in laws.items()}
    energies = np.einsum("m,rsm->rs", weights[own], rng.chisquare(1, size=(replicas, SAMPLES, MODES)))

    steps = log_spaced_steps(STEPS, 48)
    coords = {
        **time_coordinates(steps, learning_rate=learning_rate, momentum=momentum),
        "replica": np.arange(replicas),
        "mode": np.arange(MODES),
        "law": np.array(list(laws)),
        "sample_step": STEPS // 2 + 80 * np.arange(1, SAMPLES + 1),
    }
    predicted = (variance[:, None] * (1 - (1 - rate * k[:, None]) ** (2.0 * steps))).sum(0)
    spread = predicted * np.exp(rng.normal(size=steps.size) * 0.02)
    squared = predicted * np.exp(rng.normal(size=(replicas, steps.size)) * 0.25)
    sigma = np.sqrt(c.mean())
    values = {
        "squared_displacement": squared,
        "energy": 0.9 + 0.5 * (weights[own].sum() * (1 - np.exp(-0.2 * coords["time"]))) * np.ones((replicas, 1)),
        "spread": spread, "spread_stderr": 0.02 * spread, "spread_predicted": predicted,
        "drift_squared": 1e-3 * spread, "drift_squared_stderr": 2e-4 * spread, "drift_squared_predicted": 0 * steps,
        "mode_moment_1": mean, "mode_moment_2": moment_2,
        "mode_mean": summary.mean.value, "mode_mean_stderr": summary.mean.stderr,
        "mode_variance": summary.variance.value, "mode_variance_stderr": summary.variance.stderr,
        "mode_variance_predicted": variance, "mode_variance_law": np.stack(list(laws.values())),
        "energy_law_weight": np.stack(list(weights.values())), "stationary_energy": energies,
        "hessian_eigenvalue": k, "noise_in_mode": c, "noisy": noisy,
        "autocorrelation_time": 1 / (rate * k), "transient_deficit": 1e-4, "noise_scale": sigma,
        "temperature": learning_rate * sigma**2 / BATCH_SIZE,
        "thermal_energy": learning_rate * sigma**2 / BATCH_SIZE / 2,
        "learning_rate": learning_rate, "batch_size": BATCH_SIZE, "momentum": momentum,
    }  # fmt: skip
    if kind == "network":
        relax = np.exp(-0.02 * coords["time"])
        spread_of_replicas = 1 + 0.02 * rng.normal(size=(replicas, steps.size))
        values |= {
            "control_squared_displacement": 1e-12 * np.ones(steps.size),
            "control_energy": 0.9 * np.ones(steps.size),
            "train_loss": (0.4 + 1.9 * relax) * spread_of_replicas,
            "test_loss": (0.47 + 1.83 * relax) * spread_of_replicas,
            "train_accuracy": np.clip(0.95 - 0.85 * relax * spread_of_replicas, 0, 1),
            "test_accuracy": np.clip(0.92 - 0.82 * relax * spread_of_replicas, 0, 1),
            "alignment": 0.7, "energy_at_minimum": 0.9, "gradient_norm_at_minimum": 3e-7,
        }  # fmt: skip
    attrs = {"kind": kind, "status": "done", "law": own}
    return asked(dataset(values, declares=declared(), coords=coords, attrs=attrs), known())


def _checks(models: dict[str, xr.Dataset]) -> xr.Dataset:
    rows = []
    for name, model in models.items():
        own = model.attrs["law"]
        k, sure = model.hessian_eigenvalue.values, model.noisy.values
        sharp = sure & (k > 0.5)
        for quantity, chosen, laws in (
            (TOTAL_VARIANCE, np.ones_like(sure), model.law.values),
            (bin_of_modes(k[sharp], sharpest=True, flattest=False), sharp, [own, "continuum"]),
            *(
                (bin_of_modes(np.array([0.4, 0.5]) / 2**i, sharpest=False, flattest=False), sure, [own])
                for i in range(5)
            ),
        ):
            for law in laws:
                measured = float(model.mode_variance.values[chosen].sum())
                predicted = float(model.mode_variance_law.sel(law=law).values[chosen].sum())
                rows.append(_row(name, quantity, str(law), own, measured, 0.006 * measured, predicted))
        rows.append(_row(name, MEAN_SHIFT, own, own, 0.013, 0.004, 0.0))
        rows.append(_row(name, ENERGY_DISTRIBUTION, own, own, 0.009, 0.006, 0.0))
    return to_dataset(rows, level=0.05, not_compared=[])


def _row(
    model: str, quantity: Quantity, law: str, own: str, measured: float, stderr: float, predicted: float
) -> Comparison:
    if predicted:
        assessed = assess_ratio(measured, stderr, predicted, dof=63, tolerance=0.05, confidence=0.95, name="ratio")
    else:
        band = Band(-np.inf, 0.05)
        assessed = assess(measured, stderr, dof=63, band=band, confidence=0.95, name=quantity.name)
    return Comparison.from_assessment(
        assessed, model=model, quantity=quantity, law=law, role="law" if law == own else "contrast", measured=measured,
        standard_error=stderr, predicted=predicted, tolerance=0.05, eigenvalues=np.array([0.1, 0.9]),
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_tree() -> Callable[..., xr.DataTree]:
    """A function that makes the DataTree of a study out of chosen parts; the same tree for the same parts."""

    @functools.cache
    def make(*, networks: int = 1, failed: bool = False, sampling: str = "with_replacement") -> xr.DataTree:
        rng = np.random.default_rng(5)
        models = {}
        for index in range(networks):
            name = "network" if networks == 1 else f"network_{index + 1}"
            models[name] = _model(rng, kind="network", sampling=sampling, learning_rate=0.5 / (1 + index), shift=0.02)
        models["ou"] = _model(rng, kind="ornstein_uhlenbeck")
        models["isotropic"] = _model(rng, kind="ornstein_uhlenbeck", noise="isotropic")
        checks = _checks(models)
        if failed:
            models["hot"] = xr.Dataset(
                attrs={
                    "kind": "network",
                    "status": "failed",
                    "error": "diverged at step 312: eta*lambda_max = 2.31 > 2",
                }
            )
            models["after_hot"] = xr.Dataset(
                attrs={"kind": "ornstein_uhlenbeck", "status": "skipped", "error": "needs hot, which failed"}
            )
        provenance = {
            "config": {
                "name": "made_up", "seed": 1, "description": "Softmax regression on digits, made up.",
                "sgd": {"learning_rate": 0.5, "batch_size": BATCH_SIZE, "momentum": 0.0, "sampling": sampling},
                "models": {name: {"kind": model.attrs["kind"]} for name, model in models.items()},
            },
            "seed": 1, "versions": {"langevin-sgd": "0.1", "torch": "2.8"}, "device": "cpu",
            "backends": {"network": "torch vmap"}, "git_revision": None, "machine": "Linux x86_64",
            "started": "2025-01-01T00:00:00+00:00", "elapsed_seconds": 81.2,
        }  # fmt: skip
        tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"provenance": json.dumps(provenance)}), **models})
        tree["checks"] = xr.DataTree(checks)
        return tree

    return make


@pytest.fixture
def make_run(make_tree: Callable[..., xr.DataTree], tmp_path: Path) -> Callable[..., Path]:
    """A function that leaves a made-up study in a run directory."""

    def make(**parts: object) -> Path:
        tree = make_tree(**parts)
        run = store.prepare(tmp_path / "run", config=CONFIG)
        for name, node in tree.children.items():
            if name != store.CHECKS:
                run.save_model(name, node.to_dataset())
        run.finalize(tree)
        run.close()
        return run.path

    return make
