"""The stationary window of a run: what is left out of it, and how often it is sampled."""

from __future__ import annotations

from typing import Protocol

from langevin_sgd.config.errors import Faults, KeyPath


class Windowed(Protocol):
    """A model with a stationary window."""

    @property
    def burn_in(self) -> int | None:
        """Steps left out."""

    @property
    def sample_every(self) -> int | None:
        """Steps between samples."""


def window_problems(at: KeyPath, model: Windowed, steps: int, *, exists: bool) -> Faults:
    """What is wrong with the window of a model of `steps` steps at the key path `at`; there may be none."""
    if not exists:
        for field in ("burn_in", "sample_every"):
            if getattr(model, field) is not None:
                yield (*at, field), "there is no stationary window without start: minimum and curvature; remove it"
        return
    if model.burn_in is not None and model.burn_in >= steps:
        yield (*at, "burn_in"), f"{model.burn_in} leaves nothing of the {steps} steps; give less than {steps}, or null"
        return
    longest = steps - (steps // 2 if model.burn_in is None else model.burn_in)
    if model.sample_every is not None and model.sample_every > longest:
        yield (*at, "sample_every"), f"{model.sample_every} is more than the {longest} steps after burn-in; give less"
