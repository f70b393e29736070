"""The table of comparisons as text: how its rows read, and which of them fit on one screen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from langevin_sgd.checks.verdicts.labels import UNRANKED, Fault
from langevin_sgd.errors import UserError
from langevin_sgd.observables.points_done import points_done

ROWS_ON_ONE_SCREEN = 25
_DISAGREEING = 3  # the rank of a law row that disagrees, if it has no lower one
_PLACES = 12  # of a difference: what lies beyond them is rounding


@dataclass(frozen=True)
class Row:
    """One comparison, with its numbers as text; `predicted` is a bound where nothing is predicted but smallness.

    `ratio` has an explicit sign where it is a difference.
    """

    model: str
    quantity: str
    law: str
    role: str
    measured: str
    predicted: str
    ratio: str
    verdict: str
    reason: str
    key: str
    about: Mapping[str, Any]
    rank: int
    rank_beside: int
    fault: str
    short: str


@dataclass(frozen=True)
class FailedModel:
    """A model without results, and why."""

    name: str
    status: str
    reason: str


def rows(table: xr.Dataset, positions: Iterable[int] | None = None) -> list[Row]:
    """The comparisons of a table as `check` returns it, in its order, or those at the given positions."""
    columns = {str(name): table[name].values for name in table.data_vars}
    chosen = range(table.sizes["comparison"]) if positions is None else positions
    return [_row({name: values[index] for name, values in columns.items()}) for index in chosen]


def summary(table: xr.Dataset) -> dict[str, Any]:
    """The verdict of the study, its rule and its counts."""
    try:
        found = json.loads(table.attrs["summary"])
        if not isinstance(found["counts"]["law"], dict) or not isinstance(found["counts"]["contrast"], dict):
            raise TypeError("no counts")
        return {"verdict": str(found["verdict"]), "rule": str(found["rule"]), **found}
    except (ValueError, TypeError, KeyError) as error:
        raise UserError("the summary of the comparisons is damaged; `langevin-sgd check` makes it anew") from error


def unasked(table: xr.Dataset) -> str:
    """What to say instead of a verdict of a study that asks for no checks; "" of one that does, or has rows anyway."""
    could = summary(table).get("unasked")
    if could is None or table.sizes["comparison"]:
        return ""
    if not could:
        return "no verdict: the study asks for no checks, and its models emit nothing that one of ours compares"
    listed = ", ".join(map(str, could))
    return (
        f"no verdict: the study asks for no checks; add checks: [{listed}], or some of them, to its config, and "
        "simulate with --resume makes them of what was measured"
    )


def state(of_point: Sequence[Row]) -> str:
    """What became of the basins at one point, for its heading: no equilibrium, or the share of the first basin."""
    for fault in (Fault.NOT_EQUILIBRATED, Fault.ONE_START):
        if any(row.fault == fault for row in of_point):
            return str(fault)
    share = next((row for row in of_point if "occupancy_of" in row.about), None)
    return f"{share.about['occupancy_of']} {share.measured}" if share else ""


def failed_models(tree: xr.DataTree) -> list[FailedModel]:
    """The models of a run that failed or were skipped; their name is not repeated in the reason.

    One of whose scan some points are done has results.
    """
    return [
        FailedModel(
            name, str(node.attrs["status"]), " ".join(str(node.attrs.get("error", "")).split()).removeprefix(f"{name} ")
        )
        for name, node in tree.children.items()
        if node.attrs.get("status", "done") != "done" and not _partly_done(node.to_dataset(inherit=False))
    ]


def _partly_done(model: xr.Dataset) -> bool:
    found = points_done(model)
    return found is not None and found.done > 0


def most_telling(every: Sequence[Row], networks: Sequence[str], limit: int = ROWS_ON_ONE_SCREEN) -> list[Row]:
    """The rows that fit on one screen, in their order: totals, sharpest modes, what disagrees, shift and energy.

    Beside epoch sampling also the flattest modes, where sampling with replacement is furthest off. Contrasts of
    simulated models are left out if there is a network, since they repeat the network's.
    """

    def rank(row: Row) -> int:
        beside = bool(networks) and row.model not in networks
        own = row.rank_beside if beside else row.rank
        return min(own, _DISAGREEING) if row.role == "law" and row.verdict == "disagrees" else own

    ranked = sorted((r, position) for position, row in enumerate(every) if (r := rank(row)) < UNRANKED)
    return [every[position] for position in sorted(position for _, position in ranked[:limit])]


def with_error(value: float, error: float) -> str:
    """A value with its standard error in its last digits: 0.0123 ± 0.0005 is 0.0123(5).

    One digit of the error is given, two if it begins with 1, and powers of ten outside 0.001 to 100,000.
    """
    if not math.isfinite(value) or not math.isfinite(error) or error <= 0:
        return plain(value)
    size = max(abs(value), error)
    exponent = math.floor(math.log10(size))
    shift = 0 if -3 <= exponent < 5 else exponent
    mantissa = error / 10.0 ** math.floor(math.log10(error))
    places = max(0, (1 if mantissa < 1.95 else 0) - math.floor(math.log10(error)) + shift)
    if places > 9:
        return plain(value)
    digits = round(error * 10.0 ** (places - shift))
    text = f"{value / 10.0**shift:.{places}f}({digits})"
    return (f"{text}e{shift}" if shift else text).replace("-", "−")


def plain(value: float, digits: int = 4, sign: str = "") -> str:
    """A number with that many digits, with a true minus sign, a plus if `sign` is "+", no padding in its exponent."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "∞" if value > 0 else "−∞"
    mantissa, mark, exponent = f"{value:{sign}.{digits}g}".partition("e")
    return (mantissa + mark + (str(int(exponent)) if mark else "")).replace("-", "−")


