"""Whether modes about a minimum are at rest or still diffuse: the growth of their variance in the last half.

With x the displacement along a mode at half of the training and at its end, n/2 steps later, and c the noise in it,

    s = [Var x(n) - Var x(n/2)]/(n/2) over (eta^2/B) c/(1 - momentum)^2,

which is 1 of a walk that nothing holds back and 0 of a mode at rest; from the minimum it is (e^-y - e^-2y)/y of a mode
with eigenvalue k, for y = eta k n/(1 - momentum). Epochs bound a walk without any restoring force: the noises of one
epoch all but cancel. (Ignashin 2026)

The verdict of all is an intersection over bins of modes, as for layers (`checks.stationarity.rows`): at rest if the
interval of every bin lies inside the tolerance, which needs no correction for their number, and not at rest if one lies
outside at a confidence that is corrected for it (Bonferroni).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.flat_modes.config import FlatModesCheck
from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.modes import Modes, eigenvalue_bins
from langevin_sgd.checks.verdicts.labels import UNRANKED, Quantity, Said
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess, inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.estimators.variance_growth import variance_growth

Array = NDArray[np.float64]

REST, FREE, LINEAR = "modes at rest", "free diffusion", "linear process"
ALL = Quantity(
    "flat_modes",
    "growth of the modes",
    ranks=(0, 1),
    said=Said(
        "its modes are at rest",
        "some of its modes still diffuse",
        "whether its modes are at rest is open",
        "fastest growth over free diffusion",
    ),
)
CALLED = {
    Verdict.AGREES: "stationary",
    Verdict.DISAGREES: "still diffusing",
    Verdict.INCONCLUSIVE: "not told",
}
_NAME = "growth of the variance over that of free diffusion"


def rows(judged: Judged, check: FlatModesCheck) -> list[Comparison]:
    """The comparisons of one network at every point of a scan."""
    return [
        replace(row, point=label)
        for label, point in judged.points()
        for row in flat_modes(point, judged.name, check)
        if check.contrasts or row.role == "law"
    ]


def flat_modes(point: xr.Dataset, model: str, check: FlatModesCheck) -> list[Comparison]:
    """All comparisons of one network.

    - `flat_modes`: all bins of modes, by that which grows fastest, with how many modes are stationary, still diffusing
      or neither, each by its own interval;
    - `mode_growth[a,b]`: the sum over the modes with a <= k <= b, sharpest first; as contrasts the same against free
      diffusion and against the linear process with the noise of the minimum;
    - `mode_growth[mode]`: contrasts, each of the flattest modes alone, by their place in the spectrum.
    """
    growth = Growth.of(point)
    masks = eigenvalue_bins(growth.eigenvalue, growth.noisy, check.bins)
    found = [growth.assess(modes, check.tolerance, check.confidence) for modes in masks]
    told = [growth.of_mode(mode, check) for mode in growth.flattest(int(growth.noisy.sum()))]
    made = [_row(model, check, ALL, _whole(growth, masks, found, told, check), growth, growth.noisy)]
    for modes, assessed in zip(masks, found, strict=True):
        inside = growth.eigenvalue[modes]
        quantity = _bin(inside)
        made.append(_row(model, check, quantity, assessed, growth, modes))
        for law, predicted in ((FREE, 1.0), (LINEAR, growth.linear_over_free(modes))):
            against = growth.assess(modes, check.tolerance, check.confidence, around=predicted)
            made.append(
                _row(model, check, quantity, against, growth, modes, role="contrast", law=law, predicted=predicted)
            )
    for mode, assessed in zip(growth.flattest(check.modes), told, strict=False):
        modes = np.arange(growth.noisy.size) == mode
        k = float(growth.eigenvalue[mode])
        quantity = Quantity(f"mode_growth[{mode}]", f"mode {k:.3g}", {"mode": float(mode), "eigenvalue": k})
        told_so = assessed.with_note(CALLED[assessed.verdict])
        made.append(_row(model, check, quantity, told_so, growth, modes, role="contrast"))
    return made


@dataclass(frozen=True)
class Growth:
    """Modes (replica, mode) at half of a training and at its end, `steps` apart, with the noise in them.

    `free` and `linear` are the growth of the variance in a step without a restoring force, and of the linear process.
    """

    earlier: Array
    later: Array
    steps: int
    eigenvalue: Array
    noisy: NDArray[np.bool_]
    free: Array
    linear: Array

    @classmethod
    def of(cls, point: xr.Dataset) -> Growth:
        """What the probe left."""
        seen = _values(point["mode_position"].transpose("growth", "replica", "mode"))
        first, last = point["growth_step"].values.astype(int).tolist()
        return cls(
            seen[0],
            seen[1],
            last - first,
            _values(point["hessian_eigenvalue"]),
            point["noisy"].values.astype(np.bool_),
            _values(point["mode_growth_free"]),
            _values(point["mode_growth_linear"]),
        )

    def flattest(self, number: int) -> list[int]:
        """The noisy modes of the smallest eigenvalues, flattest first."""
        noisy = np.flatnonzero(self.noisy)
        chosen: list[int] = noisy[np.argsort(self.eigenvalue[noisy], kind="stable")][:number].tolist()
        return chosen

    def over_free(self, modes: Modes) -> tuple[float, float]:
        """s of the sum over some modes, and its error between replicas."""
        found = variance_growth(self.earlier[:, modes], self.later[:, modes])
        scale = self.steps * float(self.free[modes].sum())
        return float(found.value) / scale, float(found.stderr) / scale

    def linear_over_free(self, modes: Modes) -> float:
        """The same of the linear process."""
        return float(self.linear[modes].sum() / self.free[modes].sum())

    def assess(self, modes: Modes, tolerance: float, confidence: float, around: float = 0.0) -> Assessment:
        """s of some modes less what is predicted."""
        value, stderr = self.over_free(modes)
        return assess(
            value - around,
            stderr,
            dof=len(self.later) - 1,
            band=Band(-tolerance, tolerance),
            confidence=confidence,
            name=_NAME if around == 0.0 else f"{_NAME}, less {around:.4g},",
            cure="replicas, or steps,",
        )

    def of_mode(self, mode: int, check: FlatModesCheck) -> Assessment:
        """s of one mode against rest."""
        return self.assess(np.arange(self.noisy.size) == mode, check.tolerance, check.confidence)


def _whole(
    growth: Growth, masks: list[Modes], found: list[Assessment], told: list[Assessment], check: FlatModesCheck
) -> Assessment:
    if not masks:
        return inconclusive(np.nan, np.nan, "the noise reaches no mode that has a positive eigenvalue")
    strict = 1.0 - (1.0 - check.confidence) / len(masks)
    moves = [growth.assess(modes, check.tolerance, strict).verdict is Verdict.DISAGREES for modes in masks]
    if any(moves):
        verdict = Verdict.DISAGREES
    elif all(each.verdict is Verdict.AGREES for each in found):
        verdict = Verdict.AGREES
    else:
        verdict = Verdict.INCONCLUSIVE
    considered = np.flatnonzero(moves) if any(moves) else np.arange(len(masks))
    place = max(considered.tolist(), key=lambda at: np.inf if np.isnan(found[at].high) else abs(found[at].estimate))
    inside = growth.eigenvalue[masks[place]]
    numbers = Counter(CALLED[each.verdict] for each in told)
    counts = ", ".join(f"{numbers[name]} {name}" for name in CALLED.values())
    p_value = min(1.0, len(masks) * min(each.p_value for each in found))
    reason = (
        f"of {len(told)} modes with noise {counts}, each at {100 * check.confidence:.4g}%; of {len(masks)} bins "
        f"that of {inside.size} modes from {inside.min():.3g} to {inside.max():.3g} is furthest from rest: "
        f"{found[place].reason}"
    )
    return found[place].because(verdict, p_value, reason)


def _bin(inside: Array) -> Quantity:
    low, high = float(inside.min()), float(inside.max())
    return Quantity(
        f"mode_growth[{low:.3g},{high:.3g}]",
        f"growth, modes {low:.2g}–{high:.2g}",
        {"mode_low": low, "mode_high": high},
        ranks=(2, UNRANKED),
    )


def _row(
    model: str,
    check: FlatModesCheck,
    quantity: Quantity,
    assessed: Assessment,
    growth: Growth,
    modes: Modes,
    *,
    law: str = REST,
    role: Role = "law",
    predicted: float = 0.0,
) -> Comparison:
    return Comparison.from_assessment(
        assessed, model=model, quantity=quantity, law=law, law_title=law, role=role,
        measured=assessed.estimate + predicted, scale="ratio" if predicted == 0.0 else "difference",
        standard_error=assessed.stderr, predicted=predicted, tolerance=check.tolerance,
        eigenvalues=growth.eigenvalue[modes],
    )  # fmt: skip


def _values(variable: xr.DataArray) -> Array:
    return np.asarray(variable.values, dtype=np.float64)
