"""Compiled part of `langevin_sgd.integrators.flooding`: one walker's flood on one potential."""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def lower(level, site, i, j):  # type: ignore[no-untyped-def]
    """Whether heap entry i comes before entry j; sites of equal potential in the order of their numbers."""
    return level[i] < level[j] or (level[i] == level[j] and site[i] < site[j])


@njit(nogil=True, cache=True)
def swap(level, site, i, j):  # type: ignore[no-untyped-def]
    """Exchange two heap entries."""
    level[i], level[j] = level[j], level[i]
    site[i], site[j] = site[j], site[i]


@njit(nogil=True, cache=True)
def push(level, site, size):  # type: ignore[no-untyped-def]
    """Let the entry written at `size` rise to its place in the heap below it."""
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if not lower(level, site, child, parent):
            break
        swap(level, site, child, parent)
        child = parent


@njit(nogil=True, cache=True)
def pop(level, site, size):  # type: ignore[no-untyped-def]
    """Move the lowest of `size` entries to the place size - 1, and keep a heap of the others."""
    last = size - 1
    swap(level, site, 0, last)
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= last:
            return
        if child + 1 < last and lower(level, site, child + 1, child):
            child += 1
        if not lower(level, site, child, parent):
            return
        swap(level, site, child, parent)
        parent = child


@njit(nogil=True, cache=True)
def flood(potential, shape, start, largest_gamma):  # type: ignore[no-untyped-def]
    """Gamma and site of every move, the Gamma up to which they are known, and whether the edge was met there.

    `potential` is flat, in C order of `shape`; sites are flat indices.
    """
    dimension = shape.size
    flooded_by = np.zeros(potential.size, np.int64)  # the flood that has seen a site
    level, site = np.empty(64, potential.dtype), np.empty(64, np.int64)
    gammas, sites = np.empty(64), np.empty(64, np.int64)
    gammas[0], gamma, events = 0.0, 0.0, 1
    bottom, number, moving = start, 0, True
    size, water = 0, potential[start]
    while True:
        if moving:
            sites[events - 1] = bottom
            number += 1
            flooded_by[bottom] = number
            level[0], site[0], size, water = potential[bottom], bottom, 1, potential[bottom]
            moving = False
        pop(level, site, size)
        size -= 1
        here, height = site[size], level[size]
        water = max(water, height)
        barrier = water - potential[bottom]
        if barrier > largest_gamma:
            return gammas[:events], sites[:events], largest_gamma, False
        if size + 2 * dimension > site.size:
            level = np.concatenate((level, np.empty(level.size, level.dtype)))
            site = np.concatenate((site, np.empty(site.size, np.int64)))
        rest, stride = here, 1
        for axis in range(dimension - 1, -1, -1):
            along = rest % shape[axis]
            if along == 0 or along == shape[axis] - 1:
                return gammas[:events], sites[:events], max(gamma, barrier), True
            for neighbour in (here - stride, here + stride):
                if flooded_by[neighbour] != number:
                    flooded_by[neighbour] = number
                    level[size], site[size] = potential[neighbour], neighbour
                    push(level, site, size)
                    size += 1
            rest //= shape[axis]
            stride *= shape[axis]
        if height < potential[bottom]:
            if barrier > gamma:
                gamma = barrier
                if events == gammas.size:
                    gammas = np.concatenate((gammas, np.empty(events)))
                    sites = np.concatenate((sites, np.empty(events, np.int64)))
                gammas[events] = gamma
                events += 1
            bottom, moving = here, True
