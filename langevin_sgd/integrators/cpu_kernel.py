"""The loop over steps, records and blocks of the fused CPU backend, compiled once for all formulas.

A block goes through all its steps while its state lies in the first-level cache: Philox words for the block, normals
from the words, update of every lane; each is a loop over the same lanes without a branch, compiled for a formula or a
size of block (`fused_source`, `block_draws`) and called here by its address. All rows of a block lie in one array at
constant distances, so that no aliasing can keep a loop from being vectorised.
"""

import numpy as np
from numba import njit

from langevin_sgd.integrators.by_address import at, call


@njit(nogil=True, error_model="numpy", boundscheck=False, cache=True)
def run(  # type: ignore[no-untyped-def]
    calls, sizes, places, first, last, high_of_counter, low, high, numbers, state, starts, uniform, varying, table,
    offsets, cells, begin, end, record_steps, passage, value_rows, values, mean_rows, groups, sums, histogram_rows,
    edges, counts, faults, first_fault,
):  # fmt: skip
    """Blocks `first` to `last` from step `begin` to `end`.

    `calls` are the addresses of draw, advance_one, advance_many, observe and look_up (0 if there is none), `sizes`
    the whole numbers of `fused_cpu._sizes`, `places` (steps of a word,) what tells a step where in the word it is.
    """
    draw, advance_one, advance_many, observe, look_up = calls
    L, rows, scratch, quantities, quads, gaussian, group_steps, per_word, words_per_step, unrolled, tile_lanes = sizes
    dimension, held, moving = starts.shape[0], state.shape[0], varying.shape[0]
    total = numbers.size
    records = record_steps.size
    y = np.zeros(rows * L, state.dtype)
    s = np.empty(max(1, dimension) * L, state.dtype)
    w = np.empty(4 * quads * L, np.uint32)
    z = np.empty(4 * quads * L if gaussian else 1, np.float32)
    ids = np.empty(L, np.uint32)
    hit = np.empty(L, np.int32)
    base = np.empty(L, np.uint32)
    cell = np.empty(L, np.uint32)
    work = np.empty(max(1, scratch), state.dtype)
    seen = np.empty(max(1, quantities) * L, np.float64)
    for block in range(first, last):
        n0 = block * L
        lanes = min(L, total - n0)
        tile = n0 // tile_lanes
        head = tile * tile_lanes
        for lane in range(L):
            n = n0 + min(lane, lanes - 1)
            ids[lane] = numbers[n]
            hit[lane] = -1
            base[lane] = offsets[n]
            for v in range(held):
                y[v * L + lane] = state[v, n]
            for v in range(moving):
                y[(held + v) * L + lane] = varying[v, n]
            for v in range(dimension):
                s[v * L + lane] = starts[v, n]
        step = begin
        r = 0
        drawn = -1
        while True:
            while r < records and record_steps[r] == step:
                call(observe, (at(y, 0), at(s, 0), at(seen, 0), at(uniform, 0)))
                for q in range(quantities):
                    for lane in range(lanes):
                        if not np.isfinite(seen[q * L + lane]):
                            lost = 0
                            for v in range(dimension):
                                if not np.isfinite(y[v * L + lane]):
                                    lost = 1
                            faults[r, q, lost] += 1
                            first_fault[r, q] = min(first_fault[r, q], n0 + lane)
                for q in range(value_rows.size):
                    row = value_rows[q] * L
                    for lane in range(lanes):
                        values[r, q, n0 + lane] = seen[row + lane]
                for q in range(mean_rows.size):
                    row = mean_rows[q] * L
                    for lane in range(lanes):
                        n = n0 + lane
                        g = groups[n] - groups[head]
                        x = seen[row + lane]
                        if n == head or groups[n] != groups[n - 1]:
                            sums[r, tile, q, 0, g] = x
                        away = x - sums[r, tile, q, 0, g]
                        sums[r, tile, q, 1, g] += away
                        sums[r, tile, q, 2, g] += away * away
                for q in range(histogram_rows.size):
                    row = histogram_rows[q] * L
                    bins = int(edges[q, 2])
                    for lane in range(lanes):
                        place = (seen[row + lane] - edges[q, 0]) * edges[q, 1]
                        b = bins + 1
                        if place < 0.0:
                            b = 0
                        elif place < bins:
                            b = 1 + int(place)
                        counts[r, q, groups[n0 + lane], b] += 1
                r += 1
            if step == end:
                break
            goal = record_steps[r] if r < records else end
            while step < goal:
                group = step // group_steps
                inside = step - group * group_steps
                if group != drawn:
                    drawn = group
                    call(draw, (at(w, 0), at(z, 0), at(ids, 0), quads, high_of_counter, group, low, high))
                stop = min(group_steps, inside + goal - step)
                start = inside
                while inside < stop:
                    row = inside // per_word * words_per_step * L
                    within = inside % per_word
                    offset = np.int32(step + inside - start - begin)
                    function, done = advance_one, 1
                    if unrolled > 1 and within % unrolled == 0 and inside + unrolled <= stop:
                        function, done = advance_many, unrolled
                    elif look_up != 0:
                        call(look_up, (at(y, 0), at(uniform, 0), at(table, 0), at(base, 0), at(cell, 0), at(work, 0),
                                       cells, lanes))  # fmt: skip
                    if gaussian:
                        call(function, (at(y, 0), at(z, row), places[within], at(uniform, 0), at(hit, 0), offset))
                    else:
                        call(function, (at(y, 0), at(w, row), places[within], at(uniform, 0), at(hit, 0), offset))
                    inside += done
                step += stop - start
        for lane in range(lanes):
            for v in range(held):
                state[v, n0 + lane] = y[v * L + lane]
            if passage[n0 + lane] == -1 and hit[lane] >= 0:
                passage[n0 + lane] = begin + 1 + hit[lane]
            elif passage[n0 + lane] == -1 and hit[lane] < -1:
                passage[n0 + lane] = hit[lane] - begin
