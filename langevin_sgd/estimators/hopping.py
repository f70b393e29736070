"""Moves between basins from sequences of labels, without the fast recrossings of the ridge between them.

A walker belongs to the basin whose core it visited last (core sets, or milestones: Faradjian and Elber 2004; Buchete
and Hummer 2008; Schütte et al. 2011): on its way to and fro over the ridge it moves once, when it reaches the other
core. Then rates do not depend on how often one looks, as long as stays in cores are not missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array, whole_array

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Hopping:
    """Moves between basins: numbers, (basin, basin_2), and rates in unit time spent in the first, with errors."""

    transitions: Labels
    time_in: Array
    rate: Array
    rate_stderr: Array


def last_core(labels: ArrayLike, before: ArrayLike | None = None) -> Labels:
    """The core visited last, (replica, time), from `labels` (replica, time) of the core at each time, -1 in none.

    Until a replica has visited any core it is -1, or that of `before` (replica,): the last column of an earlier piece
    of the same run, so that a run may be taken in pieces.
    """
    cores = whole_array(labels, "the labels", UserError)
    if before is not None:
        cores = np.concatenate([whole_array(before, "the before", UserError)[:, None], cores], axis=1)
    visited = np.maximum.accumulate(np.where(cores >= 0, np.arange(cores.shape[1]), 0), axis=1)
    filled = np.take_along_axis(cores, visited, axis=1)
    return filled if before is None else filled[:, 1:]


def hopping(labels: ArrayLike, *, basins: int, interval: float) -> Hopping:
    """Moves between `basins` cores of replicas with `labels` (replica, time), looked at every `interval` of time.

    k_ab = N_ab/t_a, with N_ab the number of moves from a to b and t_a the time for which a was the core visited last.
    The error is that of a ratio of means over replicas: sqrt(R/(R-1) sum_r (N_r - k t_r)^2)/t. NaN where t_a = 0, and
    for fewer than two replicas.
    """
    cores = last_core(labels)
    replicas = cores.shape[0]
    at, following = cores[:, :-1], cores[:, 1:]
    moves = np.zeros((replicas, basins, basins), dtype=np.int64)
    stays = np.stack([(at == basin).sum(axis=1) for basin in range(basins)], axis=1) * interval
    who, when = np.nonzero((at >= 0) & (at != following))
    np.add.at(moves, (who, at[who, when], following[who, when]), 1)
    return hopping_rates(moves, stays)


def hopping_rates(moves: ArrayLike, time_in: ArrayLike) -> Hopping:
    """Rates and errors from each replica's `moves` (replica, basin, basin_2) and `time_in` (replica, basin)."""
    moved = whole_array(moves, "the moves", UserError)
    spent = real_array(time_in, "the time in", UserError)
    replicas = moved.shape[0]
    total, number = spent.sum(axis=0), moved.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a basin never visited has no rate
        rate = number / total[:, None]
        scatter = ((moved - rate * spent[:, :, None]) ** 2).sum(axis=0)
        stderr = np.sqrt(replicas / np.float64(replicas - 1) * scatter) / total[:, None]
    unknown = (total == 0.0)[:, None] | np.eye(total.size, dtype=np.bool_)
    return Hopping(number, total, np.where(unknown, np.nan, rate), np.where(unknown, np.nan, stderr))
