"""What is compared of a network and its twin: each quantity on either side, with its error over replicas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.modes import eigenvalue_bins
from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.checks.twin.config import TwinCheck
from langevin_sgd.checks.verdicts.labels import Quantity
from langevin_sgd.checks.verdicts.statistics import Assessment
from langevin_sgd.checks.verdicts.two_ensembles import MeanOverReplicas, assess_ratio_of_two

Array = NDArray[np.float64]

_SPAN = 100.0  # of the times that are compared


@dataclass(frozen=True)
class Compared:
    """One quantity of a network over that of a twin; `fault` is why nothing is claimed of it."""

    quantity: Quantity
    measured: MeanOverReplicas
    predicted: MeanOverReplicas
    assessed: Assessment
    stderr: float
    tolerance: float
    eigenvalues: Array
    fault: str = ""


def compared(network: xr.Dataset, twin: xr.Dataset, check: TwinCheck) -> list[Compared]:
    """All quantities that both have, each at one point of a scan."""
    windows = StationaryWindow.from_dataset(network), StationaryWindow.from_dataset(twin)
    if windows[0] is not None and windows[1] is not None:
        return list(_in_window(windows[0], windows[1], check))
    return list(_along(network, twin, check))


def _in_window(trained: StationaryWindow, twin: StationaryWindow, check: TwinCheck) -> Iterator[Compared]:
    every = np.ones(trained.eigenvalue.shape, dtype=np.bool_)
    yield _of_windows(Quantity("total_variance", ranks=(0, 0)), (trained, twin), every, check.tolerance, check)
    masks = eigenvalue_bins(trained.eigenvalue, trained.noisy, check.bins)
    for number, modes in enumerate(masks):
        inside = trained.eigenvalue[modes]
        low, high = float(inside.min()), float(inside.max())
        quantity = Quantity(
            f"mode_variance[{low:.3g},{high:.3g}]",
            f"modes {low:.2g}–{high:.2g}",
            {"mode_low": low, "mode_high": high},
            ranks=(2, 2 if number in (0, len(masks) - 1) else 5),
        )
        yield _of_windows(quantity, (trained, twin), modes, check.bin_tolerance, check)
    fault = trained.fault(check.tolerance) or twin.fault(check.tolerance)
    energies = _means(trained.energy.mean(axis=1), twin.energy.mean(axis=1))
    distances = _means(trained.moment_2.sum(axis=1), twin.moment_2.sum(axis=1))
    for quantity, sides in (
        (Quantity("energy", "mean energy", ranks=(1, 1)), energies),
        (Quantity("squared_distance", ranks=(3, 3)), distances),
    ):
        found = _compared(quantity, sides, check.tolerance, check)
        yield replace(found, fault=fault, eigenvalues=trained.eigenvalue)


def _of_windows(
    quantity: Quantity,
    windows: tuple[StationaryWindow, StationaryWindow],
    modes: NDArray[np.bool_],
    tolerance: float,
    check: TwinCheck,
) -> Compared:
    """The variances of some modes."""
    trained, twin = windows
    sides = tuple(MeanOverReplicas(*each.summed_variance(modes), each.replicas) for each in windows)
    found = _compared(quantity, (sides[0], sides[1]), tolerance, check)
    fault = trained.fault(tolerance, modes) or twin.fault(tolerance, modes)
    return replace(found, fault=fault, eigenvalues=trained.eigenvalue[modes])


def _along(network: xr.Dataset, twin: xr.Dataset, check: TwinCheck) -> Iterator[Compared]:
    """Loss and displacement at recorded times that both have."""
    common: Array = np.intersect1d(_evaluated(network), _evaluated(twin))
    common = common[common > 0]
    if common.size == 0:
        return
    wanted = np.geomspace(max(float(common[0]), common[-1] / _SPAN), float(common[-1]), check.times)
    steps = sorted({int(common[np.abs(np.log(common / each)).argmin()]) for each in wanted[::-1]})
    for step in steps:
        last, about = step == steps[-1], {"step": float(step)}
        at = [_recorded(each, step) for each in (network, twin)]
        loss = Quantity(f"train_loss[{step}]", f"loss at step {step}", about, ranks=(0, 0 if last else 4))
        yield _compared(loss, _means(*(each["train_loss"].values for each in at)), check.tolerance, check)
        moved = Quantity(f"squared_displacement[{step}]", f"displacement, step {step}", about, (1, 1 if last else 5))
        yield _compared(moved, _means(*(each["squared_displacement"].values for each in at)), check.tolerance, check)
        spread = Quantity(f"spread[{step}]", f"spread at step {step}", about, ranks=(2, 2 if last else 6))
        first, second = (
            MeanOverReplicas(float(each["spread"]), float(each["spread_stderr"]), each.sizes["replica"]) for each in at
        )
        yield _compared(spread, (first, second), check.bin_tolerance, check)


def _evaluated(data: xr.Dataset) -> Array:
    """The recorded steps at which there is a loss."""
    steps: Array = data["step"].values[np.isfinite(data["train_loss"].values).all(axis=0)]
    return steps


def _recorded(data: xr.Dataset, step: int) -> xr.Dataset:
    """What is compared, as it was at one recorded step."""
    place = int(np.searchsorted(data["step"].values, step))
    return data[["train_loss", "squared_displacement", "spread", "spread_stderr"]].isel(time=place)


def _means(measured: Array, predicted: Array) -> tuple[MeanOverReplicas, MeanOverReplicas]:
    """Of values (replica,) on either side."""
    return _mean(measured), _mean(predicted)


def _mean(values: Array) -> MeanOverReplicas:
    stderr = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan
    return MeanOverReplicas(float(values.mean()), stderr, values.size)


def _compared(
    quantity: Quantity, sides: tuple[MeanOverReplicas, MeanOverReplicas], tolerance: float, check: TwinCheck
) -> Compared:
    measured, predicted = sides
    assessed, stderr = assess_ratio_of_two(
        measured, predicted, tolerance=tolerance, confidence=check.confidence, name="SGD over its twin",
        cure="replicas on both sides, or runs that much longer,",
    )  # fmt: skip
    return Compared(quantity, measured, predicted, assessed, stderr, tolerance, np.empty(0))