def _row(cells: dict[str, Any]) -> Row:
    predicted = float(cells["predicted"])
    difference = cells.get("scale") == "difference"
    small = predicted == 0 and not difference
    ratio, low, high = (float(cells[name]) for name in ("ratio", "ratio_low", "ratio_high"))
    if difference:  # odds of wells alike are even but for rounding
        predicted, ratio = round(predicted, _PLACES) + 0.0, round(ratio, _PLACES) + 0.0
    key = str(cells["quantity"])
    return Row(
        model=f"{cells['model']} at {cells['point']}" if cells.get("point") else str(cells["model"]),
        quantity=str(cells["quantity_title"]),
        law=str(cells["law_title"]),
        role=str(cells["role"]),
        measured=with_error(float(cells["measured"]), float(cells["standard_error"])),
        predicted=_bound(float(cells["tolerance"])) if small else plain(predicted),
        ratio=interval_text(ratio, low, high, most=3 if small or difference else 4, sign="+" if difference else ""),
        verdict=str(cells["verdict"]),
        reason=str(cells["reason"]),
        key=key,
        about=json.loads(str(cells["about"])),
        rank=int(cells["rank"]),
        rank_beside=int(cells["rank_beside"]),
        fault=str(cells["fault"]),
        short=str(cells["short"]),
    )


def _bound(tolerance: float) -> str:
    """What agrees where nothing is predicted: smallness, or, with no tolerance, an advantage over another law."""
    return f"< {tolerance:g}" if tolerance > 0 else "> 0"


def interval_text(value: float, low: float, high: float, *, most: int, sign: str = "") -> str:
    """A value and its interval, with at most `most` decimals where it is small; `sign` "+" marks what is positive."""
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(low) and math.isfinite(high)):
        return plain(value, 3, sign)
    # As many decimals as the width of the interval makes worth reading, within reason.
    places = min(max(1 - math.floor(math.log10(high - low)), 1), 3 if value > 0.1 else most) if high > low else 3
    if max(abs(low), abs(high)) < 10.0**-places:
        return plain(value, 2, sign)
    if abs(value) >= 100:
        return f"{plain(value, 3, sign)} [{plain(low, 3, sign)}, {plain(high, 3, sign)}]"
    digits = f"{sign}.{places}f"
    return f"{value:{digits}} [{low:{digits}}, {high:{digits}}]".replace("-", "−")
