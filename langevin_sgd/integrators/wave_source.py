"""Source text that finds the gradient of a sum of waves for every lane ahead of its step.

The waves of a disorder are copied into an array that also holds the sums over them, so that no aliasing can keep the
loop over 16 waves from being vectorised; each of the 16 has a sum of its own, and these are added in pairs. So the bits
of a lane are those of the source, whatever lanes are beside it.
"""

from __future__ import annotations

# sin(2 pi x)/x in powers of x^2, highest first: the minimax polynomial for |x| <= 1/4, absolute error 8e-16.
_SINE = (
    -0.6925067010720717, 3.817365633469135, -15.09450614073429, 42.05868995395094, -76.70585968962867,
    81.60524927557977, -41.341702240398284, 6.283185307179585,
)  # fmt: skip

_TEXT = """
W = {together}
QUARTER = F(0.25)
{constants}


@njit(**PLAIN)
def add_waves(work, {position}, cells):
    for m in range({dimension} * W):
        work[m] = ZERO
    at = {dimension} * W  # stepped on: the vectoriser does not see through a product that no index is negative
    for b in range(cells):
        for m in range(W):
            turns = work[at + {dimension} * W + m]
{turns}
            x = QUARTER - absolute(turns - np.rint(turns))  # cos(2 pi turns) = sin(2 pi x)
            z = x * x
{sine}
            wave = p * x * work[at + {last} * W + m]
{sums}
        at += {fields} * W


@cfunc(LOOK_UP, cache=True, **PLAIN)
def look_up(y, u, table, base, cell, work, cells, lanes):
    held = -1
    for l in range(lanes):
        begin = np.int64(base[l])
        if begin != held:
            held = begin
            for i in range(cells * {fields} * W):
                work[{dimension} * W + i] = table[begin + i]
        add_waves(work, {loads}, cells)
        half = W // 2
        while half > 0:
            for v in range({dimension}):
                for m in range(half):
                    work[v * W + m] += work[v * W + m + half]
            half //= 2
        for v in range({dimension}):
            y[({row} + v) * L + l] = work[v * W]

"""


def slopes_of_waves(dimension: int, row: int) -> str:
    """A function that writes the gradient in `dimension` coordinates, of the positions in the first rows of a block,
    into its rows from `row` on. The table is that of `Waves`."""
    from langevin_sgd.landscapes.waves import TOGETHER  # sympy

    axes = range(dimension)
    deep = " " * 12
    sine = [f"{deep}p = SINE0", *(f"{deep}p = fma(p, z, SINE{i})" for i in range(1, len(_SINE)))]
    return _TEXT.format(
        together=TOGETHER,
        constants="\n".join(f"SINE{i} = F({c!r})" for i, c in enumerate(_SINE)),
        dimension=dimension,
        fields=dimension + 2,
        last=dimension + 1,
        row=row,
        position=", ".join(f"w{i}" for i in axes),
        loads=", ".join(f"y[{i} * L + l]" for i in axes),
        turns="\n".join(f"{deep}turns = fma(work[at + {i} * W + m], w{i}, turns)" for i in axes),
        sine="\n".join(sine),
        sums="\n".join(f"{deep}work[{i} * W + m] = fma(wave, work[at + {i} * W + m], work[{i} * W + m])" for i in axes),
    )


def scratch(dimension: int, cells: int) -> int:
    """The size of the array that it works in."""
    from langevin_sgd.landscapes.waves import TOGETHER

    return (dimension + cells * (dimension + 2)) * TOGETHER
