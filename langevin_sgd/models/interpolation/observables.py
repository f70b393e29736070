"""What SGD on the line through two trained minima emits beside what every ensemble does."""

from __future__ import annotations

from langevin_sgd.observables.basins import BASINS
from langevin_sgd.observables.variable import Variable, declare

DECLARES = declare(
    **BASINS,
    line_position=Variable(("line_point",), "s along w(s) = w_a + s (w_b - w_a)"),
    line_energy=Variable(("line_point",), "energy: full training loss with weight decay, along the line"),
    line_gradient=Variable(("line_point",), "its derivative by s"),
    line_noise=Variable(("line_point",), "variance of one per-sample derivative by s"),
    minimum_on_line=Variable(("basin",), "s of the minima"),
    barrier_on_line=Variable((), "s of the top of the barrier, where the basins meet"),
)
