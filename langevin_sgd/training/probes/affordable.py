"""How much a probe may measure if it is to take no more than a fifth of the training."""

from __future__ import annotations

from langevin_sgd.training.probes.section import Watched

_SHARE = 0.2
_CALL = 2000  # gradients of samples of a small network in training, in the time that a call of torch takes to begin


def affordable(watched: Watched, passes: float, *, calls: float = 0.0) -> int:
    """How many measurements of so many `passes` of the training set through the gradient are a fifth of the training.

    One at least, whatever it costs; counted in gradients of samples, of which the training takes replicas x steps x
    batch size. One that makes many small `calls` pays for each of these too. What it takes to record the functions of a
    probe, some tenths of a second when they are first used, is not counted: it is the same however often it measures.
    """
    if watched.beside is None or watched.steps is None:
        return 1
    taken = float(watched.replicas) * watched.steps * watched.sgd.batch_size
    return max(1, int(_SHARE * taken / (passes * len(watched.beside.samples) + calls * _CALL)))
