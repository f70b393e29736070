"""How much a probe may measure if it is to take no more than a fifth of the training."""

from __future__ import annotations

from langevin_sgd.training.probes.section import Watched

_SHARE = 0.2


def affordable(watched: Watched, passes: float) -> int:
    """How many measurements of so many `passes` of the training set through the gradient are a fifth of the training.

    One at least; counted in gradients of samples, of which the training takes replicas x steps x batch size.
    """
    if watched.beside is None or watched.steps is None:
        return 1
    taken = float(watched.replicas) * watched.steps * watched.sgd.batch_size
    return max(1, int(_SHARE * taken / (passes * len(watched.beside.samples))))
