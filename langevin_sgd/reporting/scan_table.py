"""Comparisons at many points of a scan in a few lines: how many agree, and which one is off most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from langevin_sgd.checks.verdicts.labels import UNRANKED
from langevin_sgd.observables.points_done import points_done
from langevin_sgd.reporting.verdict_table import Row, rows

MANY_POINTS = 8
"""More points than this of one model are counted and not listed."""
ROWS_LISTED = 200
"""Most rows that a page lists one by one."""
NAMED = 12
"""Most titles of rejected rows that are written out."""
_GRAVEST_FIRST = ("disagrees", "inconclusive", "agrees")
_OF_A_GROUP = ("model", "quantity_title", "law_title", "role")


@dataclass(frozen=True)
class Group:
    """One quantity of a model against one law at all points of a scan: how many there are of each verdict.

    `worst` is the row at the point that is off most: among the rows of the gravest verdict the one whose ratio is
    furthest from one, or whose difference, or value where smallness is predicted, is furthest from nought.
    """

    model: str
    quantity: str
    law: str
    role: str
    agrees: int
    disagrees: int
    inconclusive: int
    point: str
    worst: Row
    rank: int
    rank_beside: int


@dataclass(frozen=True)
class Grouped:
    """A table of comparisons in two parts: `groups` over the points of scans, and the positions of all other rows."""

    groups: list[Group]
    single: NDArray[np.intp]
    in_groups: NDArray[np.intp]


def grouped(table: xr.Dataset) -> Grouped:
    """The groups of all models that are compared at many points, in the table's order."""
    models, points = (table[name].values for name in ("model", "point"))
    at: dict[str, set[str]] = {}
    for model, point in set(zip(models.tolist(), points.tolist(), strict=True)):
        if point:
            at.setdefault(model, set()).add(point)
    large = [model for model, labels in at.items() if len(labels) > MANY_POINTS]
    many = np.isin(models, large) & (points != "")
    inside = np.flatnonzero(many)
    return Grouped(_groups(table, inside), np.flatnonzero(~many), inside)


def _groups(table: xr.Dataset, inside: NDArray[np.intp]) -> list[Group]:
    members: dict[tuple[str, ...], list[int]] = {}
    named = [table[name].values[inside].tolist() for name in _OF_A_GROUP]
    for position, *key in zip(inside.tolist(), *named, strict=True):
        members.setdefault(tuple(key), []).append(position)
    verdicts, off = table["verdict"].values, _off(table)
    found = []
    for (model, quantity, law, role), positions in members.items():
        of = np.array(positions)
        each = {verdict: int((verdicts[of] == verdict).sum()) for verdict in _GRAVEST_FIRST}
        gravest = of[verdicts[of] == next(verdict for verdict, count in each.items() if count)]
        (worst,) = rows(table, [int(gravest[np.argmax(off[gravest])])])
        ranks = (int(table[name].values[of].min()) for name in ("rank", "rank_beside"))
        point = str(table["point"].values[gravest[np.argmax(off[gravest])]])
        counts = each["agrees"], each["disagrees"], each["inconclusive"]
        found.append(Group(model, quantity, law, role, *counts, point, worst, *ranks))
    return found


def _off(table: xr.Dataset) -> NDArray[np.float64]:
    """How far each row is from what was predicted, on the scale of its quantity; NaN is not far."""
    ratio = table["ratio"].values.astype(np.float64)
    plain = (table["scale"].values == "difference") | (table["predicted"].values == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(plain, np.abs(ratio), np.abs(np.log(ratio)))
    found: NDArray[np.float64] = np.nan_to_num(off, nan=-1.0, posinf=np.inf)
    return found


def telling(groups: Sequence[Group], networks: Sequence[str], limit: int) -> list[Group]:
    """The groups for one screen, most telling first but in their order; those with a law that disagrees stand."""

    def rank(group: Group) -> int:
        own = group.rank_beside if networks and group.model not in networks else group.rank
        return min(own, 3) if group.role == "law" and group.disagrees else own

    ranked = sorted((r, position) for position, group in enumerate(groups) if (r := rank(group)) < UNRANKED)
    return [groups[position] for position in sorted(position for _, position in ranked[:limit])]


def not_agreeing(table: xr.Dataset, among: NDArray[np.intp], most: int) -> tuple[list[Row], int]:
    """The law rows that do not agree, those that disagree first, at most so many; and how many there are in all."""
    verdict, law = table["verdict"].values[among], table["role"].values[among] == "law"
    chosen = [*among[law & (verdict == "disagrees")], *among[law & (verdict == "inconclusive")]]
    return rows(table, chosen[:most]), len(chosen)


def scans(tree: xr.DataTree) -> dict[str, str]:
    """Of every scanned model of a run that lacks points, how much of it is there."""
    found = {name: points_done(node.to_dataset(inherit=False)) for name, node in tree.children.items()}
    return {name: each.said() for name, each in found.items() if each is not None and not each.whole}
