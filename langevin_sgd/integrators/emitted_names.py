"""The names that `integrate` gives to what it returns, declared once: nothing of the user's may be called the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from langevin_sgd.errors import IntegrationError

if TYPE_CHECKING:
    from langevin_sgd.integrators.record import Record

QUANTITIES: Mapping[str, str] = {
    "energy": "energy",
    "squared_displacement": "squared distance from the start",
}
"""Quantities known without a formula, with their long names."""

AXES: Mapping[str, str] = {
    "replica": "the axis of trajectories",
    "step": "the recorded step",
    "time": "the recorded time",
    "side": "the axis of what fell below and above the bins",
    "basin": "the axis of basins",
    "point": "the axis of listed points of a scan",
}
"""Dimensions and coordinates of the result that are there whatever is recorded."""

OUTCOMES: Mapping[str, str] = {
    "occupancy": "fraction of replicas in the basin",
    "escape_step": "step of first passage, -1 if none yet",
    "escape_time": "time of first passage, NaN if none yet",
}
"""Variables of basins and of a first passage, with their long names."""

RESERVED: Mapping[str, str] = {**QUANTITIES, **AXES, **OUTCOMES}
"""Every name of the result that no parameter, coordinate or recorded formula may have, with what it stands for."""


def reason(name: str, what: str) -> str | None:
    """Why `what` (such as "the coordinate") cannot be called `name`, with the mend; None where it can."""
    if name not in RESERVED:
        return None
    return f"{what} {name!r} has the name of an output ({RESERVED[name]}); rename it, for example {name + '_0'!r}"


def emitted(record: Record, scanned: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Every name of the result of this record and scan, dimensions included, and what it is; in order."""
    for name in scanned:
        yield name, "the scanned parameter" if name != "point" else AXES["point"]
    if record.each or record.first_passage is not None:
        yield "replica", AXES["replica"]
    yield "step", AXES["step"]
    yield "time", AXES["time"]
    for name in record.each:
        yield name, "the quantity kept for each trajectory"
    for name in record.means:
        yield f"{name}_mean", f"the mean of {name}"
        yield f"{name}_stderr", f"the standard error of the mean of {name}"
    for name in record.histograms:
        yield f"{name}_histogram", f"the histogram of {name}"
        yield f"{name}_outside", f"what fell outside the histogram of {name}"
        yield f"{name}_bin", f"the bins of the histogram of {name}"
    if record.histograms:
        yield "side", AXES["side"]
    if record.basins:
        yield "basin", AXES["basin"]
        yield "occupancy", OUTCOMES["occupancy"]
    if record.first_passage is not None:
        yield "escape_step", OUTCOMES["escape_step"]
        yield "escape_time", OUTCOMES["escape_time"]


def check_names_of_run(
    record: Record, variables: Iterable[str], parameters: Iterable[str], scanned: Iterable[str]
) -> None:
    """Raise `IntegrationError` where a name given by the user is that of an output, or two outputs have one name.

    `variables` are the coordinates, `parameters` those of landscape, noise and scheme, `scanned` the dimensions of the
    scan.
    """
    given = {
        "the coordinate": variables,
        "the parameter": parameters,
        "the recorded formula": [name for name in record.formulas if name not in QUANTITIES],  # refused as a quantity
    }
    for what, names in given.items():
        for name in names:
            fault = reason(name, what)
            if fault is not None:
                raise IntegrationError(fault)
    known: dict[str, str] = {}
    for name, what in emitted(record, scanned):
        if name in known:
            raise IntegrationError(
                f"the result would hold {name!r} twice, as {known[name]} and as {what}; rename one, or record it once"
            )
        known[name] = what
