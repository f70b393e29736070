"""Effective temperatures of modes against their laws, and against one temperature of all.

In equilibrium with a bath at a thermal energy theta, every mode would have <dx^2> = 2 theta chi with the same theta,
whatever the landscape. The noise of SGD is a bath for each mode, eta c/(2B), so that the law of the process predicts
another theta for each, and the same at every delay. Which law is claimed is no matter of the result: the one that
counts in how C changes within the fluctuations (`self_consistent`) where it answers, else that of the process with H
and C at the minimum; the other one is a contrast then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.modes import Modes, eigenvalue_bins
from langevin_sgd.checks.temperature.config import TemperatureCheck
from langevin_sgd.checks.temperature.measured import Measured, Value
from langevin_sgd.checks.verdicts.labels import UNRANKED, Quantity
from langevin_sgd.checks.verdicts.statistics import assess_ratio
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.laws import temperatures

Array = NDArray[np.float64]

ONE_TEMPERATURE = "one temperature"
BATH = "bath"
LINEAR = "linear response"
BEYOND = "self_consistent"
"""The law of fluctuations that feel how H and C change within them, where there is one."""
FEWEST = 8
"""Modes that a bin has at least."""
SLOW = 0.025
"""Learning rate x eigenvalue below which the response is held to the tighter tolerance."""


def rows(judged: Judged, check: TemperatureCheck) -> list[Comparison]:
    """The comparisons of one model at every point of its scan."""
    return [
        replace(row, point=label)
        for label, point in judged.points()
        for row in temperature(point, model=judged.name, check=check)
        if check.contrasts or row.role == "law"
    ]


def temperature(dataset: xr.Dataset, *, model: str, check: TemperatureCheck) -> list[Comparison]:
    """All comparisons of one model. Bins are of modes that noise reaches, of similar eigenvalue unless it is said.

    Where the process has a law, from each onset on:

    - `response[a,b]`: response over that of the law, mean over the modes of the bin and delays of two relaxation times
      of the slowest and more, to `response_tolerance` or `sharp_tolerance`;
    - `effective_temperature[a,b]`: theta over that of the law, variance of increments over response, likewise;
    - `linearity`: response to the strongest field over that to the weakest, to `response_tolerance`;
    - `temperature_spread`: theta of the bin of the hottest bath over that of the coldest, over the ratio by the law.

    As contrasts theta over that of other laws, and theta and its spread over `one temperature`. Elsewhere theta of
    each bin over its bath's, and the last onset's over the first's: whether modes cool. Errors are the jackknife's
    over replicas.
    """
    found: list[Comparison] = []
    measured = [Measured.of(dataset, place) for place in range(dataset.sizes["onset"])]
    for place, each in enumerate(measured):
        judge = _Judge(model, dataset, check, each, several=len(measured) > 1)
        found += judge.linearity(place)
        found += judge.against_laws() if each.response_law is not None else judge.against_bath()
        found += judge.spread()
    if len(measured) > 1 and measured[0].response_law is None:
        found += _Judge(model, dataset, check, measured[-1], several=True).cooling(measured)
    return found


@dataclass(frozen=True)
class _Judge:
    """One onset of a model, and the criteria."""

    model: str
    dataset: xr.Dataset
    check: TemperatureCheck
    measured: Measured
    several: bool

    @cached_property
    def laws(self) -> dict[str, Array]:
        """Variance of increments (delay, mode) by law, that which is claimed first."""
        return dict(self._variances())

    def _variances(self) -> Iterator[tuple[str, Array]]:
        own, frozen = self.measured.variance_law, str(self.dataset.attrs.get("law", ""))
        if own is None:
            return
        yield self.claimed, own
        if self.claimed != frozen:
            by_law = self.dataset["mode_variance_law"]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = by_law.sel(law=frozen).values / by_law.sel(law=self.claimed).values
            yield frozen, own * ratio

    @property
    def claimed(self) -> str:
        """The law whose predictions are those of the process."""
        if "law_is_exact" in self.dataset:
            exact = self.dataset["law_is_exact"]
            if BEYOND in exact["law"].values.tolist() and bool(exact.sel(law=BEYOND)):
                return BEYOND
        return str(self.dataset.attrs["law"])

    def linearity(self, place: int) -> Iterator[Comparison]:
        """Response to the strongest field over that to the weakest, mean over modes, in the longest delay."""
        by_field = np.asarray(
            self.dataset["field_response"].isel(onset=place).transpose("replica", "field", "mode").values
        )
        if by_field.shape[1] < 2:
            return
        modes = self.measured.pushed
        chosen = by_field[:, [0, -1]][..., modes]
        total = chosen.sum(axis=0)
        without = (total - chosen) / (len(chosen) - 1)
        ratio = Value(float((total[1] / total[0]).mean()), (without[:, 1] / without[:, 0]).mean(axis=1))
        strengths = self.dataset["field_strength"].values
        title = f"response to {strengths[-1] / strengths[0]:.3g} times the field"
        quantity = Quantity(f"linearity{self._when()}", title, self._about(), ranks=(3, 3))
        role: Role = "contrast" if self.measured.response_law is None else "law"
        yield self._row(ratio, quantity, LINEAR, role, modes, self.check.response_tolerance)

    def against_laws(self) -> Iterator[Comparison]:
        """Response and theta over those of the laws; theta over that of all modes."""
        measured, law = self.measured, self.measured.response_law
        assert law is not None
        bins = eigenvalue_bins(measured.eigenvalue, measured.pushed, self.check.bins, fewest=FEWEST)
        own = self.claimed
        for number, modes in enumerate(bins):
            ends = number in (0, len(bins) - 1)
            chi = measured.response_over(law, modes)
            yield self._row(chi, self._bin("response", "response", modes, ends), own, "law", modes, self._close(modes))
            quantity = self._bin("effective_temperature", "θ", modes, ends)
            for place, (name, variance) in enumerate(self.laws.items()):
                theta = measured.variance_over(variance, modes).over(chi)
                yield self._row(theta, quantity, name, "contrast" if place else "law", modes, self.check.tolerance)
            yield self._one_temperature(quantity, modes)

    def against_bath(self) -> Iterator[Comparison]:
        """Theta of groups of modes over their bath's, where nothing is claimed."""
        measured = self.measured
        for modes in self._groups(measured):
            theta = measured.thermal_energy(modes)
            quantity = self._bin("effective_temperature", "θ", modes, True)
            numbers = theta.value, theta.stderr, float(measured.bath[modes].mean())
            ratio = theta.over(numbers[2])
            yield self._row(ratio, quantity, BATH, "contrast", modes, self.check.tolerance, numbers)

    def spread(self) -> Iterator[Comparison]:
        """Theta of the modes of the hottest bath over that of the coldest: 1 if there were one temperature."""
        measured = self.measured
        bins = eigenvalue_bins(measured.bath, measured.pushed, self.check.bins, fewest=FEWEST)
        if len(bins) < 2:
            return
        hottest, coldest = bins[0], bins[-1]
        ratio = measured.thermal_energy(hottest).over(measured.thermal_energy(coldest))
        both, numbers = hottest | coldest, (ratio.value, ratio.stderr, 1.0)
        quantity = Quantity("temperature_spread", "hottest θ over coldest", ranks=(1, 0), said="hottest θ over coldest")
        quantity = replace(quantity, name=f"{quantity.name}{self._when()}", about=self._about())
        yield self._row(ratio, quantity, ONE_TEMPERATURE, "contrast", both, self.check.tolerance, numbers)
        for place, (name, variance) in enumerate(self.laws.items()):
            assert measured.response_law is not None
            theta = variance[-1] / (2.0 * measured.response_law[-1])
            predicted = float(theta[hottest].mean() / theta[coldest].mean())
            role: Role = "contrast" if place else "law"
            told = (ratio.value, ratio.stderr, predicted)
            yield self._row(ratio.over(predicted), quantity, name, role, both, 2.0 * self.check.tolerance, told)

    def cooling(self, all_measured: list[Measured]) -> Iterator[Comparison]:
        """Theta of groups of modes from the last onset on over that from the first, beside the ratio of their baths."""
        first, last = all_measured[0], all_measured[-1]
        for early, late in zip(self._groups(first), self._groups(last), strict=False):
            ratio = last.thermal_energy(late).over(first.thermal_energy(early))
            predicted = float(last.bath[late].mean() / first.bath[early].mean())
            quantity = self._bin("cooling", "late θ over early", late, True)
            numbers = ratio.value, ratio.stderr, predicted
            yield self._row(ratio.over(predicted), quantity, BATH, "contrast", late, self.check.tolerance, numbers)

    def _one_temperature(self, quantity: Quantity, modes: Modes) -> Comparison:
        theta = self.measured.thermal_energy(modes)
        found = temperatures.of_positions(self.dataset)
        assert found is not None  # where H and C are measured there is a noise scale
        numbers = theta.value, theta.stderr, float(found)
        ratio = theta.over(numbers[2])
        return self._row(ratio, quantity, ONE_TEMPERATURE, "contrast", modes, self.check.tolerance, numbers)

    def _groups(self, measured: Measured) -> list[Modes]:
        """Modes that noise reaches in as many groups of equal size as there are bins: sharpest first, by rank."""
        ranked = np.flatnonzero(measured.pushed)
        edges = np.unique(np.rint(np.geomspace(1, ranked.size + 1, self.check.bins + 1)).astype(np.int64)) - 1
        masks = []
        for low, high in pairwise(edges):
            mask = np.zeros(measured.pushed.shape, dtype=np.bool_)
            mask[ranked[low:high]] = True
            masks.append(mask)
        return masks

    def _close(self, modes: Modes) -> float:
        rate = float(self.dataset["learning_rate"]) / (1.0 - float(self.dataset["momentum"]))
        slow = rate * self.measured.eigenvalue[modes].max() < SLOW
        return self.check.response_tolerance if slow else self.check.sharp_tolerance

    def _bin(self, name: str, title: str, modes: Modes, telling: bool) -> Quantity:
        inside = self.measured.eigenvalue[modes]
        low, high = float(inside.min()), float(inside.max())
        rank = 2 if telling else UNRANKED
        at = f", step {self.measured.onset:,}" if self.several else ""
        return Quantity(
            f"{name}[{low:.3g},{high:.3g}]{self._when()}",
            f"{title}, modes {low:.2g}–{high:.2g}{at}",
            {"mode_low": low, "mode_high": high, **self._about()},
            ranks=(rank, rank),
            said=f"{title} of the modes {low:.2g}–{high:.2g}" if telling else "",
        )

    def _when(self) -> str:
        return f"@{self.measured.onset}" if self.several else ""

    def _about(self) -> dict[str, str | float]:
        return {"onset_step": float(self.measured.onset)}

    def _row(
        self,
        ratio: Value,
        quantity: Quantity,
        law: str,
        role: Role,
        modes: Modes,
        tolerance: float,
        numbers: tuple[float, float, float] | None = None,
    ) -> Comparison:
        """`numbers` are measured, its standard error, and predicted, where these are others than the ratio and 1."""
        measured, stderr, predicted = (ratio.value, ratio.stderr, 1.0) if numbers is None else numbers
        assessed = assess_ratio(
            ratio.value, ratio.stderr, 1.0, dof=self.measured.replicas - 1, tolerance=tolerance,
            confidence=self.check.confidence, name="ratio",
        )  # fmt: skip
        return Comparison.from_assessment(
            assessed, model=self.model, quantity=quantity, law=law, role=role, measured=measured,
            standard_error=stderr if math.isfinite(stderr) else math.nan, predicted=predicted, tolerance=tolerance,
            eigenvalues=self.measured.eigenvalue[modes],
        )  # fmt: skip
